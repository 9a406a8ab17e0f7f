"""Random users of a cluster in a storm: nothing is executed twice or lost, no reply is anybody else's, nothing hangs.

In memory, with a clock: see ``cluster_world``. TXREDIS_FAST_MODEL_COMMANDS in the environment says how many commands at
least (15,000), TXREDIS_FAST_MODEL_SEED which ones.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Any

import pytest
from testbed.extent import extent
from testbed.soak.facts import pending_deferreds

import txredis_fast as redis
from faults.cluster_world import Found, World
from txredis_fast.client import send_batch
from txredis_fast.cluster import ClusterConnectionHandler
from txredis_fast.cluster.many import send_commands
from txredis_fast.cluster.members import Members
from txredis_fast.cluster.scan import ClusterScanIterator
from txredis_fast.cluster.waiting import Waiting

pytestmark = [
    pytest.mark.once,
    pytest.mark.promise(
        "No command of a cluster is executed twice, whatever moves or fails",
        "Random users of scripted nodes in memory, with redirections, moves, fail-overs, losses, cancellations: no "
        "double, no loss, no reply of another command, no Deferred that never fires; moves and planned fail-overs "
        "alone cost no error.",
        about="Cluster",
    ),
]

COMMANDS = int(os.environ.get("TXREDIS_FAST_MODEL_COMMANDS", extent(15_000, 4_000)))
SEED = int(os.environ.get("TXREDIS_FAST_MODEL_SEED", "1"))
#: Commands of one story.
LENGTH = min(10_000, max(COMMANDS // 3, 1_000))


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Stories put their clock where the reactor is; afterwards it is put back."""
    monkeypatch.setattr(redis, "reactor", None, raising=False)
    # Twisted keeps the last 200 events until logging begins, and with them what stories are over with.
    monkeypatch.setattr("twisted.logger.Logger.emit", lambda *_, **__: None)


def tell(seed, commands=LENGTH, **options):
    """Tell a story."""
    try:
        return World(seed, **options).run(commands)
    except Found as error:
        pytest.fail(f"World({seed}, **{options}).run({commands}): {error}", pytrace=False)


def test_nothing_is_executed_twice_or_lost_and_nothing_hangs_whatever_moves_or_fails():
    commands, seed = 0, SEED
    ended: Counter[str] = Counter()
    failed: Counter[str] = Counter()
    acted: Counter[str] = Counter()
    storms: Counter[str] = Counter()
    before = pending_deferreds()
    while commands < COMMANDS:
        world = tell(seed)
        seed += 1
        commands += world.commands
        ended.update(world.judge.ended)
        failed.update(world.failed)
        acted.update(world.acted)
        storms.update(world.storm.told)
    # The stories are worth something only if what can go wrong did.
    assert ended["done"] > commands / 2, ended
    for name in ("CancelledError", "MaybeExecutedError", "NotSentError", "ReplyTimeoutError"):
        assert failed[name] > commands / 10_000, failed
    assert all(acted[name] for name in World.WEIGHTS), acted
    assert len(storms) > 20, storms
    del world
    redis.reactor = None  # the clock of the last story knows its connections
    assert pending_deferreds() == before, "Deferreds that never fired are left"


@pytest.mark.parametrize("read_from", ["master", "any"])
def test_moves_and_planned_fail_overs_alone_cost_no_error(read_from):
    world = tell(SEED, max(COMMANDS // 10, 3000), rough=False, readFrom=read_from)
    assert world.judge.ended["maybe"] == 0
    assert set(world.failed) <= {"OnPurpose", "WatchError"}, world.failed
    assert world.storm.told["finish_move"] + world.storm.told["fail_over"] >= 2


# -- the model notices what is wrong


def noticed(rough: bool = True, stories: int = 20) -> str:
    """Tell stories until one fails; return what it showed."""
    for seed in range(stories):
        try:
            World(seed, rough).run(2000)
        except Found as found:
            return str(found)
    pytest.fail(f"{stories} stories have not noticed it")


@pytest.mark.self_check
def test_a_command_that_is_sent_again_after_a_lost_connection_is_noticed(monkeypatch):
    send = ClusterConnectionHandler.execute_command

    def send_again(self: Any, *args: Any, **options: Any) -> Any:
        def lost(failure: Any) -> Any:
            failure.trap(redis.MaybeExecutedError)
            return send(self, *args, **options)

        return send(self, *args, **options).addErrback(lost)

    monkeypatch.setattr(ClusterConnectionHandler, "execute_command", send_again)
    assert "executed 2 times" in noticed()


@pytest.mark.self_check
def test_replies_of_a_batch_in_another_order_are_noticed(monkeypatch):
    def turned(*args: Any, **options: Any) -> Any:
        return send_commands(*args, **options).addCallback(lambda replies: replies[::-1])

    monkeypatch.setattr("txredis_fast.cluster.sending.send_commands", turned)
    assert "the reply may not be" in noticed()


@pytest.mark.self_check
def test_a_transaction_that_is_not_written_as_one_is_noticed(monkeypatch):
    def one_by_one(connection: Any, commands: Any, *args: Any) -> Any:
        block = [command for command in commands if command[0][0] not in ("MULTI", "EXEC")]
        return send_batch(connection, block, *args).addCallback(lambda replies: ["OK", *replies, replies])

    monkeypatch.setattr("txredis_fast.cluster.transactions.send_batch", one_by_one)
    assert re.search("in parts|told as|counted", noticed())


@pytest.mark.self_check
def test_a_command_that_is_forgotten_between_two_attempts_is_noticed(monkeypatch):
    monkeypatch.setattr(Waiting, "_over", Waiting.stop)
    assert "never answered" in noticed(rough=False)


@pytest.mark.self_check
def test_a_node_that_is_not_closed_is_noticed(monkeypatch):
    close = Members.disconnect

    def all_but_one(self: Any, timeout: Any = None) -> Any:
        for address in list(self.nodes)[:1]:
            del self.nodes[address]
        return close(self, timeout)

    monkeypatch.setattr(Members, "disconnect", all_but_one)
    assert "connections were not closed" in noticed()


@pytest.mark.self_check
def test_a_slot_that_a_scan_leaves_out_is_noticed(monkeypatch):
    begin = ClusterScanIterator._begin

    def forget(self: Any, node: Any, wanted: Any, source: Any) -> None:
        self._slots_left -= wanted
        begin(self, node, set() if source is not None else wanted, source)

    monkeypatch.setattr(ClusterScanIterator, "_begin", forget)
    monkeypatch.setattr("faults.cluster_world.SCANNING", 0.05)
    assert "SCAN" in noticed()
