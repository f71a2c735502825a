"""
Which pushes of one simulated repository carry a defect, and whose.

A push may bring a defect, by odds that depend on its author, size, paths and
repository, and on the season. The defect travels along the lineage and lasts
until a push mends it, which is unlikely before its first red build has ended.
"""

import numpy as np

from breakcast.history.simulatedpushes import Pushes
from breakcast.history.simulatedsittings import Floats, Ints
from breakcast.history.simulation import Simulation

# How a push mends a defect, against the chance the defect would give it.
_UNNOTICED = 0.15  # nobody knows of it yet
_ELSEWHERE = 0.3  # a pull request mends main's defect seldom
_SOMEBODY_ELSE = 0.9
_MERGED_RED = 0.25  # share of red pull requests merged as they are
_SEASON_WEEKS = 7.2  # a season's mood falls to 1/e in so many weeks
_MENDING_MOOD = 0.3
_WEEK = 7 * 86_400


def draw_defects(
    simulation: Simulation, rng: np.random.Generator, pushes: Pushes, noticed_at: Floats
) -> Ints:
    """
    Say for each push which one brought the defect it carries; -1 is none.

    Args:
        simulation: The parameters.
        rng: Where chance comes from.
        pushes: The repository's pushes.
        noticed_at: When each push's first build has ended, seconds since 1970.
    """
    total = len(pushes.at)
    careless = simulation.repository_risk_spread * float(rng.standard_normal())
    mood = simulation.mood_spread * _seasons(rng, pushes.at)
    odds = _logit(simulation.break_share) + careless + mood + pushes.risk
    breaks = (rng.random(total) < 1 / (1 + np.exp(-odds))).tolist()
    easy = _logit(rng.random(total) ** (1 / simulation.fix_exponent))
    easy -= simulation.neglect * careless + _MENDING_MOOD * mood
    ease = (1 / (1 + np.exp(-easy))).tolist()
    luck = rng.random(total).tolist()
    merged_red = (rng.random(total) < _MERGED_RED).tolist()

    parent, merged = pushes.parent.tolist(), pushes.merged.tolist()
    branch, author = pushes.branch.tolist(), pushes.author.tolist()
    at, noticed = pushes.at.tolist(), noticed_at.tolist()
    defects: list[int] = []
    for push in range(total):
        defect = defects[parent[push]] if parent[push] >= 0 else -1
        if defect < 0 and merged[push] >= 0 and merged_red[push]:
            defect = defects[merged[push]]
            if branch[defect] != branch[merged[push]]:
                defect = -1  # main's own, which main has mended since
        if defect >= 0:
            chance = ease[defect]
            if at[push] < noticed[defect]:
                chance *= _UNNOTICED
            elif branch[push] != branch[defect]:
                chance *= _ELSEWHERE
            elif author[push] != author[defect]:
                chance *= _SOMEBODY_ELSE
            if luck[push] < chance:
                defect = -1
        if defect < 0 and breaks[push]:
            defect = push
        defects.append(defect)
    return np.array(defects, np.int64)


def _logit(share: Floats | float) -> Floats:
    inside: Floats = np.clip(share, 1e-9, 1 - 1e-9)
    odds: Floats = np.log(inside / (1 - inside))
    return odds


def _seasons(rng: np.random.Generator, at: Ints) -> Floats:
    """Each push's mood, of mean 0 and spread 1, which drifts from week to week."""
    week = (at - at[0]) // _WEEK
    keep = float(np.exp(-1 / _SEASON_WEEKS))
    fresh = float(np.sqrt(1 - keep * keep))
    level = float(rng.standard_normal())
    levels = []
    for step in rng.standard_normal(int(week[-1]) + 1).tolist():
        level = keep * level + fresh * step
        levels.append(level)
    moods: Floats = np.array(levels)[week]
    return moods
