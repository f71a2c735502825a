"""
Ask each engine what two builds would that start at one moment, and one of nobody's.

Prints, as JSON, how many answers each gives to the two and to the one.
"""

import json
import sys
from pathlib import Path

import pandas as pd
from feast import FeatureStore

folder = Path(sys.argv[1])
text = (folder / "feature_store.yaml").read_text()
found: dict[str, list[int]] = {}
for engine in ("duckdb", "dask"):
    configured = folder / f"{engine}.yaml"
    configured.write_text(text.replace("type: duckdb", f"type: {engine}"))
    store = FeatureStore(repo_path=str(folder), fs_yaml_file=configured)
    found[engine] = []
    for keys in (["tracks\x1facme"] * 2, ["tracks\x1fnone"]):
        noon = pd.Timestamp("2026-05-04T18:00:00Z")
        asked = pd.DataFrame({"record_key": keys, "event_timestamp": noon})
        service = store.get_feature_service("records")
        try:
            answers = len(store.get_historical_features(asked, service).to_df())
        except NotImplementedError:
            answers = 0
        found[engine].append(answers)
print(json.dumps(found))
