"""Every program in ``examples/`` does what it says, in both styles, against real servers."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from testbed.live import clients
from testbed.servers import wait_until

import txredis_fast

EXAMPLES = Path(__file__).parents[2] / "examples"
#: Seconds that a program may take.
LIMIT = 20.0


def environment(**variables: str) -> dict[str, str]:
    """An environment in which programs get the package that is being tested."""
    package = str(Path(txredis_fast.__file__).parents[1])
    path = os.pathsep.join([package, *filter(None, [os.environ.get("PYTHONPATH")])])
    rest = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
    return {**rest, "PYTHONPATH": path, **variables}


def run(name: str, *args: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *args],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env=environment(**variables),
    )


def output(name: str, *args: str, **variables: str) -> list[str]:
    """The lines that a program printed, which must have ended well and printed nothing else."""
    done = run(name, *args, **variables)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout.splitlines()


def twice(name: str, *args: str, **variables: str) -> list[str]:
    """What each of the two styles printed, which must be the same."""
    lines = output(name, *args, **variables)
    half = len(lines) // 2
    assert lines[:half] == lines[half:]
    return lines[:half]


class Running:
    """A program that runs until it is stopped, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def expect(self, line: str) -> None:
        """Wait until it has printed a line once more than it had been waited for, and forget that."""
        wait_until(lambda: line in self.lines or self.process.poll() is not None, f"it prints {line!r}", LIMIT)
        assert line in self.lines, "\n".join(self.lines)
        self.lines.remove(line)

    def type(self, line: str) -> None:
        """Type a line into its input."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def end_input(self) -> int:
        """Press Ctrl-D; returns the exit status."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        return self.process.wait(LIMIT)

    def interrupt(self) -> int:
        """Press Ctrl-C; returns the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(LIMIT)

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()


@contextlib.contextmanager
def running(name: str, *args: str) -> Iterator[Running]:
    process = subprocess.Popen(
        [sys.executable, str(EXAMPLES / name), *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    program = Running(process)
    try:
        yield program
    finally:
        program.stop()


def url_of(server: Any) -> str:
    return f"redis://{server.host}:{server.port}"


def left_behind(server: Any) -> Any:
    return server.command("KEYS", "*")


def test_single_connection(server):
    assert twice("single_connection.py", url_of(server)) == [
        f"<Redis Connection: 127.0.0.1:{server.port} - 1 connection(s)>",
        "greeting: hello",
        "deleted: 1",
    ]
    assert left_behind(server) == []


def test_the_url_may_be_in_the_environment(server):
    lines = twice("single_connection.py", REDIS_URL=f"unix://{server.path}")
    assert lines[0] == f"<Redis Unix Connection: {server.path} - 1 connection(s)>"


def test_pool(server):
    assert twice("pool.py", url_of(server)) == [
        "counted to 100",
        "meanwhile: 100",
        "job: ['example:jobs', 'sweep the floor']",
    ]
    assert left_behind(server) == []


def test_sharding(server, fresh_server):
    hosts = [f"127.0.0.1:{each.port}" for each in (server, fresh_server)]
    assert twice("sharding.py", *hosts) == [
        f"<Redis Sharded Connection: {hosts[0]}/1, {hosts[1]}/1>",
        "sum: 4950",
        "order: book",
        "Method 'keys' cannot be sharded",
        "deleted: 101",
    ]
    for each in (server, fresh_server):
        assert left_behind(each) == []
        assert "cmdstat_set" in each.info("commandstats"), "it got none of the keys"


def test_transaction(server):
    assert twice("transaction.py", url_of(server)) == [
        "before EXEC, stock is 10",
        "EXEC answered [7, 1, ['three apples']]",
        "nothing was executed: not so many!",
        "after that, stock is 7",
    ]
    assert left_behind(server) == []


def test_counter(server):
    assert twice("counter.py", url_of(server)) == [
        "conflict: nothing written, the counter is 41",
        "incremented to 42",
        "20 more at the same time: 62",
    ]
    assert left_behind(server) == []


def test_pipeline(server):
    lines = twice("pipeline.py", url_of(server))
    assert lines[0] == "10001 replies, the last is ['0', '1', '2']"
    assert re.fullmatch(r"\['1', WrongTypeError\('WRONGTYPE .*'\), '2'\]", lines[1])
    assert lines[2:] == ["deleted: 10000"]
    assert left_behind(server) == []


@pytest.mark.parametrize(
    ("credentials", "name"), [("", "default"), (":secret@", "default"), ("alice:wonder@", "alice")]
)
def test_authentication(make_server, credentials, name):
    server = make_server(password="secret" if credentials else None, users={"alice": "on >wonder ~* &* +@all"})
    lines = twice("authentication.py", f"redis://{credentials}{server.host}:{server.port}")
    assert lines[:4] == [f"user: {name}", "user: example", "mine: yes", "refused: NOPERM"]
    assert re.fullmatch("wrong password: .*WRONGPASS.*", lines[4])
    assert len(lines) == 5
    assert left_behind(server) == []
    assert b"example" not in server.command("ACL", "USERS")


def subscriptions(server: Any) -> list[tuple[str, str]]:
    """How many channels and patterns each connection is subscribed to."""
    return [(client["sub"], client["psub"]) for client in clients(server)]


def test_subscriber_through_a_restart_of_the_server(fresh_server):
    with running("subscriber.py", url_of(fresh_server)) as program:
        program.expect("inlineCallbacks: subscribed")
        for turn in range(2):
            fresh_server.command("PUBLISH", "sports", f"goal {turn}")
            fresh_server.command("PUBLISH", "weather:here", f"rain {turn}")
            fresh_server.command("PUBLISH", "other", "nobody listens")
            for style in ("await", "inlineCallbacks"):
                program.expect(f"{style}: sports: goal {turn}")
                program.expect(f"{style}: weather:here (matches weather:*): rain {turn}")
            if turn == 0:
                fresh_server.restart()
                wait_until(lambda: subscriptions(fresh_server) == [("2", "1")] * 2, "both are subscribed again")
                program.expect("await: connection lost")
                program.expect("inlineCallbacks: connection lost")
        assert program.interrupt() == 0
        assert not any("nobody" in line or "Traceback" in line for line in program.lines)


def test_chat_through_a_restart_of_the_server(fresh_server):
    url = url_of(fresh_server)
    with running("chat.py", url, "alice", "den") as alice, running("chat.py", url, "bob", "den") as bob:
        alice.expect("(alice is in den)")
        bob.expect("(bob is in den)")
        for turn in range(2):
            alice.type(f"hello {turn}")
            bob.type(f"hallöchen {turn}")
            for program in (alice, bob):
                program.expect(f"alice: hello {turn}")
                program.expect(f"bob: hallöchen {turn}")
            if turn == 0:
                fresh_server.restart()
                wait_until(
                    lambda: all(any(line.startswith("(back again") for line in each.lines) for each in (alice, bob)),
                    "both are subscribed again",
                    LIMIT,
                )
        assert [each.end_input() for each in (alice, bob)] == [0, 0]
        assert not any("Traceback" in line for each in (alice, bob) for line in each.lines)
    assert left_behind(fresh_server) == []


def test_with_asyncio(server):
    assert twice("with_asyncio.py", url_of(server)) == [
        "ten tasks counted: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]",
        "no job came in time",
    ]
    assert left_behind(server) == []


def test_sentinel(sentinels):
    master, [replica], watchers = sentinels
    addresses = ",".join(f"{each.host}:{each.port}" for each in watchers)
    assert twice("sentinel.py", f"redis+sentinel://{addresses}/mymaster") == [
        f"master: 127.0.0.1:{master.port}",
        f"replica: 127.0.0.1:{replica.port}",
        "the replica says hello",
    ]
    assert left_behind(master) == []


def test_cached_reads(server):
    def sent() -> int:
        return int((re.match(r"calls=(\d+)", server.info("commandstats").get("cmdstat_hget", "calls=0")) or [0, 0])[1])

    before = sent()
    assert output("cached_reads.py", url_of(server)) == [
        "tea costs 2.40",
        "1000 readers, 1 fetched, 999 waited for it",
        "cake costs 3.10 and tea 2.40",
        "tea costs 2.50",
        "tea costs 2.60",
    ]
    assert left_behind(server) == []
    assert 4 <= sent() - before < 100, "the reads were sent to the server"


def test_word_count(server, tmp_path):
    texts = {"one.txt": "the cat and the dog", "two.txt": "The end: THE end. Ünïcode 12!"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = [str(tmp_path / name) for name in texts]
    lines = twice("word_count.py", url_of(server), *files)
    assert lines[:5] == [
        f"{files[0]}: 5 words",
        f"{files[1]}: 5 words",
        "different words: 6",
        "     4 the",
        "     2 end",
    ]
    # Words that are equally frequent are in alphabetical order backwards.
    assert lines[5:] == ["     1 ünïcode", "     1 dog", "     1 cat"]
    assert left_behind(server) == []


def http(method: str, url: str, value: str | None = None) -> tuple[int, str, float]:
    """One request: the status, the body and the seconds it took."""
    data = None if value is None else urllib.parse.urlencode({"value": value}).encode()
    request = urllib.request.Request(url, data, method=method)
    start = time.monotonic()
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as response:
            status, body = response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            status, body = error.code, error.read()
    return status, body.decode(), time.monotonic() - start


def listening_at(program: Running) -> str:
    wait_until(lambda: program.lines or program.process.poll() is not None, "it listens", LIMIT)
    assert program.lines and program.lines[0].startswith("listening on "), program.lines
    return program.lines[0].removeprefix("listening on ").removesuffix("/text/")


def test_http_service_answers_503_at_once_while_the_server_is_down_and_recovers(fresh_server):
    with running("http_service.py", url_of(fresh_server), "0") as program:
        base = listening_at(program)
        urls = [f"{base}/text/a/b", f"{base}/inline-callbacks/text/a/b"]
        for turn in range(2):
            wait_until(lambda: http("GET", urls[0])[0] != 503, "it is connected")
            for url in urls:
                assert http("GET", url)[:2] == (404, "not found\r\n")
                assert http("POST", url, f"täxt {turn}")[:2] == (200, "a/b is set\r\n")
                assert fresh_server.command("GET", "a/b").decode() == f"täxt {turn}"
                assert http("GET", url)[:2] == (200, f"täxt {turn}\r\n")
                assert http("DELETE", url)[:2] == (200, "1 deleted\r\n")
            if turn == 0:
                fresh_server.kill()
                for method in ("GET", "POST", "DELETE"):
                    for url in urls:
                        status, body, seconds = http(method, url, "x" if method == "POST" else None)
                        assert status == 503
                        assert body.startswith("Not connected")
                        assert seconds < 1
                fresh_server.start()
        fresh_server.command("LPUSH", "a/b", "not a text")
        for url in urls:
            status, body, _ = http("GET", url)
            assert (status, body.split()[0]) == (500, "WRONGTYPE")
        assert program.interrupt() == 0
        assert "GET /text/a/b: " + body.strip() in program.lines
        assert not any("Traceback" in line for line in program.lines)


def test_http_service_starts_while_the_server_is_down(fresh_server):
    fresh_server.kill()
    with running("http_service.py", url_of(fresh_server), "0") as program:
        base = listening_at(program)
        assert http("GET", f"{base}/text/key")[0] == 503
        fresh_server.start()
        wait_until(lambda: http("GET", f"{base}/text/key")[0] == 404, "it is connected")


def numbers(url: str) -> dict[str, Any]:
    status, body, _ = http("GET", url)
    assert status == 200
    found: dict[str, Any] = json.loads(body)
    return found


def test_stats_page_has_the_numbers_also_while_the_server_is_down(fresh_server):
    with running("stats_page.py", url_of(fresh_server), "0") as program:
        wait_until(lambda: program.lines or program.process.poll() is not None, "it listens", LIMIT)
        url = program.lines[0].removeprefix("listening on ")
        wait_until(lambda: numbers(url)["connections"] == 10 and numbers(url)["replies"] > 10, "it is at work", LIMIT)
        assert set(numbers(url)) == {field.name for field in dataclasses.fields(txredis_fast.Stats)}
        assert (numbers(url)["poolsize"], numbers(url)["errors"]) == (10, {})
        fresh_server.kill()
        wait_until(lambda: numbers(url)["connections"] == 0, "the loss is counted", LIMIT)
        assert numbers(url)["connections_lost"] == numbers(url)["connections_made"] >= 10
        assert program.interrupt() == 0
        assert program.lines[1:] == []


#: How each program that has an end is told of a server that is not there.
WITHOUT_SERVER = {
    "single_connection.py": "redis://127.0.0.1:{port}",
    "pool.py": "redis://127.0.0.1:{port}",
    "sharding.py": "127.0.0.1:{port}",
    "transaction.py": "redis://127.0.0.1:{port}",
    "counter.py": "redis://127.0.0.1:{port}",
    "pipeline.py": "redis://127.0.0.1:{port}",
    "authentication.py": "redis://user:secret@127.0.0.1:{port}",
    "chat.py": "redis://127.0.0.1:{port}",
    "with_asyncio.py": "redis://127.0.0.1:{port}",
    "stream_jobs.py": "redis://127.0.0.1:{port}",
    "subscriber.py": "redis://127.0.0.1:{port}",
    "sentinel.py": "redis+sentinel://127.0.0.1:{port}/mymaster",
    "word_count.py": "redis://127.0.0.1:{port}",
    "cached_reads.py": "redis://127.0.0.1:{port}",
}


#: Programs with annotations, which are written in one style; mypy checks them.
TYPED = {"login_guard.py", "test_login_guard.py", "web_api.py", "cached_reads.py", "stats_page.py"}
#: What is so short besides the point that a second style would hide it.
IN_ONE_STYLE = {"cluster.py"}


def all_examples() -> set[str]:
    return {path.name for path in EXAMPLES.glob("*.py")}


def test_stream_jobs(server):
    assert twice("stream_jobs.py", url_of(server)) == [
        "resized a.png",
        "cannot resize b.gif",
        "resized c.png",
        "resized d.png",
        "set aside: ['b.gif']",
    ]
    assert left_behind(server) == []


def test_login_guard(server):
    *lines, last = output("login_guard.py", url_of(server))
    assert lines == [
        "looking-glass: wrong password",
        "wonderland: welcome",
        *(f"{number}: wrong password" for number in (1, 2, 3)),
    ]
    assert re.fullmatch("wonderland: locked for (60|[45][0-9]) s", last)
    assert left_behind(server) == []


def test_login_guard_says_that_there_is_no_server(port_of_nobody):
    done = run("login_guard.py", f"redis://127.0.0.1:{port_of_nobody}")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch("no connection to Redis: .*refused\n", done.stderr)


def test_test_login_guard():
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_login_guard.py"],
        cwd=EXAMPLES,
        capture_output=True,
        text=True,
        timeout=LIMIT * 5,
        check=False,
        env=environment(),
    )
    assert "6 passed" in done.stdout, done.stdout + done.stderr


def factors(base: str, number: object) -> tuple[int, dict[str, str], Any]:
    """Status, headers and answer."""
    try:
        with urllib.request.urlopen(f"{base}?n={number}", timeout=LIMIT) as response:
            return response.status, dict(response.headers), json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.load(error)


def test_web_api(server):
    with running("web_api.py", url_of(server), "0") as program:
        wait_until(lambda: any(line.startswith("listening on ") for line in program.lines), "it listens", LIMIT)
        base = program.lines[0].removeprefix("listening on ")
        assert factors(base, 99)[::2] == (200, {"n": 99, "factors": [3, 3, 11], "cached": False})
        wait_until(
            lambda: factors(base, 99) and server.command("EXISTS", "example:requests:127.0.0.1"),
            "it is connected",
            LIMIT,
        )
        for _ in range(5):
            began = time.monotonic()
            server.command("FLUSHALL")
            answers = [factors(base, 99) for _ in range(6)]
            if time.monotonic() - began < 8:  # within one span of the limiter, unless the machine is very busy
                break
        assert [status for status, _, _ in answers] == [200] * 5 + [429]
        assert [body["cached"] for _, _, body in answers[:5]] == [False, True, True, True, True]
        assert 1 <= int(answers[5][1]["Retry-After"]) <= 10
        server.command("DEL", "example:requests:127.0.0.1")
        assert factors(base, "many")[0] == 400
        assert factors(base, 99)[2]["cached"]
        assert 0 < server.command("TTL", "example:factors:99") <= 60
        server.command("DEL", "example:requests:127.0.0.1")
        server.command("LPUSH", "example:requests:127.0.0.1", "not a number")
        assert factors(base, 99)[::2] == (500, {"error": "an error of this service; its log has the reason"})
        server.command("DEL", "example:requests:127.0.0.1")
        assert program.interrupt() == 0
        assert any("WrongTypeError" in line for line in program.lines), program.lines


def test_web_api_without_a_server(fresh_server):
    fresh_server.kill()
    with running("web_api.py", url_of(fresh_server), "0") as program:
        wait_until(lambda: any(line.startswith("listening on ") for line in program.lines), "it listens", LIMIT)
        base = program.lines[0].removeprefix("listening on ")
        for _ in range(7):
            assert factors(base, 99)[::2] == (200, {"n": 99, "factors": [3, 3, 11], "cached": False})
        fresh_server.start()
        wait_until(lambda: factors(base, 99)[0] == 429, "it is connected", LIMIT)
        assert program.interrupt() == 0


def test_mypy_and_pyright_check_all_programs():
    settings = (EXAMPLES.parent / "pyproject.toml").read_text(encoding="utf-8")
    [files] = re.findall(r"^files = \[(.*)\]$", settings, re.MULTILINE)
    [include] = re.findall(r"^include = (\[\"examples\".*\])$", settings, re.MULTILINE)
    assert '"examples"' in files.split(", ")
    assert '"examples"' in include
    [without_annotations] = re.findall(r"overrides\]\]\nmodule = \[(.*?)\]", settings, re.DOTALL)
    assert not [name for name in TYPED if f'"{Path(name).stem}"' in without_annotations]


def test_every_program_is_tested_described_and_written_in_both_styles():
    assert all_examples() == {*WITHOUT_SERVER, "http_service.py", *TYPED, *IN_ONE_STYLE}
    readme = (EXAMPLES / "README.rst").read_text()
    for name in all_examples():
        assert f"``{name}``" in readme
        assert any(test.startswith(f"test_{Path(name).stem}") for test in globals())
        source = (EXAMPLES / name).read_text()
        assert "await " in source or name.startswith("test_")
        assert ("@inlineCallbacks" in source) == (name not in TYPED | IN_ONE_STYLE)


@pytest.fixture(scope="module")
def port_of_nobody() -> Iterator[int]:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen, so it refuses; and nobody else can
        yield nobody.getsockname()[1]


@pytest.mark.parametrize("name", WITHOUT_SERVER)
def test_without_a_server_a_program_says_so_and_fails(name, port_of_nobody):
    done = run(name, WITHOUT_SERVER[name].format(port=port_of_nobody))
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("no connection to Redis: ")
    assert "refused" in line
    assert "secret" not in line


@pytest.mark.promise(
    "A program can survive the death of a master without a lost or doubled write",
    "``examples/cluster.py`` does it: the replica that takes the master's place has what WAIT has confirmed, and the "
    "program repeats a write with an unknown outcome, which it has made repeatable.",
    about="Cluster",
)
def test_cluster(cluster):
    seeds = [f"{node.host}:{node.port}" for node in cluster.nodes[:2]]
    with running("cluster.py", *seeds) as program:
        program.expect("ready: 3 masters")
        victim = cluster.owner_of("example:account:0")
        (replica,) = cluster.replicas_of(victim)
        wait_until(lambda: replica.call("DBSIZE") > 0, "deposits are made")
        cluster.kill(victim)
        wait_until(lambda: replica.members()[replica.id].is_master, "the replica takes over", LIMIT)
        cluster.restart(victim)
        program.expect("confirmed: 480")
        assert program.process.wait(LIMIT) == 0
        wait_until(lambda: not program._reader.is_alive(), "all is read")
        assert program.lines == ["found: 480", "total: 2400"]
