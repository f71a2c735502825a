"""
What NannyML's calculators make of some days; runs in an environment of its own.

`python nannyml_run.py DATA.npz` prints JSON: of each series of days the share that
alarms in any column, and by reconstruction of principal components; what it costs.
"""

import json
import os
import sys
import time
import warnings

import numpy as np

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
warnings.simplefilter("ignore")
import nannyml as nml  # noqa: E402 - it looks at the environment
import pandas as pd  # noqa: E402


def main() -> None:
    """Compare each `days_*` with the days of `baseline_*`, in chunks of a day."""
    with np.load(sys.argv[1]) as data:
        found = {}
        for name in data.files:
            kind, _, which = name.partition("_")
            if kind != "days":
                continue
            baseline = data[f"baseline_{which.split('.')[0]}"]
            size = int(data[f"size_{which.split('.')[0]}"])
            began = time.process_time()
            found[which] = [*alarms(baseline, data[name], size)]
            found[which].append(time.process_time() - began)
    with open("/proc/self/status") as status:  # noqa: PTH123 - alone in its environment
        peak = int(status.read().split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"version": nml.__version__, "found": found, "peak_mb": peak}))


def alarms(baseline: np.ndarray, days: np.ndarray, size: int) -> tuple[float, float]:
    """Give the share of days that alarm in any column, and as a whole."""
    names = [f"f{at:02}" for at in range(baseline.shape[1])]
    reference = pd.DataFrame(baseline, columns=names)
    analysis = pd.DataFrame(days, columns=names)
    alone = nml.UnivariateDriftCalculator(column_names=names, chunk_size=size)
    seen = alone.fit(reference).calculate(analysis)
    frame = seen.filter(period="analysis").to_df()
    each = frame.loc[:, [one for one in frame.columns if one[-1] == "alert"]]
    together = nml.DataReconstructionDriftCalculator(
        column_names=names, chunk_size=size
    )
    whole = together.fit(reference).calculate(analysis)
    frame = whole.filter(period="analysis").to_df()
    joint = frame.loc[:, [one for one in frame.columns if one[-1] == "alert"]]
    return float(each.any(axis=1).mean()), float(joint.any(axis=1).mean())


if __name__ == "__main__":
    main()
