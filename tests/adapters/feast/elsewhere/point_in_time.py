"""Read records of a repository's history: keys and times in, records out, as JSON."""

import json
import sys
from datetime import datetime
from pathlib import Path

from breakcast.adapters.feast.offline import Asked, HistoricalRecords
from breakcast.adapters.feast.repository import Repository

asked = [Asked(key, datetime.fromisoformat(at)) for key, at in json.loads(sys.argv[2])]
found = HistoricalRecords(Repository(Path(sys.argv[1]))).read(asked)
texts = [found[one] for one in asked]
print(json.dumps([None if text is None else text.decode() for text in texts]))
