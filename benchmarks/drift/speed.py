"""What a report costs at 100,000 rows of 40 columns: CPU time and memory, alone."""

import subprocess
import sys
from typing import Any

import msgspec
import numpy as np

ROWS, COLUMNS = 100_000, 40
PROGRAM = """
import sys, time
import numpy as np

how = sys.argv[1]
rng = np.random.default_rng(0)
baseline, current = (rng.normal(size=({rows}, {columns})) for _ in range(2))
days = np.arange({rows}) * 60 // 86_400 * 86_400
import scipy.special, scipy.stats
from breakcast import DataDriftMonitor

began = time.process_time()
if how == "scipy":
    made = time.process_time()
    for column in range({columns}):
        scipy.stats.ks_2samp(baseline[:, column], current[:, column], method="asymp")
elif how == "rows":
    monitor = DataDriftMonitor(baseline)
    made = time.process_time()
    monitor.report(current)
else:
    monitor = DataDriftMonitor(baseline, baseline_timestamps=days)
    made = time.process_time()
    monitor.report(current, days + 70 * 86_400)
ended = time.process_time()
status = open("/proc/self/status").read()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1024
print([made - began, ended - made, peak])
"""


def measure_speed(rounds: int) -> dict[str, Any]:
    """Measure each way in processes of their own, in turn; medians."""
    program = PROGRAM.format(rows=ROWS, columns=COLUMNS)
    found: dict[str, list[list[float]]] = {"rows": [], "windows": [], "scipy": []}
    for _ in range(rounds):
        for how, measured in found.items():
            ended = subprocess.run(  # noqa: S603 - this very program
                [sys.executable, "-c", program, how],
                capture_output=True,
                check=True,
                env={"OMP_NUM_THREADS": "1"},
            )
            measured.append(msgspec.json.decode(ended.stdout))
    return {
        how: dict(
            zip(
                ("baseline_seconds", "report_seconds", "peak_mb"),
                np.median(measured, axis=0).tolist(),
                strict=True,
            )
        )
        | {"rounds": rounds}
        for how, measured in found.items()
    }
