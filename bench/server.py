"""The server of a session: an embedded one, or the user's.

:mod:`testbed.client` writes the data that workloads read; none of the measured drivers is used for that.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testbed.address import Address
from testbed.servers import KINDS, Server
from testbed.terminal import UsageError

from .machine import affinity

__all__ = ["Address", "TLSAddress", "benchmark_program", "embedded_server", "embedded_tls_server", "server_version"]

#: No output limit for subscribers: all messages of a round wait for the subscriber.
_SETTINGS = ("client-output-buffer-limit pubsub 0 0 0", "proto-max-bulk-len 1gb")

_NO_TLS = "no server that speaks TLS is installed here; the distributions' redis-server or valkey-server does, on PATH"


@dataclass(frozen=True)
class TLSAddress:
    """A server that speaks TLS.

    :ivar authority: path of the certificate of the authority to trust, PEM.
    :ivar plain: the same server without TLS.
    """

    host: str
    port: int
    authority: str
    plain: Address

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> TLSAddress:
        """Read what :meth:`as_json` returned."""
        return cls(data["host"], data["port"], data["authority"], Address(**data["plain"]))

    def as_json(self) -> dict[str, Any]:
        """As the worker is told."""
        return {"host": self.host, "port": self.port, "authority": self.authority, "plain": self.plain.as_json()}


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


class _TLSServer(Server):
    """A server with a port for TLS beside the plain one."""

    tls_port = 0
    authority = ""

    def settings(self) -> list[str]:
        """Write new certificates, and choose a port: both anew at each attempt to start."""
        from testbed.tls import make_certificates

        assert self.folder is not None
        made = make_certificates()
        for name, content in (("ca", made.authority), ("certificate", made.certificate), ("key", made.key)):
            (self.folder / f"{name}.pem").write_bytes(content)
        self.authority = str(self.folder / "ca.pem")
        with socket.create_server((self.host, 0)) as probe:
            self.tls_port = probe.getsockname()[1]
        files = [f"tls-{name}-file {self.folder}/{file}.pem" for name, file in _TLS_FILES]
        return [*super().settings(), f"tls-port {self.tls_port}", *files, "tls-auth-clients no"]


_TLS_FILES = (("ca-cert", "ca"), ("cert", "certificate"), ("key", "key"))


@contextlib.contextmanager
def embedded_tls_server(cpus: Sequence[int] | None = None) -> Iterator[TLSAddress]:
    """Run the first installed server that speaks TLS during the block, and return its address.

    :param cpus: the CPUs that it may run on. None: all.
    :raises UsageError: there is none, or no library for certificates; the message is the reason.
    """
    try:
        import testbed.tls  # noqa: F401
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed here: pip install 'txredis-fast[tls]'") from None
    with contextlib.ExitStack() as stack:
        for binary in filter(None, (kind.binary() for kind in KINDS)):
            server = _TLSServer(*_SETTINGS, binary=binary)
            # One that is built without TLS ends at once, because it does not know the settings.
            with contextlib.suppress(RuntimeError), affinity(cpus):
                stack.enter_context(server)
                break
        else:
            raise UsageError(_NO_TLS)
        yield TLSAddress(server.host, server.tls_port, server.authority, Address(server.host, server.port))


def server_version(address: Address) -> str:
    """Return the server's name and version."""
    with address.connect() as connection:
        lines = connection.call("INFO", "server").decode().split("\r\n")
    about = dict(line.split(":", 1) for line in lines if ":" in line)
    if "valkey_version" in about:
        return f"Valkey {about['valkey_version']}"
    return f"Redis {about.get('redis_version', '?')}"
