"""Alerts, records and autoscalers read metrics that somebody exports."""

from collections.abc import Iterator, Sequence

from breakcast.adapters.prometheus.families import families_of
from breakcast.adapters.prometheus.health import GAUGES
from deploy.manifests.findings import Finding
from deploy.manifests.objects import Object, name_of, of_kind
from deploy.manifests.promql import metrics_of

_OF_PROMETHEUS = {"up", "scrape_duration_seconds", "scrape_samples_scraped"}
_OF_MODELS = {"breakcast_model_info", "breakcast_model_trained_timestamp_seconds"}
"""Written by the exposition itself: their labels are not known before there is one."""


def exported() -> set[str]:
    """Name every metric that a server of ours, or Prometheus itself, has."""
    names = set(GAUGES) | _OF_MODELS | _OF_PROMETHEUS
    for family in families_of("any"):
        names.add(family.name)
        if family.buckets:
            names |= {f"{family.name}_{part}" for part in ("bucket", "count", "sum")}
    return names


def unexported_metrics(objects: Sequence[Object]) -> Iterator[Finding]:
    """Find expressions that read what nobody exports: they never alert, or scale."""
    known = exported()
    for rules in of_kind(objects, "PrometheusRule"):
        each = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]
        recorded = {rule["record"] for rule in each if "record" in rule}
        for rule in each:
            name = rule.get("alert") or rule.get("record")
            for metric in sorted(metrics_of(str(rule["expr"])) - known - recorded):
                message = f"{name} reads {metric}, which nothing exports"
                yield Finding("unexported-metrics", name_of(rules), message)
    for scaler in of_kind(objects, "ScaledObject"):
        for trigger in scaler["spec"].get("triggers", ()):
            query = trigger.get("metadata", {}).get("query", "")
            for metric in sorted(metrics_of(query) - known):
                message = f"it scales by {metric}, which nothing exports"
                yield Finding("unexported-metrics", name_of(scaler), message)
