"""Register a repository twice; print what its registry holds, but not since when."""

import re
import sys
from pathlib import Path

from breakcast.adapters.feast.repository import Repository

repository = Repository(Path(sys.argv[1]))
for _ in range(2):
    repository.register()
    held = str(repository.open().registry.to_dict(project="breakcast"))
    print(re.sub(r"'(created|lastUpdated)Timestamp': '[^']*'", "", held))
