"""Each lint catches its bad twin, and lets the good one through."""

import pytest

from deploy.manifests.__main__ import lint
from deploy.manifests.objects import read
from deploy.manifests.promql import metrics_of

SAFE = """
          securityContext:
            runAsNonRoot: true
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
            seccompProfile: {type: RuntimeDefault}
"""
WEB = f"""
kind: Deployment
metadata: {{name: web}}
spec:
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
        - name: web
          image: web:1.2
          ports: [{{name: http1, containerPort: 8080}}]
{SAFE}
---
"""
RUNTIME = f"""
kind: ServingRuntime
metadata: {{name: ours}}
spec:
  containers:
        - name: kserve-container
          image: ours:1
          args: [serve, "--name={{{{.Name}}}}"]
          ports: [{{name: http1, containerPort: 8080}}]
{SAFE}
---
"""
SERVICE = """
kind: InferenceService
metadata:
  name: m
  annotations: {{serving.kserve.io/deploymentMode: {mode}{more}}}
spec:
  predictor:
    {spec}
    model: {{modelFormat: {{name: sklearn}}, runtime: ours}}
---
"""
EXTERNAL = ", serving.kserve.io/autoscalerClass: external"
SCALED = """
kind: ScaledObject
metadata: {name: m}
spec:
  scaleTargetRef: {name: m-predictor}
  triggers:
    - metadata: {query: 'sum(rate(ml_predictions_total{model="m"}[1m]))'}
---
"""


def service(spec: str = "", mode: str = "Standard", more: str = "") -> str:
    return RUNTIME + SERVICE.format(mode=mode, more=more, spec=spec)


TWINS = {
    "pod-level-resources": (
        service("resources: {requests: {cpu: 500m}}"),
        service(),
    ),
    "scaling-policies": (
        service(
            "autoScaling: {behavior: {scaleUp: {policies: "
            "[{type: Percent, value: 100, periodSeconds: 15}]}}}"
        ),
        service("autoScaling: {behavior: {scaleUp: {stabilizationWindowSeconds: 15}}}"),
    ),
    "canary-traffic": (
        service("canaryTrafficPercent: 10"),
        service("canaryTrafficPercent: 10", mode="Knative"),
    ),
    "external-without-scaler": (
        service(more=EXTERNAL),
        service(more=EXTERNAL) + SCALED,
    ),
    "two-scalers": (
        WEB.replace("  selector:", "  replicas: 5\n  selector:", 1)
        + "kind: HorizontalPodAutoscaler\nmetadata: {name: web}\n"
        "spec: {scaleTargetRef: {kind: Deployment, name: web}}",
        WEB + "kind: HorizontalPodAutoscaler\nmetadata: {name: web}\n"
        "spec: {scaleTargetRef: {kind: Deployment, name: web}}",
    ),
    "unpinned-image": (WEB.replace("web:1.2", "web:latest"), WEB),
    "plain-secret": (
        "kind: Secret\nmetadata: {name: s}\nstringData: {password: hunter2}",
        "kind: Secret\nmetadata: {name: s}",
    ),
    "selects-nothing": (
        WEB + "kind: Service\nmetadata: {name: web}\n"
        "spec: {selector: {app: wbe}, ports: [{port: 80, targetPort: http1}]}",
        WEB + "kind: Service\nmetadata: {name: web}\n"
        "spec: {selector: {app: web}, ports: [{port: 80, targetPort: http1}]}",
    ),
    "ports-meet": (
        WEB + "kind: Service\nmetadata: {name: web}\n"
        "spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}",
        WEB + "kind: Service\nmetadata: {name: web}\n"
        "spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}",
    ),
    "names-meet": (
        WEB + "kind: ConfigMap\nmetadata: {name: c}\n"
        "data: {BREAKCAST_STORE: 'http://feast:6566'}",
        WEB + "kind: ConfigMap\nmetadata: {name: c}\n"
        "data: {BREAKCAST_STORE: 'http://web:6566'}\n---\n"
        "kind: Service\nmetadata: {name: web}\n"
        "spec: {selector: {app: web}, ports: [{port: 6566, targetPort: http1}]}",
    ),
    "restricted": (
        WEB.replace("allowPrivilegeEscalation: false", "privileged: true"),
        WEB,
    ),
    "unexported-metrics": (
        (
            "kind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{rules: "
            "[{alert: A, expr: 'rate(ml_prediction_total[5m]) > 1'}]}]}"
        ),
        (
            "kind: PrometheusRule\nmetadata: {name: r}\nspec: {groups: [{rules: "
            "[{alert: A, expr: 'rate(ml_predictions_total[5m]) > 1'}]}]}"
        ),
    ),
}
MORE = {
    "plain-secret": [
        WEB.replace(
            "          ports:",
            "          env: [{name: DB_PASSWORD, value: hunter2}]\n          ports:",
        ),
        (
            "kind: ConfigMap\nmetadata: {name: c}\n"
            "data: {BREAKCAST_LEDGER: 'postgresql://me:hunter2@db/x'}"
        ),
    ],
    "selects-nothing": [
        WEB + "kind: PodDisruptionBudget\nmetadata: {name: web}\n"
        "spec: {selector: {matchLabels: {app: wbe}}}",
        WEB + "kind: NetworkPolicy\nmetadata: {name: web}\nspec: {podSelector: {}, "
        "ingress: [{from: [{podSelector: {matchLabels: {app: wbe}}}]}]}",
        WEB + "kind: PodMonitor\nmetadata: {name: web}\n"
        "spec: {selector: {matchLabels: {app: wbe}}}",
        WEB.replace("{matchLabels: {app: web}}", "{matchLabels: {app: wbe}}"),
    ],
    "ports-meet": [
        WEB + "kind: PodMonitor\nmetadata: {name: web}\nspec: {selector: "
        "{matchLabels: {app: web}}, podMetricsEndpoints: [{port: metrics}]}",
        WEB.replace(
            "          ports:",
            "          readinessProbe: {httpGet: {path: /, port: 80}}\n"
            "          ports:",
        ),
        WEB + "kind: NetworkPolicy\nmetadata: {name: web}\nspec: {podSelector: "
        "{matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}]}",
    ],
    "names-meet": [
        service(more=EXTERNAL) + SCALED.replace("m-predictor", "m"),
        service().replace("runtime: ours", "runtime: theirs"),
        WEB.replace(
            "          ports:",
            "          envFrom: [{configMapRef: {name: none}}]\n          ports:",
        ),
    ],
    "unexported-metrics": [
        service(more=EXTERNAL) + SCALED.replace("ml_predictions", "ml_prediction"),
    ],
}


@pytest.mark.parametrize("rule", TWINS)
def test_the_bad_twin_is_caught_and_the_good_one_is_not(rule: str) -> None:
    bad, good = TWINS[rule]

    assert rule in {one.rule for one in lint(read(bad))}
    assert not lint(read(good)), lint(read(good))


@pytest.mark.parametrize(
    ("rule", "text"), [(rule, text) for rule, texts in MORE.items() for text in texts]
)
def test_other_kinds_of_the_same_mistake_are_caught(rule: str, text: str) -> None:
    assert rule in {one.rule for one in lint(read(text))}


def test_a_finding_says_where_and_what_would_be_right() -> None:
    (found,) = lint(read(TWINS["unpinned-image"][0]))

    assert str(found) == (
        "error: Deployment/web: image 'web:latest' is not pinned; name a version or a "
        "digest [unpinned-image]"
    )


def test_metrics_are_read_off_real_expressions() -> None:
    expression = (
        "time() - max by (model) "
        '(breakcast_model_trained_timestamp_seconds{role="champion"} > 0) > 8 * 86400'
        " and on (model) max by (model) (slo:events:increase) offset 5m > bool 0"
    )

    assert metrics_of(expression) == {
        "breakcast_model_trained_timestamp_seconds",
        "slo:events:increase",
    }
