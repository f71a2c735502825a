"""Which metrics a PromQL expression reads."""

import re

_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_MATCHERS = re.compile(r"\{[^{}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUPING = re.compile(
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)", re.IGNORECASE
)
_NAME = re.compile(r"(?<![\w:.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])")
_WORDS = frozenset(
    {"and", "or", "unless", "bool", "offset", "inf", "nan", "start", "end"}
) | {"by", "without", "on", "ignoring", "group_left", "group_right"}


def metrics_of(expression: str) -> set[str]:
    """
    Name the metrics that an expression reads.

    Labels, functions and durations are no metrics. An expression in another language
    gives nonsense, not an error.

    >>> sorted(metrics_of('sum by (job) (rate(a_total{b="c"}[5m])) / on (d) e > 1h'))
    ['a_total', 'e']
    """
    plain = _STRING.sub("", expression)
    for pattern in (_MATCHERS, _RANGE, _GROUPING):
        plain = pattern.sub(" ", plain)
    return {name for name in _NAME.findall(plain) if name.lower() not in _WORDS}
