"""A container of the manifests as a process of this machine, probed as written."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from deploy.manifests.objects import Object, find
from tests.engines import free_port

ENDS_WITHIN_SECONDS = 60.0


class Container:
    """
    A process with a container's command, arguments, environment and mounts.

    Args:
        written: The container, of the manifests.
        objects: Where its ConfigMaps are.
        secrets: What the Secrets hold that it names, by name.
        mounts: Which folder of this machine stands for which mount.
        program: What stands for the image's program.
        log: Where it says what it says.
    """

    def __init__(
        self,
        written: Mapping[str, Any],
        objects: Sequence[Object],
        *,
        secrets: Mapping[str, Mapping[str, str]],
        mounts: Mapping[str, Path],
        program: Path,
        log: Path,
    ) -> None:
        self.written = written
        self.log = log
        # The ports of the manifests may be taken here.
        ports = [one["containerPort"] for one in written.get("ports", ())]
        self.ports = {port: free_port() for port in ports}
        variables = _variables(written, objects, secrets)
        words = [
            re.sub(r"\$\((\w+)\)", lambda one: variables[one[1]], word)
            for word in (*written["command"][1:], *written.get("args", ()))
        ]
        with log.open("ab") as file:
            self._process = subprocess.Popen(  # noqa: S603 - what the manifest says
                [program, *(self._here(word, mounts) for word in words)],
                cwd=mounts.get(written.get("workingDir", ""), log.parent),
                env={
                    "PATH": os.environ["PATH"],
                    "OMP_NUM_THREADS": "1",
                    **{
                        name: self._here(value, mounts)
                        for name, value in variables.items()
                    },
                },
                stdout=file,
                stderr=subprocess.STDOUT,
            )

    def _here(self, word: str, mounts: Mapping[str, Path]) -> str:
        for there, here in mounts.items():
            if word == there or word.endswith(f"={there}"):
                word = word.removesuffix(there) + str(here)
        for written, taken in self.ports.items():
            word = word.replace(f"port={written}", f"port={taken}")
        return word

    def url(self, port: str | int) -> str:
        """Where a port of the container, by name or number, is here."""
        for one in self.written["ports"]:
            if port in {one.get("name"), one["containerPort"]}:
                return f"http://127.0.0.1:{self.ports[one['containerPort']]}"
        message = f"the container declares no port {port!r}"
        raise AssertionError(message)

    def probe(self, kind: str) -> bool:
        """Ask a probe once, as a kubelet does: any status below 400 is well."""
        probe = self.written[kind]
        path, port = probe["httpGet"]["path"], probe["httpGet"]["port"]
        try:
            timeout = probe.get("timeoutSeconds", 1)
            return httpx.get(self.url(port) + path, timeout=timeout).status_code < 400
        except httpx.HTTPError:
            return False

    def succeeds(self, kind: str, seconds: float | None = None) -> bool:
        """Ask a probe as often as it may fail; whether it did not."""
        probe = self.written[kind]
        period = probe.get("periodSeconds", 10)
        allowed = seconds or period * probe.get("failureThreshold", 3)
        until = time.monotonic() + allowed
        while time.monotonic() < until and self._process.poll() is None:
            if self.probe(kind):
                return True
            time.sleep(min(period, 0.1))
        return False

    def is_running(self) -> bool:
        return self._process.poll() is None

    def tell_to_end(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def ended(self) -> int:
        """Wait until it has ended; its exit code."""
        return self._process.wait(ENDS_WITHIN_SECONDS)

    def close(self) -> None:
        """End it, if it runs: by its signal, for it may have processes of its own."""
        if self._process.poll() is None:
            self.tell_to_end()
            try:
                self.ended()
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


@contextmanager
def running(*arguments: Any, **named: Any) -> Iterator[Container]:  # noqa: ANN401
    """Run a container for as long as the block lasts."""
    container = Container(*arguments, **named)
    try:
        yield container
    finally:
        container.close()


def ours() -> Path:
    """The `breakcast` of the environment that tests run in."""
    return Path(sys.executable).with_name("breakcast")


def _variables(
    written: Mapping[str, Any],
    objects: Sequence[Object],
    secrets: Mapping[str, Mapping[str, str]],
) -> dict[str, str]:
    """Collect the environment as a kubelet does: sources in order, then `env`."""
    found: dict[str, str] = {}
    for source in written.get("envFrom", ()):
        if "configMapRef" in source:
            settings = find(objects, "ConfigMap", source["configMapRef"]["name"])
            assert settings is not None
            found |= settings["data"]
        else:
            named = source["secretRef"]
            if not named.get("optional") or named["name"] in secrets:
                found |= secrets[named["name"]]
    # What comes from a field of the pod is its name there: any will do.
    named = {one["name"]: one.get("value", "a-pod") for one in written.get("env", ())}
    return found | named
