"""The server that is measured against: one of our own, or one that the user names.

What the workloads read is put there by :mod:`testbed.client`, without any of the drivers under test.
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

#: A subscriber that is slower than the publisher is what is measured: it is not to be thrown out.
_SETTINGS = ("client-output-buffer-limit pubsub 0 0 0", "proto-max-bulk-len 1gb")


def benchmark_program() -> Path | None:
    """The C benchmark, which lies beside a server or is on PATH."""
    servers = filter(None, (kind.binary() for kind in KINDS))
    beside = (server.with_name(server.name.replace("server", "benchmark")) for server in servers)
    found = map(shutil.which, [*map(str, beside), "valkey-benchmark", "redis-benchmark"])
    return next((Path(path) for path in found if path), None)


@contextlib.contextmanager
def embedded_server(cpus: Sequence[int] | None = None) -> Iterator[Address]:
    """The address of a server of our own, which ends with the block.

    :param cpus: the CPUs that it may run on; None: all.
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
    """What the server calls itself."""
    with address.connect() as connection:
        lines = connection.call("INFO", "server").decode().split("\r\n")
    about = dict(line.split(":", 1) for line in lines if ":" in line)
    if "valkey_version" in about:
        return f"Valkey {about['valkey_version']}"
    return f"Redis {about.get('redis_version', '?')}"
