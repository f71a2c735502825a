"""
What Evidently's preset makes of some comparisons; runs in an environment of its own.

`python evidently_run.py DATA.npz` prints JSON: of each comparison whether any column,
and whether the data set, is said to have drifted; and what one costs.
"""

import json
import sys
import time
import warnings

import numpy as np

warnings.simplefilter("ignore")
import evidently  # noqa: E402 - its own imports warn
import pandas as pd  # noqa: E402
from evidently import DataDefinition, Dataset, Report  # noqa: E402
from evidently.presets import DataDriftPreset  # noqa: E402


def main() -> None:
    """Compare each `current_*` with its `baseline_*`."""
    with np.load(sys.argv[1]) as data:
        found = {}
        for name in data.files:
            kind, _, which = name.partition("_")
            if kind != "current":
                continue
            baseline = data[f"baseline_{which.split('.')[0]}"]
            began = time.process_time()
            found[which] = [*drifted(baseline, data[name]), time.process_time() - began]
    with open("/proc/self/status") as status:  # noqa: PTH123 - alone in its environment
        peak = int(status.read().split("VmHWM:")[1].split()[0]) / 1024
    print(
        json.dumps({"version": evidently.__version__, "found": found, "peak_mb": peak})
    )


def drifted(baseline: np.ndarray, current: np.ndarray) -> tuple[bool, bool]:
    """Say whether any column, and whether the whole, has drifted."""
    names = [f"f{at:02}" for at in range(baseline.shape[1])]
    definition = DataDefinition(numerical_columns=names)
    ran = Report([DataDriftPreset()]).run(
        Dataset.from_pandas(pd.DataFrame(current, columns=names), definition),
        Dataset.from_pandas(pd.DataFrame(baseline, columns=names), definition),
    )
    (counted,) = [
        one["value"]
        for one in ran.dict()["metrics"]
        if isinstance(one["value"], dict) and "count" in one["value"]
    ]
    return counted["count"] > 0, counted["share"] >= 0.5


if __name__ == "__main__":
    main()
