"""The soak, in short, against a real server behind the fault proxy; and that it tells what is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from testbed.extent import extent
from testbed.live import bounded, opened, until
from testbed.servers import KINDS
from testbed.soak import report
from testbed.soak.balanced import Strangers
from testbed.soak.command_line import main
from testbed.soak.facts import pending_deferreds
from testbed.soak.faults import Faults
from testbed.soak.session import Plan, Session, clients
from testbed.soak.transports import OverTLS
from testbed.ways import Way

import txredis_fast as redis
from txredis_fast.inflight import LastLook
from txredis_fast.pool.blocking import BlockingLane

pytestmark = pytest.mark.promise("No failure or cancellation ever delivers a reply to the wrong caller")

COMMANDS = int(os.environ.get("TXREDIS_FAST_SOAK_COMMANDS", extent(15_000, 5_000)))
ROOT = Path(__file__).parents[2]


async def soaked(server: Any, pair: Sequence[Any] = (), **plan: Any) -> Session:
    from twisted.internet import reactor

    session = Session(reactor, Plan(seconds=None, **plan), server.address, server, {}, pair=pair)
    await session.run()
    return session


@pytest_twisted.ensureDeferred
async def test_no_reply_is_anybody_elses_and_nothing_is_left_whatever_fails(fresh_server, logged_errors):
    before = pending_deferreds()
    session = await soaked(fresh_server, operations=COMMANDS, faults=COMMANDS // 500, seed=1)
    assert session.verdict() == [], "\n".join(report.lines(session))
    assert len(session.happened) > 6, session.happened
    await until(lambda: not clients(fresh_server), "no connection is left")
    await until(lambda: pending_deferreds() <= before + 5, "no Deferred is left")


@pytest.mark.once
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest_twisted.ensureDeferred
async def test_the_same_on_every_kind_of_server(kind, make_server):
    binary = kind.binary()
    if binary is None:
        pytest.skip(f"{kind.name} is not installed")
    session = await soaked(make_server(binary=binary), operations=2000, faults=8, seed=2)
    assert session.verdict() == [], "\n".join(report.lines(session))


@pytest.mark.parametrize("transport", ["unix", "tls"])
@pytest_twisted.ensureDeferred
async def test_the_same_over_every_transport(transport, fresh_server, logged_errors):
    before = pending_deferreds()
    session = await soaked(fresh_server, operations=3000, faults=12, seed=4, transport=transport)
    assert session.verdict() == [], "\n".join(report.lines(session))
    assert sum(session.happened.values()) >= 12
    assert len(session.happened) > 2, session.happened
    assert session.numbers.received
    await until(lambda: not clients(fresh_server), "no connection is left")
    await until(lambda: pending_deferreds() <= before + 5, "no Deferred is left")


@pytest_twisted.ensureDeferred
async def test_over_tls_what_the_faults_hit_is_encrypted(server):
    from twisted.internet import reactor

    transport = OverTLS(reactor, server.address)
    try:
        async with opened(transport.pool(poolsize=1)) as rc:
            assert await bounded(rc.ping()) == "PONG"
        with pytest.raises(redis.ConnectionError):
            await bounded(redis.Connection(*transport.proxy.address, dbid=1, reconnect=False))
    finally:
        await transport.stop()


@pytest.mark.self_check
@pytest_twisted.ensureDeferred
async def test_a_wrong_reply_is_noticed(fresh_server, monkeypatch):
    feed = Way.feed

    def feed_another(self: Way, data: bytes) -> None:
        # As if values of one user had come in the place of another one's.
        feed(self, data.replace(b"\r\nown:1:", b"\r\nown:2:").replace(b"\r\nsoak:own:1:", b"\r\nsoak:own:2:"))

    monkeypatch.setattr(Way, "feed", feed_another)
    session = await soaked(fresh_server, operations=3000, faults=1, users=4, seed=1)
    assert session.ledger.wrongs, "\n".join(report.lines(session))
    assert "wrong replies" in " ".join(session.verdict())
    assert any(line.startswith("WRONG: ") and "own:2:" in line for line in report.lines(session))


@pytest.mark.self_check
@pytest_twisted.ensureDeferred
async def test_a_cached_read_that_is_too_old_is_noticed(fresh_server, monkeypatch):
    monkeypatch.setattr("txredis_fast.caching.tracking.Tracking.invalidated", lambda *_: None)
    session = await soaked(fresh_server, operations=6000, faults=1, seed=1)
    assert any("may not be less than" in text for text in session.verdict()), "\n".join(report.lines(session))


# -- two more servers: behind one address, and one of them without faults


@pytest.fixture
def pair(make_server):
    return [make_server(), make_server()]


class OnlyBusy(Faults):
    """The program is busy; nothing else happens."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.kinds = [kind for kind in self.kinds if kind[0] == "program busy"]


class OnlyPasswords(Faults):
    """The password changes; nothing else happens."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.kinds = [kind for kind in self.kinds if kind[0].startswith("password")] or self.kinds[:1]


@pytest_twisted.ensureDeferred
async def test_no_stranger_is_disturbed_and_nothing_is_late_that_came_in_time(
    fresh_server, pair, logged_errors, monkeypatch
):
    monkeypatch.setattr("testbed.soak.session.Faults", OnlyBusy)
    # On a machine that has no time for the servers, a reply may be late indeed. Without a look at the socket, some are
    # told as late in each session, as a test below shows.
    for seed in (6, 7, 8):
        for each in (fresh_server, *pair):
            each.reset()  # a session knows of its own values only
        session = await soaked(fresh_server, pair, operations=COMMANDS // 2, faults=6, seed=seed)
        late = [text for text in session.verdict() if "ReplyTimeoutError" in text]
        if not late:
            break
    assert session.verdict() == [], "\n".join(report.lines(session))
    assert session.met > 10
    assert session.direct.commands > 100
    assert session.happened["program busy"] >= 6


@pytest_twisted.ensureDeferred
async def test_passwords_change_and_every_pool_goes_on(fresh_server, logged_errors, monkeypatch):
    monkeypatch.setattr("testbed.soak.session.Faults", OnlyPasswords)
    session = await soaked(fresh_server, operations=COMMANDS // 3, faults=8, seed=7)
    assert session.verdict() == [], "\n".join(report.lines(session))
    passwords = {"password changed", "password changed, clients killed"}
    assert passwords <= set(session.happened) <= {*passwords, "link reset"}  # of the link of the cached readers


@pytest.mark.self_check
@pytest_twisted.ensureDeferred
async def test_a_pool_that_is_not_told_a_password_is_noticed(fresh_server, monkeypatch):
    monkeypatch.setattr("testbed.soak.session.Faults", OnlyPasswords)
    monkeypatch.setattr("testbed.soak.session.END_LIMIT", 2.0)
    monkeypatch.setattr("testbed.soak.login.TRIES", 8)
    monkeypatch.setattr(redis.RedisFactory, "loggedIn", lambda *_: None)
    session = await soaked(fresh_server, operations=300, faults=4, seed=7)
    assert any("connections have come back" in text or "could not be told" in text for text in session.verdict())


@pytest.mark.self_check
@pytest_twisted.ensureDeferred
async def test_a_stranger_that_is_disturbed_is_noticed(fresh_server, pair, monkeypatch):
    monkeypatch.setattr("testbed.soak.session.Faults", OnlyBusy)
    ended = []

    def end_others(self: BlockingLane, messenger: Any, connection: object) -> Any:
        # As if the lane took all others for its connection, at either server: no matter of chance.
        while len(ended) < len(pair):
            ended.append(pair[len(ended)].command("CLIENT", "KILL", "TYPE", "normal"))
        return messenger

    monkeypatch.setattr(BlockingLane, "_check_server", end_others)

    def start(self: Strangers) -> None:
        for server in pair:
            self.come_to(server.address)

    monkeypatch.setattr(Strangers, "start", start)
    session = await soaked(fresh_server, pair, operations=COMMANDS // 5, faults=1, seed=6)
    assert min(ended) >= 1
    assert any("stranger" in text for text in session.ledger.wrong), "\n".join(report.lines(session))


def start_soak(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.testbed.soak", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.self_check
@pytest_twisted.ensureDeferred
async def test_a_reply_that_is_told_as_late_although_it_had_come_is_noticed(fresh_server, pair, monkeypatch):
    monkeypatch.setattr("testbed.soak.session.Faults", OnlyBusy)
    monkeypatch.setattr("testbed.soak.faults.BUSY", (1.2, 1.5))
    monkeypatch.setattr(LastLook, "begin", lambda self, call_later, *args: self._over(*args))
    monkeypatch.setattr("txredis_fast.inflight._deadline.MAX_GRACES", 0)
    session = await soaked(fresh_server, pair, operations=COMMANDS // 3, faults=4, seed=6)
    assert "where nothing fails" in " ".join(session.verdict())


@pytest.mark.self_check
def test_the_command_tells_what_it_found(tmp_path):
    out = tmp_path / "soak.json"
    with start_soak("--operations", "2000", "--faults", "4", "--seed", "3", "--json", str(out)) as process:
        told, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (0, ""), told + errors
    assert told.splitlines()[-2] == "passed"
    found = json.loads(out.read_text())
    assert found["commands"] >= 2000
    assert found["wrong replies"] == 0
    assert sum(found["faults"].values()) >= 4
    assert found["problems"] == []


@pytest.mark.once
def test_a_cluster_is_worked_on_while_it_changes(tmp_path):
    out = tmp_path / "soak.json"
    with start_soak("--cluster", "--minutes", "0.1", "--every", "1", "--users", "10", "--json", str(out)) as process:
        told, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (0, ""), told + errors
    found = json.loads(out.read_text())
    assert found["faults"]
    assert found["writes"] > 0
    assert (found["doubles"], found["wrong"], found["problems"]) == (0, [], [])


@pytest.mark.self_check
def test_ctrl_c_ends_it_in_order_with_what_was_done_so_far(tmp_path):
    with start_soak("--minutes", "10", "--every", "0.5") as process:
        time.sleep(8)
        process.send_signal(signal.SIGINT)
        told, errors = process.communicate(timeout=100)
    assert (process.returncode, errors) == (0, ""), told + errors
    assert "interrupted" in told.splitlines()[0]
    assert told.splitlines()[-1] == "passed"


@pytest.mark.self_check
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--faults", "3"], "--faults needs --operations"),
        (["--url", "redis://localhost", "--failover"], "--failover needs servers of its own"),
        (["--cluster", "--failover"], "--cluster has servers of its own, over TCP, for some --minutes"),
        (["--cluster", "--url", "redis://localhost"], "--cluster has servers of its own"),
        *(
            (([f"--{name}", "0"]), f"--{name} is a number greater than 0, not 0")
            for name in ("users", "every", "minutes", "operations")
        ),
        (["--operations", "9", "--faults", "-1"], "--faults is a number greater than 0, not -1"),
        (["--transport", "unix", "--failover"], "--failover is over TCP only"),
        (["--transport", "tls", "--failover"], "--failover is over TCP only"),
        (["--json", "/no/such/folder/x.json"], "--json: there is no folder /no/such/folder"),
    ],
)
def test_wrong_options_give_one_clear_line(arguments, words, capsys):
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("soak: ")
    assert words in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.self_check
@pytest.mark.parametrize("package", ["OpenSSL", "cryptography", "service_identity"])
def test_tls_without_its_extra_gives_one_clear_line(package, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, package, None)
    assert main(["--transport", "tls"]) == 2
    assert capsys.readouterr().err == ("soak: --transport tls needs the extra 'tls': pip install 'txredis-fast[tls]'\n")
