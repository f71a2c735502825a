"""breakcast forecasts which CI builds will break, and says what that is worth."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from breakcast.monitoring.drift import DataDriftMonitor

__all__ = ["DataDriftMonitor"]


def __getattr__(name: str) -> object:
    """Import what the package offers when it is asked for: commands start sooner."""
    if name == "DataDriftMonitor":
        from breakcast.monitoring.drift import DataDriftMonitor  # noqa: PLC0415

        return DataDriftMonitor
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
