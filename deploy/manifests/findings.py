"""What a check finds."""

from typing import Literal, NamedTuple


class Finding(NamedTuple):
    """
    Something wrong, or likely to be.

    Attributes:
        rule: Which check found it.
        where: The object, as `Kind/name`.
        message: What is wrong, and what would be right.
        severity: An error fails the check; a warning is told.
    """

    rule: str
    where: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        """Write it as one line."""
        return f"{self.severity}: {self.where}: {self.message} [{self.rule}]"
