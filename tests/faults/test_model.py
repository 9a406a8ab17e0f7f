"""Random users, cancellations and faults: no reply is anybody else's, nothing hangs, nothing is left.

In memory, with a clock: stories that a tape tells, see ``model_world``. TXREDIS_FAST_MODEL_COMMANDS in the environment
says how many commands at least (100,000), TXREDIS_FAST_MODEL_SEED which ones.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from testbed.extent import extent
from testbed.soak.careless import CarelessUser
from testbed.soak.facts import pending_deferreds
from testbed.support import use_implementation
from twisted.python.failure import Failure

import txredis_fast
from faults.model_world import World
from faults.stories import noticed, tapes, tell
from txredis_fast import MaybeExecutedError, RedisProtocol
from txredis_fast.batching.transaction import Transaction
from txredis_fast.connection import Link
from txredis_fast.connection.protocol import BaseRedisProtocol
from txredis_fast.inflight import LastLook, _pyrequest
from txredis_fast.pool.blocking import BlockingLane
from txredis_fast.pool.blocking_command import BlockingCommand

pytestmark = pytest.mark.promise(
    "No failure or cancellation ever delivers a reply to the wrong caller",
    "No command is executed twice, every Deferred fires, and no transaction, connection or Deferred is left "
    "behind: 100,000 random commands in memory with faulty links and a faulty server, and as many as the "
    "soak sends to real servers.",
    about="Replies and their callers",
)

COMMANDS = int(os.environ.get("TXREDIS_FAST_MODEL_COMMANDS", extent(100_000, 20_000)))
SEED = int(os.environ.get("TXREDIS_FAST_MODEL_SEED", "1"))


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Stories put their clock where the reactor is; afterwards it is put back."""
    monkeypatch.setattr(txredis_fast, "reactor", None, raising=False)
    # Twisted keeps the last 200 events until logging begins. They would keep what stories are over with: the endpoint
    # of each retry, and the frames of what hooks raise.
    monkeypatch.setattr("twisted.logger.Logger.emit", lambda *_, **__: None)


def test_no_reply_is_anybody_elses_and_nothing_hangs_whatever_fails():
    commands = 0
    failed: Counter[str] = Counter()
    done: Counter[str] = Counter()
    before = pending_deferreds()
    for tape in tapes(SEED):
        world = tell(World, tape)
        commands += world.commands
        failed.update(world.ledger.failed)
        done.update(world.ledger.done)
        if commands >= COMMANDS:
            break
    # The stories are worth something only if what can go wrong did.
    for name in ("CancelledError", "MaybeExecutedError", "NotSentError", "ReplyTimeoutError", "WatchError"):
        assert failed[name] > COMMANDS / 10_000, failed
    for name in ("READONLY", "EXECABORT"):
        assert failed[name] > COMMANDS / 1000, failed
    for name in CarelessUser.WEIGHTS:
        assert done[name] > COMMANDS / 1000, done
    del world
    txredis_fast.reactor = None  # the clock of the last story knows its connections
    assert pending_deferreds() == before, "Deferreds that never fired are left"


@settings(max_examples=extent(150, 30), deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300))
def test_short_stories(tape):
    World(tape).run()


# -- the model notices what is wrong


@pytest.fixture
def pure(monkeypatch):
    use_implementation(monkeypatch, "_pyresp")


@pytest.mark.self_check
def test_a_cancelled_slot_that_is_given_up_is_noticed(pure, monkeypatch):
    class GivesUp(_pyrequest.RequestQueue):
        def answer(self, reply: Any) -> None:
            while len(self.waiting) > 1 and self.waiting[0].deferred.called:
                self.waiting.popleft()
            super().answer(reply)

    monkeypatch.setattr("txredis_fast.connection.link.RequestQueue", GivesUp)
    assert "instead of" in noticed(World)


@pytest.mark.self_check
def test_a_request_that_is_forgotten_when_the_connection_is_lost_is_noticed(pure, monkeypatch):
    class Forgets(_pyrequest.RequestQueue):
        def fail_all(self, make_error: Any, turns: bool = False) -> None:
            if len(self.waiting) > 3:
                self.waiting.pop()
            super().fail_all(make_error, turns)

    monkeypatch.setattr("txredis_fast.connection.link.RequestQueue", Forgets)
    assert "never answered" in noticed(World)


@pytest.mark.self_check
def test_a_command_that_is_sent_again_is_noticed(monkeypatch):
    send = RedisProtocol.execute_command

    def send_again(self: Any, *args: Any, **options: Any) -> Any:
        def lost(failure: Any) -> Any:
            failure.trap(MaybeExecutedError)
            return self.factory.handler.execute_command(*args)

        return send(self, *args, **options).addErrback(lost)

    monkeypatch.setattr(RedisProtocol, "execute_command", send_again)
    noticed(World)


@pytest.mark.self_check
def test_a_transaction_that_is_left_open_is_noticed(monkeypatch):
    send = RedisProtocol.execute_command

    def never_discard(self: Any, *args: Any, **options: Any) -> Any:
        return send(self, *(("ECHO", "OK") if args[0] == "DISCARD" else args), **options)

    monkeypatch.setattr(RedisProtocol, "execute_command", never_discard)
    noticed(World)


@pytest.mark.self_check
def test_a_strangers_command_that_is_ended_is_noticed(monkeypatch):
    monkeypatch.setattr(
        "txredis_fast.pool.blocking.BlockingLane._check_server", lambda self, messenger, connection: messenger
    )
    assert re.search("strangers were to be unblocked|somebody else has ended the wait", noticed(World))


@pytest.mark.self_check
def test_a_command_of_another_user_that_is_ended_is_noticed(monkeypatch):
    unblock = BlockingLane.unblock

    def mistakes(self: Any, messenger: Any, connection: Any) -> Any:
        others = [each for each in self.connections if each is not connection and self._ids.get(each) is not None]
        return unblock(self, messenger, (others or [connection])[0])

    monkeypatch.setattr(BlockingLane, "unblock", mistakes)
    assert re.search("somebody else has ended the wait|strangers were to be unblocked", noticed(World))


@pytest.mark.self_check
def test_an_element_that_nobody_is_given_is_noticed(monkeypatch):
    answered = BlockingCommand._answered

    def eats(self: Any, reply: Any) -> None:
        answered(self, None if isinstance(reply, list) else reply)

    monkeypatch.setattr(BlockingCommand, "_answered", eats)
    assert re.search("have never come out|or given it up", noticed(World))


@pytest.mark.self_check
def test_an_element_that_is_not_handed_on_when_its_user_has_gone_is_noticed(monkeypatch):
    monkeypatch.setattr(BlockingLane, "unclaimed", lambda self, command, reply: None)
    assert "thrown away unread" in noticed(World)


@pytest.mark.self_check
def test_a_deadline_that_judges_without_a_look_is_noticed(monkeypatch):
    monkeypatch.setattr(LastLook, "begin", lambda self, call_later, *args: self._over(*args))
    monkeypatch.setattr("txredis_fast.inflight._deadline.MAX_GRACES", 0)
    assert re.search("told as a timeout|thrown away unread", noticed(World))


@pytest.mark.self_check
def test_a_transaction_that_is_executed_in_part_is_noticed(monkeypatch):
    monkeypatch.setattr(Transaction, "_not_queued", lambda self, failure, was_sent: failure)
    assert "'refused'" in noticed(World)


@pytest.mark.self_check
def test_a_batch_that_is_sent_in_part_is_noticed(monkeypatch):
    send = BaseRedisProtocol.execute_batch

    def send_what_can_be(self: Any, commands: Any, timeout: Any = None) -> Any:
        def refused(failure: Any) -> Any:
            for command in commands:
                send(self, [command], timeout).addErrback(lambda _: None)
            return failure

        return send(self, commands, timeout).addErrback(refused)

    monkeypatch.setattr(BaseRedisProtocol, "execute_batch", send_what_can_be)
    assert re.search("instead of None|is no value of", noticed(World))


@pytest.mark.self_check
def test_a_connection_that_is_used_further_when_a_write_or_a_reply_was_torn_is_noticed(pure, monkeypatch):
    def go_on(self: Any, error: BaseException) -> None:
        self.requests.torn = self.requests.stopped = False

    monkeypatch.setattr(Link, "tear", go_on)
    noticed(World)


@pytest.mark.self_check
def test_a_pool_that_is_not_told_the_new_password_is_noticed(monkeypatch):
    monkeypatch.setattr(txredis_fast.RedisFactory, "loggedIn", lambda *_: None)
    assert "connections are up" in noticed(World)


@pytest.mark.self_check
def test_a_pool_without_connections_that_cannot_be_told_the_new_password_is_noticed(monkeypatch):
    monkeypatch.setattr(txredis_fast.RedisFactory, "logInNext", lambda *_: None)
    assert "connections are up" in noticed(World, 120)


@pytest.mark.self_check
def test_a_connection_that_is_not_logged_in_and_used_is_noticed(monkeypatch):
    monkeypatch.setattr(BaseRedisProtocol, "_handshake_failed", lambda self, *_: self._become_ready())
    assert "NOAUTH" in noticed(World)


@pytest.mark.self_check
def test_a_pool_that_stays_with_a_replica_is_noticed(monkeypatch):
    monkeypatch.setattr(txredis_fast.RedisFactory, "found_replica", lambda *_: None)
    assert "READONLY" in noticed(World)


@pytest.mark.self_check
def test_what_a_converter_raises_and_nobody_is_told_is_noticed(pure, monkeypatch):
    monkeypatch.setattr(_pyrequest, "as_exception", lambda error: None)
    assert "False" in noticed(World)


@pytest.mark.self_check
def test_a_hook_that_fails_the_command_is_noticed(monkeypatch):
    def started(hooks: Any, info: Any) -> Any:
        return [(hook, hook.command_started(info)) for hook in hooks]

    monkeypatch.setattr("txredis_fast.telemetry.hooks.start_hooks", started)
    noticed(World)


@pytest.mark.self_check
def test_a_command_that_fails_at_once_and_keeps_its_connection_is_noticed(monkeypatch):
    class Keeps(BlockingCommand):
        def _got(self, connection: Any) -> None:
            sent = self._send(connection)
            if sent.called and isinstance(sent.result, Failure):
                sent.addErrback(self.deferred.errback)
            else:
                self._send = lambda _: sent
                super()._got(connection)

    monkeypatch.setattr("txredis_fast.pool.blocking.BlockingCommand", Keeps)
    assert "blocking commands are taken" in noticed(World, 120)


@pytest.mark.self_check
def test_a_limit_that_is_over_and_taken_for_one_is_noticed(monkeypatch):
    for module in (
        "connection.protocol",
        "client.handler",
        "client.batches",
        "batching.pipeline",
        "batching.transaction",
    ):
        monkeypatch.setattr(f"txredis_fast.{module}.limit_error", lambda _: None)
    noticed(World)
