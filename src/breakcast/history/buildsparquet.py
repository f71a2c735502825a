"""The rows of a Parquet builds file, read through DuckDB block by block."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

from breakcast.errors import BuildsFileError
from breakcast.history.buildsrow import (
    TIME_COLUMNS,
    Line,
    is_known_column,
    is_number_column,
)

_BLOCK_ROWS = 256
_NUMBER_TYPES = frozenset(
    {
        "BOOLEAN",
        "TINYINT",
        "SMALLINT",
        "INTEGER",
        "BIGINT",
        "HUGEINT",
        "UTINYINT",
        "USMALLINT",
        "UINTEGER",
        "UBIGINT",
        "UHUGEINT",
        "FLOAT",
        "DOUBLE",
    }
)


class ParquetTable:
    """
    A Parquet file.

    Attributes:
        columns: The columns' names, in order.
        rows_total: How many rows the file holds.

    Args:
        path: A file whose name ends in .parquet.

    Raises:
        BuildsFileError: If it is no complete Parquet file, or a column is of a
            type that cannot hold what its name says.
    """

    def __init__(self, path: Path) -> None:
        """Read the columns with their types, and the number of rows."""
        self._path = path
        try:
            with closing(_connect()) as connection:
                file = _scan(connection, path)
                self.columns: list[str] = file.columns
                self.rows_total: int | None = file.count("*").fetchall()[0][0]
                kinds = [str(kind) for kind in file.types]
        except duckdb.Error as error:
            raise self._unreadable(error) from error
        self._cells = list(map(self._cell, self.columns, kinds))

    def __iter__(self) -> Iterator[Line]:
        """Read the rows from the first one on; the first one's line is 2."""
        line = 1
        try:
            with closing(_connect()) as connection:
                file = _scan(connection, self._path)
                query = file.project(", ".join(self._cells)).sql_query()
                rows = connection.execute(query)
                while block := rows.fetchmany(_BLOCK_ROWS):
                    for row in block:
                        line += 1
                        yield line, row
        except duckdb.Error as error:
            raise self._unreadable(error) from error

    def _cell(self, column: str, kind: str) -> str:
        """Write SQL for a column's cells as `RowReader` takes them."""
        name = '"' + column.replace('"', '""') + '"'
        if not is_known_column(column):
            return "NULL"
        if kind in {"VARCHAR", '"NULL"'}:
            return name
        is_numeric = kind in _NUMBER_TYPES or kind.startswith("DECIMAL")
        if column in TIME_COLUMNS:
            wanted = "a timestamp, or ISO 8601 text"
            if kind.startswith("TIMESTAMP") or kind == "DATE":
                return f"epoch_us({name})"
        elif is_number_column(column):
            wanted = "numbers"
            if is_numeric:
                return f"nullif({name}::DOUBLE, 'nan'::DOUBLE)"
        else:
            wanted = "text"
            if kind in {"FLOAT", "DOUBLE"}:
                # pandas keeps whole numbers with gaps as floats: 12.0 was 12.
                return (
                    f"coalesce(CASE WHEN {name} = trunc({name}) THEN "
                    f"TRY_CAST({name} AS HUGEINT)::VARCHAR END, "
                    f"nullif({name}, 'nan')::VARCHAR)"
                )
            if is_numeric or kind == "UUID":
                return f"{name}::VARCHAR"
        message = (
            f"column {column} of {self._path} is of type {kind}; it must be {wanted}"
        )
        raise BuildsFileError(message)

    def _unreadable(self, error: duckdb.Error) -> BuildsFileError:
        return BuildsFileError(
            f"{self._path} cannot be read as Parquet; is it complete? "
            f"{str(error).splitlines()[0]}"
        )


def _connect() -> duckdb.DuckDBPyConnection:
    # One thread keeps the rows in order and the memory small; converting them to
    # Python objects takes longer than reading them. Nothing is fetched from afar.
    return duckdb.connect(
        config={
            "threads": 1,
            "memory_limit": "512MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )


def _scan(connection: duckdb.DuckDBPyConnection, path: Path) -> duckdb.DuckDBPyRelation:
    # A folder named a=b above the file must not become a column a.
    return connection.read_parquet(str(path), hive_partitioning=False)
