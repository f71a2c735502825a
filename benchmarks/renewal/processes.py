"""Which processes a process has started."""

from collections import defaultdict
from pathlib import Path


def descendants(process: int) -> list[int]:
    """List a process, and all that it and its children started, as long as it lives."""
    children = defaultdict(list)
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # Its second field is a name in brackets, which may hold anything.
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children[int(fields[1])].append(int(status.parent.name))
    found = [process]
    for one in found:
        found += children[one]
    return found
