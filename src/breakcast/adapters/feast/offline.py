"""Records as they were at any time: Feast's point-in-time join over their history."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from warnings import catch_warnings

from breakcast.adapters.feast.messages import MICROSECOND
from breakcast.adapters.feast.naming import (
    EVENT_TIME,
    FIELD,
    JOIN_KEY,
    REFERENCE,
    SERVICE,
    as_record,
)
from breakcast.adapters.feast.repository import Repository
from breakcast.errors import StoreError


class Asked(NamedTuple):
    """A record asked for by its join key, as known just before `as_of`."""

    join_key: str
    as_of: datetime


class HistoricalRecords:
    """
    Reads what a repository's history held.

    Raises:
        BadSettings: If Feast is not installed.
        StoreError: If there is no repository.
    """

    def __init__(self, repository: Repository) -> None:
        self._history = repository.history
        self._store = repository.open()
        self._service = self._store.get_feature_service(SERVICE)

    def read(self, asked: Sequence[Asked]) -> dict[Asked, bytes | None]:
        """
        Read records, all in one join; None where there was none yet.

        Each version of a record before the as-of takes part in it: ask for some
        thousands at a time.

        Raises:
            StoreError: If Feast refuses.
        """
        from pandas import DataFrame, to_datetime  # noqa: PLC0415 - comes with Feast

        # What became known at the very as-of is not known, but Feast would join it.
        times = [at.as_of - MICROSECOND for at in asked]
        frame = DataFrame(
            {
                "place": range(len(asked)),
                JOIN_KEY: [one.join_key for one in asked],
                EVENT_TIME: to_datetime(times, utc=True),
            }
        )
        try:
            with catch_warnings(action="ignore", category=DeprecationWarning):
                found = self._store.get_historical_features(
                    entity_df=frame,
                    features=self._service,
                    # Otherwise what was made after the as-of would be in it as well.
                    filter_by_created_timestamp=True,
                ).to_arrow()
        except Exception as error:
            message = f"Feast cannot read the records' history: {error}"
            raise StoreError(message) from error
        places = found.column("place").to_pylist()
        if len(places) != len(asked):
            message = f"Feast gave {len(places)} rows for {len(asked)} that were asked"
            raise StoreError(message)
        texts = found.column(FIELD).to_pylist()
        return self._resolved(
            {asked[place]: text for place, text in zip(places, texts, strict=True)}
        )

    def _resolved(self, texts: dict[Asked, str | None]) -> dict[Asked, bytes | None]:
        """Read texts as records; those that only refer to one as what they refer to."""
        references = {
            one: (one.join_key, int(text.removeprefix(REFERENCE)))
            for one, text in texts.items()
            if text is not None and text.startswith(REFERENCE)
        }
        large = self._history.large(list(dict.fromkeys(references.values())))
        return {
            one: large[references[one]]
            if one in references
            else None
            if text is None
            else as_record(text)
            for one, text in texts.items()
        }
