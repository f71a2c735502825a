"""
The rows of a CSV builds file as they stand there, each with its line.

Python's own reader, not DuckDB's: with the rows needed as Python objects it is
several times as fast, it knows each row's line whatever is quoted, and a broken
row does not end the file. Memory holds one row.
"""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

from breakcast.errors import BuildsFileError
from breakcast.history.buildscells import RowRefused, Value
from breakcast.history.buildsrow import Line

LONGEST_LINE = 8 * 1024 * 1024
"""Most characters of a line or cell; a stray quote costs no more than this."""


class CsvTable:
    """
    Comma-separated UTF-8 text with a header, perhaps gzipped.

    Attributes:
        columns: The header's names, in order.
        rows_total: None: a row can only be counted by reading it.

    Args:
        path: A file whose name ends in .csv or .csv.gz.

    Raises:
        BuildsFileError: If the file is empty, or its header cannot be read.
    """

    def __init__(self, path: Path) -> None:
        """Read the header."""
        self._path = path
        self.rows_total: int | None = None
        # A cell may hold the paths of a whole import; the default is 128 KiB.
        csv.field_size_limit(max(csv.field_size_limit(), LONGEST_LINE))
        header = next(iter(self._lines()), None)
        if header is None:
            message = f"{path} is empty; a builds file begins with its column names"
            raise BuildsFileError(message)
        _, names = header
        if isinstance(names, RowRefused):
            message = f"the header of {path} cannot be read: {names.reason}"
            raise BuildsFileError(message)
        self.columns = [str(name).strip() for name in names]

    def __iter__(self) -> Iterator[Line]:
        """Read the rows from the first one on; blank lines are passed over."""
        lines = self._lines()
        next(lines)
        yield from lines

    def _lines(self) -> Iterator[Line]:
        with self._open() as file:
            reader = csv.reader(
                iter(partial(file.readline, LONGEST_LINE), ""), strict=True
            )
            line = 1
            while True:
                try:
                    row: Sequence[Value] | RowRefused = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    reason = f"the row cannot be told apart: {error}"
                    row = RowRefused(reason, "", None)
                except UnicodeDecodeError as error:
                    raise self._not_utf8(error, line) from error
                except (EOFError, OSError, zlib.error) as error:
                    message = f"{self._path} cannot be read to its end: {error}"
                    raise BuildsFileError(message) from error
                if row:
                    yield line, row
                line = reader.line_num + 1

    def _open(self) -> TextIO:
        try:
            # utf-8-sig: spreadsheets put a byte-order mark before the first name.
            if self._path.name.lower().endswith(".gz"):
                return gzip.open(self._path, "rt", encoding="utf-8-sig", newline="")
            return self._path.open(encoding="utf-8-sig", newline="")
        except OSError as error:
            message = f"{self._path} cannot be opened: {error}"
            raise BuildsFileError(message) from error

    def _not_utf8(self, error: UnicodeDecodeError, line: int) -> BuildsFileError:
        byte = error.object[error.start]
        return BuildsFileError(
            f"{self._path} is not UTF-8: byte 0x{byte:02x} at or after line {line}; "
            "save it as UTF-8"
        )
