"""What a program sees of a real cluster in trouble: few lines, and the truth."""

from __future__ import annotations

from typing import Any

import pytest
import pytest_twisted
from testbed.live import turn
from testbed.slots import key_in
from twisted.internet.threads import deferToThread
from twisted.logger import LogLevel, formatEvent, globalLogPublisher

import txredis_fast as redis
from txredis_fast.telemetry import events

pytestmark = [
    pytest.mark.once,
    pytest.mark.promise(
        "In a cluster, hooks are told of each command of the program once, whatever redirections it meets"
    ),
]


@pytest.fixture
def log():
    """Every event of the package that is no detail."""
    seen: list[dict[str, Any]] = []

    def observe(event: Any) -> None:
        if event.get("log_namespace") == events.NAMESPACE and event["log_level"] > LogLevel.debug:
            seen.append(event)

    globalLogPublisher.addObserver(observe)
    yield seen
    globalLogPublisher.removeObserver(observe)


class Counting:
    """A hook that counts commands, and those that have ended."""

    def __init__(self) -> None:
        self.started = self.ended = self.redirected = 0

    def command_started(self, command: redis.CommandInfo) -> redis.CommandInfo:
        self.started += 1
        return command

    def command_ended(self, token: redis.CommandInfo, error: BaseException | None) -> None:
        self.ended += 1
        self.redirected += token.redirections > 0


@pytest_twisted.ensureDeferred
async def test_a_killed_master_makes_few_lines_and_no_hook_calls_of_its_own(cluster, log):
    hook = Counting()
    async with redis.ClusterConnection(cluster.addresses[:2], hooks=[hook]) as rc:
        slot = 7
        victim = cluster.owner_of(slot)
        done = given = 0
        log.clear()
        await deferToThread(cluster.kill, victim)
        failed = 0
        for number in range(400):
            given += 1
            try:
                await rc.set(key_in(slot, number), number)
                done += 1
            except redis.MaybeExecutedError:
                failed += 1
            if rc.node_for(key_in(slot, 0)).port != victim.port and done > 20:
                break
            await turn(0.02)
        assert failed <= 1
        assert done > 20
        await turn(4)  # the cluster is asked whether it is well
        assert hook.started == hook.ended == given
        assert rc.stats().nodes == 5
        assert victim.port not in [node.port for node in rc.nodes() if node.is_master]
    lines = [(event["redis_event"], event["server"], formatEvent(event)) for event in log]
    assert [server for name, server, _ in lines if name == "outage"] == [f"127.0.0.1:{victim.port}"]
    kinds = [name for name, _, _ in lines]
    assert kinds.count("cluster_down") <= 1
    assert kinds.count("cluster_up") == kinds.count("cluster_down")
    assert len(lines) <= 3, lines


@pytest_twisted.ensureDeferred
async def test_a_hung_master_makes_few_lines(cluster, log):
    async with redis.ClusterConnection(cluster.addresses[:2], replyTimeout=1) as rc:
        slot = 7
        victim = cluster.owner_of(slot)
        log.clear()
        cluster.pause(victim)
        got = [rc.get(key_in(slot, number)) for number in range(50)]
        for each in got:
            with pytest.raises((redis.MaybeExecutedError, redis.NotSentError)):
                await each
        while True:
            try:
                assert await rc.get(key_in(slot, 0)) is None  # of the replica
                break
            except redis.ConnectionError:  # it may have accepted another connection, and still hangs
                await turn(0.1)
        await turn(4)
    cluster.resume(victim)
    assert len(log) <= 5, [formatEvent(event) for event in log]
