"""The model card: what a bundle is, in plain words, for whoever finds it."""

from breakcast.features.catalog import Catalog
from breakcast.model.evaluation import Evaluation
from breakcast.model.manifest import Manifest
from breakcast.model.weighted import METRICS

_UNDEFINED = "–"


def render_card(manifest: Manifest, catalog: Catalog, evaluation: Evaluation) -> str:
    """
    Write the card as Markdown.

    Args:
        manifest: What the bundle says of itself; its files may still be unsealed.
        catalog: The columns.
        evaluation: What the test found.
    """
    return (
        "\n\n".join(
            [
                "# Model card",
                _what(manifest, catalog),
                "## Taught by",
                _taught_by(manifest),
                "## How good it is",
                _how_good(evaluation),
                "## Limits",
                _limits(manifest, evaluation),
                "## Made with",
                _made_with(manifest, catalog),
                "## How to rebuild it",
                _rebuild(manifest),
            ]
        )
        + "\n"
    )


def _what(manifest: Manifest, catalog: Catalog) -> str:
    return (
        "Forecasts, when a CI build starts, the probability that this attempt ends "
        "red, whatever the cause. "
        f"A {manifest.estimator.rpartition('.')[2]} over {catalog.width} features of "
        "what was known just then, calibrated across repositories and, online, for "
        f"each. {_cut(manifest.confidence_cut)} Its version stands in `manifest.json`."
    )


def _cut(cut: float | None) -> str:
    if cut is None:
        return (
            "On validation no confidence kept the accuracy asked for, so it abstains "
            "from every yes or no."
        )
    return f"It abstains where max(p, 1 − p) is below {cut:.3f}."


def _taught_by(manifest: Manifest) -> str:
    window = manifest.window
    return _listed(
        f"{window.builds} builds of {window.repos} repositories",
        f"started from {window.first_at:%Y-%m-%d %H:%M} to "
        f"{window.last_at:%Y-%m-%d %H:%M} UTC",
        f"the ledger up to position {manifest.ledger_position}{_held_out(manifest)}",
    )


def _held_out(manifest: Manifest) -> str:
    if manifest.taught_before is None:
        return ""
    before = f"{manifest.taught_before:%Y-%m-%d %H:%M} UTC"
    return f", and of that what was known before {before}: the rest is for the gate"


def _how_good(evaluation: Evaluation) -> str:
    heard = {
        "model": evaluation.model,
        "parrot": evaluation.parrot,
        "majority": evaluation.majority,
    }
    lines = [
        (
            f"On the newest {evaluation.data.test_builds} builds (protocol "
            f"`{evaluation.protocol}`), forecast by forests that had not seen them "
            "(this one has: they taught it too), beside repeating the last outcome "
            "(the parrot) and the repository's failure rate (the majority):"
        ),
        "",
        "| metric | " + " | ".join(heard) + " | macro model |",
        "|---|" + "---:|" * (len(heard) + 1),
    ]
    for metric in METRICS:
        values = [getattr(standing.pooled, metric) for standing in heard.values()]
        values.append(getattr(evaluation.model.macro, metric))
        lines.append(f"| {metric} | " + " | ".join(map(_number, values)) + " |")
    first, chosen = evaluation.first_failure, evaluation.selective
    lines += [
        "",
        (
            f"First failures ({first.builds} builds last known green): ROC area "
            f"{_number(first.roc_auc)}. Answers given: {_percent(chosen.coverage)} of "
            f"the builds, {_percent(chosen.accuracy)} of them right (asked for: "
            f"{_percent(chosen.target)})."
        ),
        "",
        f"Verdict: **{evaluation.verdict}**.",
        "",
        _listed(*evaluation.reasons),
    ]
    return "\n".join(lines).rstrip()


def _limits(manifest: Manifest, evaluation: Evaluation) -> str:
    limits = [
        "Red is red: a flaky test and a broken network count as a failure does.",
        (
            "A build of which only the headline is known is answered with the rest "
            "unknown, which is less than it was judged on."
        ),
        (
            "It was judged on the repositories it was taught by; for others expect "
            "less, and look at `calibration` in `evaluation.json`."
        ),
    ]
    if not manifest.takes_missing:
        limits.append(
            "Its estimator knows no unknown values: where one is unknown, the answer "
            "rests on sides of the trees that were never fitted."
        )
    limits += evaluation.data.notes
    return _listed(*limits)


def _made_with(manifest: Manifest, catalog: Catalog) -> str:
    made, recipe = manifest.made_by, manifest.recipe
    return _listed(
        f"breakcast {made.breakcast}, Python {made.python}, NumPy {made.numpy}, "
        f"scikit-learn {made.scikit_learn}, Treelite {made.treelite}",
        "recipe: " + ", ".join(f"{name} {value}" for name, value in recipe.items()),
        f"catalog {catalog.hash}",
        f"created at {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC",
    )


def _rebuild(manifest: Manifest) -> str:
    return (
        "With these versions and the ledger up to position "
        f"{manifest.ledger_position}, `breakcast models rebuild` grows the same trees, "
        "and compares them: the seed stands in the recipe, and one thread grows the "
        "forest, so that sums come out in one order. `model.joblib` is the "
        "scikit-learn estimator the trees were read from; it is a pickle, so load it "
        "only if you trust whoever wrote it. Serving never does."
    )


def _listed(*lines: str) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _number(value: float | None) -> str:
    return _UNDEFINED if value is None else f"{value:.3f}"


def _percent(share: float | None) -> str:
    return _UNDEFINED if share is None else f"{100 * share:.1f} %"
