"""What Feast is told: the text of the repository's files."""

from string import Template

from breakcast.adapters.feast import naming

# Named in the configuration, read by Feast from the environment.
REDIS_VARIABLE = "FEAST_REDIS"
"""Where production's Redis is, in Feast's words: `redis:6379,db=0,password=…`."""

REGISTRY_VARIABLE = "FEAST_REGISTRY"
"""Production's SQL registry, as SQLAlchemy's URL."""

_GIVES_UP_SOON = "retry=null,socket_connect_timeout=1,socket_timeout=1"
_WRITTEN = "Written by `breakcast features apply`: change what it reads, not this."

_CONFIGURATION = f"""\
# {_WRITTEN}
project: {naming.PROJECT}
provider: local
%s
# Never dask, Feast's default: it drops rows.
offline_store:
  type: duckdb
entity_key_serialization_version: 3
"""

DEVELOPMENT = (
    _CONFIGURATION
    % """\
registry:
  path: registry.db
  cache_ttl_seconds: 10
# For one writer: in SQLite a version that comes late replaces a newer one.
online_store:
  type: sqlite
  path: online.db"""
)
"""`feature_store.yaml` for one machine: all of it beside the repository."""

PRODUCTION = (
    _CONFIGURATION
    % f"""\
# By a thread, lest one request in so many waits for it.
registry:
  registry_type: sql
  path: ${{{REGISTRY_VARIABLE}}}
  cache_mode: thread
  cache_ttl_seconds: 10
# Its client would try again for seconds while Redis is away, and requests pile up.
online_store:
  type: redis
  connection_string: ${{{REDIS_VARIABLE}}},{_GIVES_UP_SOON}
  # What nothing has touched for so long, breakcast has forgotten as well.
  key_ttl_seconds: %d"""
)
"""`feature_store.yaml` for many machines, but for how long Redis keeps a record."""

DEFINITIONS = Template(
    f'''\
"""
The records that breakcast reads its features off.

{_WRITTEN}
"""

from datetime import timedelta
from pathlib import Path

from feast import (
    Entity,
    FeatureService,
    FeatureView,
    Field,
    FileSource,
    Project,
    PushSource,
    ValueType,
)
from feast.types import String

TAGS = {{
    "breakcast": "$version",
    "catalog": "$catalog",
    "kinds": "$kinds",
}}

project = Project(name="{naming.PROJECT}", tags=TAGS)

record = Entity(
    name="{naming.ENTITY}",
    join_keys=["{naming.JOIN_KEY}"],
    value_type=ValueType.STRING,
    description="A kind of record, U+001F, its key, which begins with the organisation",
    tags=TAGS,
)

history = FileSource(
    name="{naming.HISTORY_SOURCE}",
    path=str(Path(__file__).parent / "{naming.HISTORY_FOLDER}" / "*.parquet"),
    timestamp_field="{naming.EVENT_TIME}",
    created_timestamp_column="{naming.CREATED_TIME}",
    description="Every version of every record, and when it became known",
)

pushed = PushSource(
    name="{naming.PUSH_SOURCE}",
    batch_source=history,
    description="Records as they change, for the online store alone",
)

records = FeatureView(
    name="{naming.VIEW}",
    entities=[record],
    schema=[
        Field(name="{naming.JOIN_KEY}", dtype=String),
        Field(
            name="{naming.FIELD}",
            dtype=String,
            description="MessagePack in base64; empty once the record is dropped",
        ),
    ],
    # No limit: Feast applies one to training and not to serving. Records age when
    # they are read; how fresh they are breakcast sees by their times.
    ttl=timedelta(0),
    source=pushed,
    tags=TAGS,
)

records_service = FeatureService(
    name="{naming.SERVICE}",
    features=[records],
    tags=TAGS,
)
'''
)
"""`records.py`, but for its tags."""

AT_START = f'''\
"""
What each worker of `feast serve` does before it answers.

{_WRITTEN}
"""

import gc


def load_artifacts(app: object) -> None:
    """
    Leave what there is by now out of Python's search for garbage.

    It is some 200,000 objects that stay. Looking through them takes a tenth of a
    second every few hundred requests, and nobody is answered meanwhile.
    """
    gc.collect()
    gc.freeze()
'''
"""`static_artifacts.py`, which Feast calls by that name."""
