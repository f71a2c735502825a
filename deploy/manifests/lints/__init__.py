"""
What schemas cannot say of manifests: each lint finds one kind of mistake.

A lint takes all objects of a build, those that KServe would make included, and gives
what it finds.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from deploy.manifests.findings import Finding
from deploy.manifests.lints import containers, meeting, metrics, scaling
from deploy.manifests.objects import Object

Lint = Callable[[Sequence[Object]], Iterator[Finding]]

LINTS: Final[tuple[Lint, ...]] = (
    scaling.pod_level_resources,
    scaling.scaling_policies,
    scaling.canary_traffic,
    scaling.external_without_scaler,
    scaling.two_scalers,
    containers.unpinned_image,
    containers.plain_secret,
    containers.restricted,
    meeting.selects_nothing,
    meeting.probes_meet_ports,
    meeting.services_meet_ports,
    meeting.monitors_meet_ports,
    meeting.policies_meet_ports,
    meeting.names_meet,
    meeting.urls_meet,
    metrics.unexported_metrics,
)
