"""The rooms keep to their contracts, and the contracts to the code."""

import sys
import tomllib
from importlib.metadata import packages_distributions, requires
from pathlib import Path
from typing import Any

import grimp
import pytest
from importlinter.cli import lint_imports
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


@pytest.fixture(scope="module")
def outside_packages() -> set[str]:
    """Every package outside breakcast and the standard library that src imports."""
    graph = grimp.build_graph(
        "breakcast", include_external_packages=True, cache_dir=None
    )
    outside = {name for name in graph.modules if graph.is_module_squashed(name)}
    return outside - sys.stdlib_module_names


def test_imports_keep_every_contract(capsys: pytest.CaptureFixture[str]) -> None:
    exit_code = lint_imports(str(PYPROJECT), no_cache=True, no_logo=True)

    if exit_code:
        pytest.fail(capsys.readouterr().out, pytrace=False)


def test_every_outside_package_is_held_to_its_rooms(outside_packages: set[str]) -> None:
    """A package missing from the contract's list could be imported anywhere."""
    listed = set(_contract("outside")["forbidden_modules"])

    assert outside_packages <= listed


def test_every_outside_package_is_a_declared_dependency(
    outside_packages: set[str],
) -> None:
    """What arrives only through another package goes when that package lets it go."""
    requirements = map(Requirement, requires("breakcast") or [])
    declared = {canonicalize_name(requirement.name) for requirement in requirements}
    distributions = packages_distributions()

    undeclared = {
        package
        for package in outside_packages
        # Feast is declared, and installed in an environment of its own.
        if not declared.intersection(
            map(canonicalize_name, distributions.get(package, [package]))
        )
    }

    assert undeclared == set()


def _contract(contract_id: str) -> dict[str, Any]:
    linter = tomllib.loads(PYPROJECT.read_text())["tool"]["importlinter"]
    return next(c for c in linter["contracts"] if c["id"] == contract_id)
