"""A ledger moves from one database to another by a builds file, and back, equal."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from breakcast.history.buildsexport import write_builds
from breakcast.history.buildsfile import read_builds
from breakcast.history.identity import AuthorIdentity
from breakcast.history.importing import import_builds
from breakcast.history.ledger import Ledger
from breakcast.history.simulate import Simulation, write_simulated

IDENTITY = AuthorIdentity(bytes(32))
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def move(source: Ledger, target: Ledger, file: Path) -> None:
    """Export one ledger and import it into another, hashed authors as they are."""
    assert write_builds(file, source).left_out == 0
    summary = import_builds(target, read_builds(file, identity=IDENTITY, now=LATER))
    assert summary.found.refusals == ()
    assert summary.appended.conflicting == 0


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_history_is_the_same_in_the_other_database_and_back_again(
    ledger: Ledger, other_place: str, tmp_path: Path, ending: str
) -> None:
    history = tmp_path / "history.csv"
    write_simulated(
        history, Simulation(builds=800, repositories=6, organisations=3), seed=5
    )
    import_builds(ledger, read_builds(history, identity=IDENTITY, now=LATER))
    first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
    with Ledger.open(other_place) as other, Ledger.temporary() as back:
        move(ledger, other, first)
        move(other, back, second)
        assert list(other) == list(ledger)
        assert list(back) == list(ledger)
        assert other.organisations() == ledger.organisations()
    assert first.read_bytes() == second.read_bytes()
