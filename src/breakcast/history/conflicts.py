"""Two versions of one fact: the same in substance, or in conflict, and where."""

from dataclasses import dataclass

import msgspec

from breakcast.history.events import BuildKey, Event

_CANONICAL = msgspec.msgpack.Encoder(order="deterministic")


@dataclass(frozen=True, slots=True)
class Difference:
    """
    One field on which two versions of a fact disagree.

    Attributes:
        field: Its name, with dots into records and dicts: `build.signals.churn`.
        kept: What the ledger holds, times as ISO 8601; None if nothing.
        refused: What the later version says, likewise.
    """

    field: str
    kept: object
    refused: object


@dataclass(frozen=True, slots=True)
class Conflict:
    """
    A fact that disagrees with the one the ledger holds; the first one is kept.

    Attributes:
        key: The attempt it is about.
        kind: Which fact: started, change, prediction, finished or cause.
        differences: Where the versions disagree, by field name.
    """

    key: BuildKey
    kind: str
    differences: tuple[Difference, ...]

    def __str__(self) -> str:
        """Tell it in one line."""
        key = self.key
        what = f"{key.repo} {key.pipeline} build {key.build_id} attempt {key.attempt}"
        fields = ", ".join(
            f"{d.field} is {d.kept!r}, was told to be {d.refused!r}"
            for d in self.differences
        )
        return f"{self.kind} of {what} ({key.source}): {fields}"


def conflict_between(kept: Event, refused: Event) -> Conflict | None:
    """
    Compare two versions of a fact; None if they are one in substance.

    When a fact reached us does not belong to its substance: a delivery repeated
    later, or an import of what a webhook told, says nothing new.
    """
    kept = msgspec.structs.replace(kept, received_at=None)
    refused = msgspec.structs.replace(refused, received_at=None)
    # Compared as bytes, so that NaN equals NaN.
    if _CANONICAL.encode(kept) == _CANONICAL.encode(refused):
        return None
    old, new = _flat(msgspec.to_builtins(kept)), _flat(msgspec.to_builtins(refused))
    return Conflict(
        key=refused.key,
        kind=str(refused.__struct_config__.tag),
        differences=tuple(
            Difference(field, old.get(field), new.get(field))
            for field in sorted(old.keys() | new.keys())
            if old.get(field) != new.get(field)
        ),
    )


def _flat(value: object, name: str = "") -> dict[str, object]:
    if not isinstance(value, dict):
        return {name: value}
    flat: dict[str, object] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{name}.{key}" if name else str(key))
    return flat
