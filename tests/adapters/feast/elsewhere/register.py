"""Register the repository in a folder."""

import sys
from pathlib import Path

from breakcast.adapters.feast.repository import Repository

Repository(Path(sys.argv[1])).register()
