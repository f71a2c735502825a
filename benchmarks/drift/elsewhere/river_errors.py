"""
What River's detectors make of streams of errors; runs in an environment of its own.

`python river_errors.py DATA.npz` prints JSON: for each case and detector how often it
alarmed while nothing changed, and after how many labels it first did once errors
became more; null where it never did. Each has seen the reference's errors before.
"""

import json
import pickle
import sys
from importlib.metadata import version

import numpy as np
from river.drift import ADWIN, PageHinkley
from river.drift.binary import DDM, HDDMW

DETECTORS = {"ADWIN": ADWIN, "DDM": DDM, "HDDM_W": HDDMW, "PageHinkley": PageHinkley}


def main() -> None:
    """Follow each `CASE/null` and `CASE/plus_…` after its `CASE/reference`."""
    with np.load(sys.argv[1]) as data:
        cases = {name: data[name] for name in data.files}
    found = {}
    for name, reference in cases.items():
        case, _, kind = name.partition("/")
        if kind != "reference":
            continue
        changed = [one for one in cases if one.startswith(f"{case}/plus_")]
        found[case] = {}
        for tool, detector in DETECTORS.items():
            known = [taught(detector(), errors) for errors in reference]
            nulls = zip(known, cases[f"{case}/null"], strict=True)
            found[case][tool] = {
                "alarms": [len(alarms(one, errors)) for one, errors in nulls],
                **{
                    one.partition("/")[2]: [
                        (alarms(before, errors, most=1) or [None])[0]
                        for before, errors in zip(known, cases[one], strict=True)
                    ]
                    for one in changed
                },
            }
    print(json.dumps({"version": version("river"), "found": found}))


def taught(detector, errors) -> bytes:
    """Show a detector what is usual; give it as it stands then."""
    for wrong in errors.tolist():
        detector.update(wrong)
    return pickle.dumps(detector)


def alarms(known: bytes, errors, most: int | None = None) -> list[int]:
    """Give the labels after which it alarms; it begins anew by itself."""
    detector = pickle.loads(known)  # noqa: S301 - pickled right above
    found = []
    for at, wrong in enumerate(errors.tolist()):
        detector.update(wrong)
        if detector.drift_detected:
            found.append(at + 1)
            if most is not None and len(found) >= most:
                break
    return found


if __name__ == "__main__":
    main()
