"""Forecasts of a made-up CI with known quality, for tests of judgement."""

from typing import Any

import numpy as np

from breakcast.model.forecasts import Forecasts


def make_forecasts(
    builds: int = 2_000,
    *,
    repos: int = 5,
    seed: int = 0,
    noise: float = 0.5,
    failure_logit: float = -1.5,
    **columns: Any,  # noqa: ANN401 - whatever column a test wants otherwise
) -> Forecasts:
    """
    Calibrated-enough forecasts of builds spread over 100 days.

    `noise` blurs the model (0: it knows the true P(red)); the parrot repeats
    the build before it in the same repository. `columns` replace made ones.
    """
    rng = np.random.default_rng(seed)
    repo = np.arange(builds) % repos
    logit = failure_logit + rng.normal(0, 2.0, builds)
    failed = rng.random(builds) < _sigmoid(logit)
    parrot = np.full(builds, np.nan)
    parrot[repos:] = failed[:-repos]
    made: dict[str, Any] = {
        "probability": _sigmoid(logit + noise * rng.normal(0, 1, builds)).round(3),
        "failed": failed,
        "parrot": parrot,
        "majority": np.full(builds, _sigmoid(failure_logit)),
        "is_first": parrot == 0,
        "repo": repo,
        "repo_names": tuple(f"acme/repo-{number}" for number in range(repos)),
        "started_at": 1.7e9 + np.sort(rng.uniform(0, 100 * 86_400, builds)),
        "minutes": rng.lognormal(2.0, 0.7, builds),
    }
    return Forecasts(**(made | columns))


def _sigmoid(logit: Any) -> Any:  # noqa: ANN401 - float or array, as numpy has it
    return 1 / (1 + np.exp(-logit))
