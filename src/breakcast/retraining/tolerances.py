"""What a candidate may cost, and what it has to gain: the bounds of the gate."""

import msgspec


class Tolerances(msgspec.Struct, frozen=True, kw_only=True):
    """
    The bounds of the gate; shares are of the champion's own figure.

    Attributes:
        builds: Outcomes that it takes to judge, …
        days: … and how long they have to reach back, so that no single day decides.
        level: The chance that a candidate which is no better is found better.
        gain: By how much it must surely be better, in Brier score or in PR-AUC. Not 0:
            a few weeks of builds have luck of their own, which drawing them again and
            again does not show. Chosen, with `builds`, on 28 simulated histories, where
            none of 84 that were no better passed.
        loss: By how much it may be worse in the other one.
        slice_loss: By how much it may surely be worse, in Brier score, in any
            repository of 200 outcomes or more.
        calibration: How far its calibration error may lie above the champion's.
        accuracy: How often answers given must be right; where the champion's are not,
            as often as the champion's.
        milliseconds: CPU time that one score may take.
        megabytes: How large its trees may be.
    """

    builds: int = 1_000
    days: float = 3.0
    level: float = 0.05
    gain: float = 0.03
    loss: float = 0.01
    slice_loss: float = 0.1
    calibration: float = 0.02
    accuracy: float = 0.88
    milliseconds: float = 2.0
    megabytes: float = 50.0
