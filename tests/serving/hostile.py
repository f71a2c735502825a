"""Bodies nobody should send, drawn from a seed: broken, twisted, out of range."""

import json
import random
from collections.abc import Iterator
from typing import Any

NUMBERS = ["0", "-0.0", "0.5", "1e308", "1e999", "-1e-999", "9" * 40, "9" * 400, "NaN"]
NUMBERS += ["-Infinity", "1.", ".5", "01", "+1", "0x1", "1_000", "9223372036854775808"]
WORDS = ["null", "true", "false", '"a"', '"\\u0000"', '"\\ud800"', "{}", "[]", "[[]]"]
KEYS = ["instances", "inputs", "outputs", "id", "parameters", "repo", "branch", "name"]
KEYS += [
    "shape",
    "datatype",
    "data",
    "started_at",
    "attempt",
    "signal.x",
    "",
    "a" * 500,
]
DATATYPES = ["FP32", "FP64", "INT64", "BOOL", "BYTES", "fp64", "", "FP16"]
TEXTS = ["acme/shop", "/x", "", "a\x00b", "2026-01-01", "\u202e", "x" * 3_000, "-1"]


def bodies(seed: int, count: int) -> Iterator[bytes]:
    """Draw bodies; the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - to draw the same again is the point
    makers = (_vectors, _builds, _tensor, _tree, _broken, _noise)
    for _ in range(count):
        yield chance.choice(makers)(chance)


def _token(chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.6:
        return f"{chance.uniform(-2, 2):.3f}"
    return chance.choice(NUMBERS if kind < 0.8 else WORDS)


def _list(chance: random.Random, most: int) -> str:
    width = 4 if chance.random() < 0.6 else chance.randrange(most)
    return "[" + ",".join(_token(chance) for _ in range(width)) + "]"


def _vectors(chance: random.Random) -> bytes:
    rows = [_list(chance, 9) for _ in range(chance.randrange(4))]
    return ('{"instances":[' + ",".join(rows) + "]}").encode()


def _builds(chance: random.Random) -> bytes:
    builds = [
        {"repo": "acme/shop"}
        | {
            chance.choice(KEYS): chance.choice([*TEXTS, 1, -1, True, None, 1e40, ["a"]])
            for _ in range(chance.randrange(4))
        }
        for _ in range(chance.randrange(1, 3))
    ]
    return json.dumps({"instances": builds}).encode()


def _tensor(chance: random.Random) -> bytes:
    shape = [chance.choice([1, 2, 0, -1, 10**20, 4]), chance.choice([4, 4, 4, 5, -4])]
    data = _list(chance, 12)
    if chance.random() < 0.4:
        data = f"[{data}]"
    body = (
        f'{{"inputs":[{{"name":"x","shape":{shape},"datatype":'
        f'"{chance.choice(DATATYPES)}","data":{data}}}]'
    )
    if chance.random() < 0.3:
        body += f',"outputs":[{{"name":"{chance.choice(KEYS)}"}}]'
    return (body + "}").encode()


def _tree(chance: random.Random, depth: int = 0) -> bytes:
    def grow(depth: int) -> Any:  # noqa: ANN401 - JSON
        kind = chance.random()
        if depth > 4 or kind < 0.3:
            return chance.choice([*TEXTS, 0, 1.5, None, True, 10**30])
        if kind < 0.6:
            return [grow(depth + 1) for _ in range(chance.randrange(4))]
        return {
            chance.choice(KEYS): grow(depth + 1) for _ in range(chance.randrange(4))
        }

    if chance.random() < 0.02:
        return b'{"instances":' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    return json.dumps(grow(depth)).encode(errors="surrogatepass")


def _broken(chance: random.Random) -> bytes:
    body = bytearray(chance.choice((_vectors, _builds, _tensor))(chance))
    for _ in range(chance.randrange(1, 4)):
        at = chance.randrange(len(body))
        if chance.random() < 0.5:
            body[at] = chance.randrange(256)
        else:
            del body[at:]
            break
        if not body:
            break
    return bytes(body)


def _noise(chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(200))
