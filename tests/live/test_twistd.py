"""``RedisService`` in Twisted applications: in a MultiService, and under twistd as in ``examples/twistd``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from testbed.cluster_nodes import reserve_port
from testbed.documents import ROOT, python_blocks
from testbed.live import bounded, clients, until
from testbed.servers import Server, wait_until
from twisted.application.service import IService, MultiService, Service
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

import txredis_fast as redis
from txredis_fast.telemetry import outage

EXAMPLE = Path(__file__).parents[2] / "examples" / "twistd"
#: Seconds that a program may take to start or to stop.
LIMIT = 60.0

pytestmark = pytest.mark.promise(
    "RedisService connects with its application, and a stop by SIGTERM logs no outage", about="Connections"
)


def url_of(server: Any) -> str:
    return f"redis://{server.host}:{server.port}"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The lines of the log above debug."""
    monkeypatch.setattr(outage, "_groups", {})
    seen: list[str] = []

    def observe(event: Any) -> None:
        if event["log_level"] > LogLevel.debug:
            seen.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


# -- the service


@pytest_twisted.ensureDeferred
async def test_it_connects_when_it_starts_and_disconnects_when_it_stops(fresh_server, lines):
    store = redis.RedisService(url_of(fresh_server), poolsize=2)
    assert IService.providedBy(store)
    with pytest.raises(RuntimeError, match="once it is started"):
        store.rc
    root = MultiService()
    store.setServiceParent(root)
    root.startService()
    rc = store.rc
    assert await bounded(rc.set("key", "7")) == "OK", "usable at once"
    assert await bounded(rc.get("key")) == "7", "with the defaults of connect()"
    await until(lambda: rc._factory.size == 2, "both connections are up")
    await bounded(root.stopService())
    assert rc._factory.size == 0
    with pytest.raises(redis.NotSentError, match=r"^Not connected$"):
        await store.rc.get("key")
    root.startService()
    assert store.rc is not rc and await bounded(store.rc.get("key")) == "7"
    await bounded(root.stopService())
    assert lines == []


@pytest_twisted.ensureDeferred
async def test_it_waits_for_the_replies_in_flight_and_stops_after_its_users(fresh_server):
    store = redis.RedisService(host=fresh_server.host, port=fresh_server.port)

    class User(Service):
        def stopService(self) -> Any:
            super().stopService()
            return store.rc.set("last", "words")

    root = MultiService()
    store.setServiceParent(root)
    User().setServiceParent(root)
    root.startService()
    await bounded(store.rc.ping())
    asked = store.rc.rpush("list", "a")
    await bounded(root.stopService())
    assert asked.called and await asked == 1
    async with redis.connect(url_of(fresh_server)) as rc:
        assert await rc.get("last") == "words"


@pytest_twisted.ensureDeferred
async def test_its_start_never_fails_and_it_connects_once_the_server_is_there(fresh_server, lines):
    fresh_server.kill()
    store = redis.RedisService(url_of(fresh_server), poolTimeout=0)
    store.startService()
    store.rc._factory.initialDelay = store.rc._factory.maxDelay = 0.05
    await until(lambda: lines, "the outage is told")
    with pytest.raises(redis.NotSentError, match=f":{fresh_server.port}: connection refused$"):
        await store.rc.ping()
    fresh_server.start()
    await until(lambda: store.rc._factory.size, "connected")
    await bounded(store.stopService())
    place = f"{fresh_server.host}:{fresh_server.port}"
    assert lines[0] == f"Redis {place}: not connected: connection refused; trying to connect until it is reachable"
    assert len(lines) == 2 and lines[1].startswith(f"Redis {place}: connected after "), lines


@pytest_twisted.ensureDeferred
async def test_a_service_that_never_started_stops(server):
    await bounded(redis.RedisService(url_of(server)).stopService())


def test_wrong_arguments_raise_when_it_is_made():
    with pytest.raises(ValueError, match="URL begins"):
        redis.RedisService("http://localhost")
    with pytest.raises(ValueError, match="poolsize"):
        redis.RedisService(poolsize=0)
    with pytest.raises(TypeError, match="'pool_size'; the nearest: poolsize"):
        redis.RedisService(pool_size=3)  # type: ignore[call-arg]


# -- under twistd


@pytest.fixture
def port() -> Iterator[int]:
    """A port that only the program will listen on."""
    with reserve_port() as holder:
        yield int(holder.getsockname()[1])


class Twistd:
    """The example under twistd, and what it has logged."""

    def __init__(self, directory: Path, arguments: list[str], port: int, **variables: str) -> None:
        self.port = port
        package = str(Path(redis.__file__).parents[1])
        path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
        run = "import os, sys; sys.path.insert(0, os.getcwd()); from twisted.scripts.twistd import run; run()"
        self.process = subprocess.Popen(
            [sys.executable, "-c", run, "--nodaemon", "--pidfile=", *arguments],
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": path, **variables},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(line.rstrip("\n") for line in self.process.stdout)

    def get(self) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=LIMIT) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def ready(self) -> None:
        def answers() -> bool:
            assert self.process.poll() is None, self.lines
            return self.get()[0] == 200

        wait_until(answers, "twistd serves", LIMIT)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


@pytest.fixture(params=["tac", "plugin"])
def twistd(request: pytest.FixtureRequest, fresh_server: Any, port: int, tmp_path: Path) -> Iterator[Twistd]:
    directory = tmp_path / "twistd"
    shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("*.cache", "__pycache__"))
    listen = f"tcp:{port}:interface=127.0.0.1"
    if request.param == "tac":
        variables = {"REDIS_URL": url_of(fresh_server), "VISITS_LISTEN": listen}
        program = Twistd(directory, ["--python", "visits.tac"], port, **variables)
    else:
        program = Twistd(directory, ["visits", "--redis", url_of(fresh_server), "--listen", listen], port)
    try:
        program.ready()
        yield program
    finally:
        program.end()


def test_the_example_serves_and_stops_without_a_word_of_an_outage(twistd: Twistd, fresh_server: Any) -> None:
    first, second = (int(twistd.get()[1].removeprefix("visit ")) for _ in range(2))
    assert second == first + 1
    assert clients(fresh_server)
    assert twistd.terminate() in (0, -signal.SIGTERM)
    twistd.end()
    told = "\n".join(twistd.lines)
    assert "Received SIGTERM" in told
    assert "Redis" not in told and "Traceback" not in told, told


def test_the_example_tells_an_outage_in_two_lines_and_recovers(twistd: Twistd, fresh_server: Any) -> None:
    fresh_server.kill()
    status, text = twistd.get()
    assert status == 503 and f"127.0.0.1:{fresh_server.port}" in text, text
    fresh_server.start()
    twistd.ready()
    twistd.terminate()
    twistd.end()
    told = [line for line in twistd.lines if "Redis" in line]
    assert len(told) == 2 and "not connected" in told[0] and "connected after" in told[1], told


def test_the_example_answers_500_to_what_its_program_does_not_expect(twistd: Twistd, fresh_server: Any) -> None:
    fresh_server.command("DEL", "example:visits")
    fresh_server.command("LPUSH", "example:visits", "not a number")
    assert twistd.get()[0] == 500
    twistd.terminate()
    twistd.end()
    assert any("WRONGTYPE" in line for line in twistd.lines), twistd.lines


def test_the_program_of_the_page_on_deploying_answers_also_without_a_server(
    fresh_server: Any, port: int, tmp_path: Path
) -> None:
    program, *_ = (block.text for block in python_blocks(ROOT / "docs" / "deploying.rst"))
    assert "localhost:6379" in program and "tcp:8080:" in program
    program = program.replace("localhost:6379", f"127.0.0.1:{fresh_server.port}").replace("tcp:8080:", f"tcp:{port}:")
    (tmp_path / "visits.tac").write_text(program)
    twistd = Twistd(tmp_path, ["--python", "visits.tac"], port)
    try:
        twistd.ready()
        fresh_server.kill()
        status, text = twistd.get()
        assert status == 503 and "connection refused" in text, text
        fresh_server.start()
        twistd.ready()
        twistd.terminate()
    finally:
        twistd.end()
    assert "Traceback" not in "\n".join(twistd.lines), twistd.lines


def test_a_program_that_waits_for_its_first_connection_says_so_on_stderr() -> None:
    with Server() as server:
        server.kill()
        program = (
            "import txredis_fast as redis\n"
            "from twisted.internet import reactor, task\n"
            f"redis.ConnectionPool({server.host!r}, {server.port})\n"
            "task.deferLater(reactor, 1.5, reactor.stop)\n"
            "reactor.run()\n"
        )
        package = str(Path(redis.__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            timeout=LIMIT,
            env={**os.environ, "PYTHONPATH": package},
            check=False,
        )
    place = f"{server.host}:{server.port}"
    expected = f"Redis {place}: not connected: connection refused; trying to connect until it is reachable\n"
    assert (done.returncode, done.stderr) == (0, expected)
