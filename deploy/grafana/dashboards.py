"""`python -m deploy.grafana.dashboards` writes each dashboard's JSON beside this."""

import json
from pathlib import Path
from typing import Any

from deploy.grafana.panels import DASHBOARDS, Dashboard, Panel

FOLDER = Path(__file__).parent

_WIDTH, _ACROSS, _HEIGHT = 24, 3, 8
_SCHEMA = 39
"""Of Grafana 11, which reads older and writes newer ones."""
_SOURCE = {"type": "prometheus", "uid": "${source}"}


def written(dashboard: Dashboard) -> str:
    """Write a dashboard as Grafana imports it."""
    return json.dumps(_dashboard(dashboard), indent=2) + "\n"


def file_of(dashboard: Dashboard) -> Path:
    """Say where a dashboard's JSON lies."""
    return FOLDER / f"{dashboard.name}.json"


def _dashboard(dashboard: Dashboard) -> dict[str, Any]:
    panels: list[dict[str, Any]] = []
    top = 0
    for row in dashboard.rows:
        panels.append(
            {
                "type": "row",
                "title": row.title,
                "collapsed": False,
                "gridPos": {"x": 0, "y": top, "w": _WIDTH, "h": 1},
                "panels": [],
            }
        )
        top += 1
        for at, panel in enumerate(row.panels):
            across, down = at % _ACROSS, at // _ACROSS
            wide = _WIDTH // _ACROSS
            place = {
                "x": across * wide,
                "y": top + down * _HEIGHT,
                "w": wide,
                "h": _HEIGHT,
            }
            panels.append(_panel(panel, place))
        top += -(-len(row.panels) // _ACROSS) * _HEIGHT
    return {
        "uid": f"breakcast-{dashboard.name}",
        "title": dashboard.title,
        "tags": ["breakcast"],
        "schemaVersion": _SCHEMA,
        "editable": True,
        "time": {"from": "now-24h", "to": "now"},
        "refresh": "1m",
        "templating": {"list": _variables()},
        "panels": [one | {"id": at} for at, one in enumerate(panels, start=1)],
    }


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    is_now = panel.kind in {"stat", "table"}
    return {
        "type": panel.kind,
        "title": panel.title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {"calculate": False} if panel.kind == "heatmap" else {},
        "targets": [
            {
                "refId": chr(ord("A") + at),
                "datasource": _SOURCE,
                "expr": query.expression,
                "legendFormat": query.legend,
                "instant": is_now,
                "range": not is_now,
                "format": "table" if panel.kind == "table" else "time_series",
            }
            for at, query in enumerate(panel.queries)
        ],
    }


def _variables() -> list[dict[str, Any]]:
    return [
        {
            "name": "source",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
        },
        {
            "name": "model",
            "label": "model",
            "type": "query",
            "datasource": _SOURCE,
            "query": "label_values(ml_predictions_total, model)",
            "refresh": 2,
        },
    ]


if __name__ == "__main__":
    for one in DASHBOARDS:
        file_of(one).write_text(written(one), encoding="utf-8")
