"""The server of a session: an embedded one, or the user's.

:mod:`testbed.client` writes the data that workloads read; none of the measured drivers is used for that.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from testbed.address import Address
from testbed.servers import KINDS, Server
from testbed.terminal import UsageError

from .machine import affinity

__all__ = ["Address", "benchmark_program", "embedded_server", "server_version"]

#: No output limit for subscribers: the workload has a subscriber that is slower than its publisher.
_SETTINGS = ("client-output-buffer-limit pubsub 0 0 0", "proto-max-bulk-len 1gb")


def benchmark_program() -> Path | None:
    """Return the path of the C benchmark, beside a server program or on PATH; None if there is none."""
    servers = filter(None, (kind.binary() for kind in KINDS))
    beside = (server.with_name(server.name.replace("server", "benchmark")) for server in servers)
    found = map(shutil.which, [*map(str, beside), "valkey-benchmark", "redis-benchmark"])
    return next((Path(path) for path in found if path), None)


@contextlib.contextmanager
def embedded_server(cpus: Sequence[int] | None = None) -> Iterator[Address]:
    """Run a server of our own during the block, and return its address.

    :param cpus: the CPUs that it may run on. None: all.
    """
    with contextlib.ExitStack() as stack:
        try:
            server = Server(*_SETTINGS)
            with affinity(cpus):
                stack.enter_context(server)
        except RuntimeError as error:
            raise UsageError(str(error)) from None
        yield Address(server.host, server.port)


def server_version(address: Address) -> str:
    """Return the server's name and version."""
    with address.connect() as connection:
        lines = connection.call("INFO", "server").decode().split("\r\n")
    about = dict(line.split(":", 1) for line in lines if ":" in line)
    if "valkey_version" in about:
        return f"Valkey {about['valkey_version']}"
    return f"Redis {about.get('redis_version', '?')}"
