"""The parent's side of a worker process."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from testbed.terminal import UsageError

from .drivers import Driver
from .machine import affinity
from .server import Address, TLSAddress
from .workloads import Spec

#: Seconds within which a worker answers, or has computed for some. One under valgrind on a busy machine may need many
#: times that for a round.
_LIMIT, _LEAST_CPU = 180.0, 1.0

#: Seconds within which it answers in any case.
_LONGEST = 3600.0

_ROOT = Path(__file__).resolve().parents[1]


class WorkerError(UsageError):
    """A driver failed in a workload."""


def environment_of(driver: Driver) -> dict[str, str]:
    """Return the environment of a worker: it imports the same modules as this process."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0", **driver.environment}


def worker_command(driver: Driver, reactor: str) -> list[str]:
    """Return the command line of a worker. A driver's own reactor takes precedence over the session's."""
    return [sys.executable, "-m", "bench.worker", driver.name, driver.reactor or reactor]


def cpu_seconds(number: int) -> float:
    """Return the CPU seconds of a process since its start; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


class WorkerProcess:
    """A worker process and the conversation with it.

    :param tls: a server with TLS, where there is one.
    :param before: words before its command line, such as valgrind and its options.
    :param more: further variables of its environment.
    """

    def __init__(
        self,
        driver: Driver,
        address: Address,
        tls: TLSAddress | None,
        reactor: str,
        cpu: int | None,
        before: Sequence[str] = (),
        more: Mapping[str, str] | None = None,
    ) -> None:
        self.driver = driver
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self._said = b""
        with affinity(None if cpu is None else [cpu]):
            self._process = subprocess.Popen(
                [*before, *worker_command(driver, reactor)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._log,
                env={**environment_of(driver), **(more or {})},
            )
        try:
            self._tell({"address": address.as_json(), "tls": tls.as_json() if tls else None})
            self.identity = self._hear()
        except BaseException:
            self.stop()
            raise

    def check(self, spec: Spec) -> None:
        """Let the worker compare a reply with the expected one."""
        self._ask("check", spec)

    def run(self, spec: Spec, publisher: Any = None) -> dict[str, float]:
        """Let the worker run a round."""
        answer = self._ask("run", spec)
        if answer["event"] == "subscribed":
            publisher.repeat(spec.count, "PUBLISH", spec.channel, spec.value)
            self._tell({"event": "published"})
            answer = self._hear()
        return answer

    def finish(self) -> str:
        """Let the worker end by itself; return its standard error."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(_LIMIT)
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def stop(self) -> None:
        """Kill the worker."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._log.close()

    def _ask(self, action: str, spec: Spec) -> dict[str, Any]:
        self._tell({"action": action, "spec": spec.as_json()})
        return self._hear()

    def _tell(self, message: Any) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise WorkerError(self._last_words()) from None

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        start = time.monotonic()
        computed = cpu_seconds(self._process.pid)
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._process.stdout], [], [], _LIMIT)
            if not ready:
                before, computed = computed, cpu_seconds(self._process.pid)
                waited = time.monotonic() - start
                if computed - before < _LEAST_CPU or waited > _LONGEST:
                    raise WorkerError(f"no answer within {waited:.0f} s")
                continue
            data = os.read(self._process.stdout.fileno(), 65536)
            if not data:
                raise WorkerError(self._last_words())
            self._said += data
        line, _, self._said = self._said.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        if message["event"] == "failed":
            raise WorkerError(message["why"])
        return message

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").split("\n")]
        return f"its process ended: {next(filter(None, reversed(lines)), 'it said nothing')}"[:300]
