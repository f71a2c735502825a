"""
`python -m deploy.prometheus.rules` writes the rules from the table of alerts.

Twice: `rules.yaml` for Prometheus itself, a PrometheusRule for its operator.
"""

from pathlib import Path
from typing import Any

import yaml

from deploy.prometheus.alerts import ALERTS, BURNS, OBJECTIVES, Burn, Objective

RULES = Path(__file__).with_name("rules.yaml")
OBJECT = Path(__file__).parents[1] / "k8s/components/monitoring/prometheus-rule.yaml"
RUNBOOK = "docs/runbook.md"

_HEAD = (
    "# Made from deploy/prometheus/alerts.py by `python -m deploy.prometheus.rules`.\n"
)


def groups() -> list[dict[str, Any]]:
    """Make the groups of rules: of Prometheus' own files, or of a PrometheusRule."""
    return [
        *(
            {"name": f"breakcast-{one.slo}", "rules": [*_recorded(one), *_burning(one)]}
            for one in OBJECTIVES
        ),
        {
            "name": "breakcast-alerts",
            "rules": [
                _alert(
                    one.name,
                    one.expression,
                    one.lasting,
                    severity=one.severity,
                    summary=one.summary,
                    anchor=one.anchor,
                )
                for one in ALERTS
            ],
        },
    ]


def written() -> str:
    """Write the rules as Prometheus reads them."""
    return _HEAD + _yaml({"groups": groups()})


def written_object() -> str:
    """Write the rules as Prometheus' operator reads them."""
    return _HEAD + _yaml(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": "breakcast"},
            "spec": {"groups": groups()},
        }
    )


def _yaml(value: dict[str, Any]) -> str:
    return yaml.safe_dump(value, sort_keys=False, width=1_000)


def _recorded(objective: Objective) -> list[dict[str, Any]]:
    windows = sorted({window for burn in BURNS for window in (burn.short, burn.long)})
    rules = []
    for window in windows:
        errors = objective.errors.format(window=window)
        total = objective.total.format(window=window)
        seconds = _seconds(window)
        rules += [
            {
                "record": f"slo:sli_error:ratio_rate{window}",
                "expr": f"({errors}) / ({total} > 0)",
                "labels": {"slo": objective.slo},
            },
            {
                "record": "slo:events:increase",
                "expr": f"({total}) * {seconds}",
                "labels": {"slo": objective.slo, "window": window},
            },
        ]
    return rules


def _burning(objective: Objective) -> list[dict[str, Any]]:
    return [_burn(objective, burn) for burn in BURNS]


def _burn(objective: Objective, burn: Burn) -> dict[str, Any]:
    budget = round(1.0 - objective.target, 6)
    labels = f'{{slo="{objective.slo}"}}'
    limit = f"{burn.rate:g} * {budget:g}"
    enough = f'slo:events:increase{{slo="{objective.slo}", window="{burn.long}"}}'
    name = f"Breakcast{objective.slo.title()}Budget{burn.long.upper()}"
    return _alert(
        name,
        f"slo:sli_error:ratio_rate{burn.long}{labels} > {limit}"
        f" and slo:sli_error:ratio_rate{burn.short}{labels} > {limit}"
        f" and on (model, slo) {enough} >= {burn.fewest}",
        "2m" if burn.severity == "page" else "15m",
        severity=burn.severity,
        summary=f"{{{{ $labels.model }}}} spends its {objective.slo} budget "
        f"{burn.rate:g} times as quickly as it may, over {burn.long} and {burn.short}",
        anchor=objective.anchor,
        slo=objective.slo,
    )


def _alert(
    name: str,
    expression: str,
    lasting: str,
    *,
    severity: str,
    summary: str,
    anchor: str,
    slo: str | None = None,
) -> dict[str, Any]:
    labels = {"severity": severity} | ({"slo": slo} if slo else {})
    rule: dict[str, Any] = {"alert": name, "expr": expression}
    if lasting != "0m":
        rule["for"] = lasting
    return rule | {
        "labels": labels,
        "annotations": {"summary": summary, "runbook_url": f"{RUNBOOK}#{anchor}"},
    }


def _seconds(window: str) -> int:
    return int(window[:-1]) * {"m": 60, "h": 3_600, "d": 86_400}[window[-1]]


if __name__ == "__main__":
    RULES.write_text(written(), encoding="utf-8")
    OBJECT.write_text(written_object(), encoding="utf-8")
