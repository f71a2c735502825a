"""
The reference pages that are made from code: `python -m tests.reference` writes them.

`tests/test_docs.py` fails where a page is no longer what the code says.
"""

import ast
from pathlib import Path

from breakcast.features.columns import catalog_of
from breakcast.history.outcomes import OUTCOME_WORDS
from breakcast.settings import Settings

DOCS = Path(__file__).parent.parent / "docs"


def features_page() -> str:
    """Lay out the catalog."""
    lines = [
        "# Features",
        "",
        "Made from `features/columns.py` by `python -m tests.reference`. One row a",
        "build, in this order; float32; NaN where unknown. After these come",
        "`previous.<name>` for each `result.<name>` of the history (that of the",
        "nearest known ancestor, or of the branch's last known build) and",
        "`signal.<name>`.",
        "",
        "| feature | unit | meaning |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{feature.name}` | {feature.unit} | {feature.meaning} |"
        for feature in catalog_of().features
    ]
    return "\n".join(lines) + "\n"


def settings_page() -> str:
    """Lay out the settings, with the docstring under each field."""
    source = Path(__file__).parent.parent / "src/breakcast/settings.py"
    text = source.read_text(encoding="utf-8")
    lines = [
        "# Settings",
        "",
        "Made from `settings.py` by `python -m tests.reference`. In `breakcast.toml`",
        "by name, in the environment as `BREAKCAST_<NAME>`; the environment wins.",
        "",
        "| setting | default | meaning |",
        "|---|---|---|",
    ]
    for name, field in Settings.model_fields.items():
        after = text.split(f"    {name}: ", 1)[1]
        meaning = " ".join(after.split('"""', 2)[1].split())
        default = field.default
        if name == "workers":
            default = "the number of cores"
        elif isinstance(default, frozenset):
            default = ", ".join(sorted(default, reverse=True))
        lines.append(f"| `{name}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def outcomes_table() -> str:
    """Lay out every provider's words."""
    lines = ["| word | outcome |", "|---|---|"]
    lines += [f"| `{word}` | {outcome} |" for word, outcome in OUTCOME_WORDS.items()]
    return "\n".join(lines) + "\n"


ROOMS = (
    "cli",
    "wiring",
    "settings.py",
    "console",
    "adapters",
    "live",
    "retraining",
    "monitoring",
    "serving",
    "model",
    "features",
    "history",
    "blobs.py",
    "errors.py",
)


def map_page() -> str:
    """Lay out the rooms and their files, each with its first sentence."""
    lines = [
        "# The map",
        "",
        "Made from the files' own first sentences by `python -m tests.reference`.",
        "Imports run downwards only; `make check` holds that.",
        "",
        "```",
        "history/   builds file -> ledger -> replay",
        "features/  replay -> FeatureState -> row(build, as_of) -> table",
        "model/     table -> backtest -> evaluation, table -> train -> bundle",
        "serving/   vector, row -> predictor -> prediction -> V1, V2, journal",
        "monitoring/ journal, outcomes -> quality, drift -> health report",
        "retraining/ health report -> decision",
        "console/   evaluation -> report",
        "```",
        "",
        "Beside the package: `tests/` mirrors the rooms; `benchmarks/` holds what is",
        "measured and its committed results; `docs/` what you are reading;",
        "`requirements/` the locked dependencies; `.ci/run` what CI runs.",
    ]
    source = Path(__file__).parent.parent / "src/breakcast"
    for room in ROOMS:
        place = source / room
        if place.suffix:
            lines += ["", f"## `{room}`", "", _first_sentence(place)]
            continue
        lines += ["", f"## `{room}/`", "", _first_sentence(place / "__init__.py"), ""]
        files = sorted(
            path
            for path in (*place.glob("*.py"), *place.glob("*/__init__.py"))
            if path != place / "__init__.py" and "migrations" not in path.parts
        )
        lines += ["| file | idea |", "|---|---|"]
        lines += [f"| `{_name(path)}` | {_first_sentence(path)} |" for path in files]
    return "\n".join(lines) + "\n"


def _name(path: Path) -> str:
    return f"{path.parent.name}/" if path.name == "__init__.py" else path.name


def _first_sentence(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.split("\n\n", 1)[0].split())


PAGES = {
    "features.md": features_page,
    "map.md": map_page,
    "settings.md": settings_page,
}


def main() -> None:
    """Write all pages."""
    for name, page in PAGES.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
