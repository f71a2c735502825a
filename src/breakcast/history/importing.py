"""A builds file into the ledger: the whole file, or nothing of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from breakcast.history.buildsfile import BuildsFile, BuildsReport
from breakcast.history.events import Event
from breakcast.history.ledger import Ledger
from breakcast.history.ledgerrows import Appended


@dataclass(frozen=True, slots=True)
class ImportSummary:
    """
    What an import found, and what it changed.

    Attributes:
        found: The rows of the file.
        appended: The facts in them: new, known already, in conflict.
    """

    found: BuildsReport
    appended: Appended


def import_builds(
    ledger: Ledger,
    builds: BuildsFile,
    *,
    progress: Callable[[int, int | None], None] | None = None,
) -> ImportSummary:
    """
    Put a builds file's facts into the ledger, in one transaction.

    Args:
        ledger: Where to.
        builds: The file, as `read_builds` opened it.
        progress: Told how many rows are done, and of how many (None if only
            reading the file to its end can tell), after each batch.

    Raises:
        BuildsFileError: If the file breaks off; the ledger is as before.
        LedgerError: If the database fails; the ledger is as before.
    """

    def batches() -> Iterator[list[Event]]:
        for batch in builds:
            yield batch
            if progress is not None:
                progress(builds.rows_done, builds.rows_total)

    appended = ledger.append_all(batches())
    return ImportSummary(builds.report, appended)
