"""Random users, cancellations and faults: no reply is anybody else's, nothing hangs, nothing is left.

In memory, with a clock: stories that a tape tells, see ``model_world``. TXREDIS_FAST_MODEL_COMMANDS in the environment
says how many commands at least (100,000), TXREDIS_FAST_MODEL_SEED which ones.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import use_implementation

import txredis_fast
from bench.soak.facts import pending_deferreds
from faults.model_world import Found, World, shortened
from txredis_fast import MaybeExecutedError, RedisProtocol
from txredis_fast.request import _pyrequest

COMMANDS = int(os.environ.get("TXREDIS_FAST_MODEL_COMMANDS", "100000"))
SEED = int(os.environ.get("TXREDIS_FAST_MODEL_SEED", "1"))
#: Bytes of a story.
LENGTH = 1500


@pytest.fixture(autouse=True)
def told(monkeypatch):
    """Stories put their clock where the reactor is; afterwards it is put back."""
    monkeypatch.setattr(txredis_fast, "reactor", None, raising=False)


def tapes(seed: int):
    """Stories without end."""
    chance = random.Random(seed)
    while True:
        yield chance.randbytes(LENGTH)


def fails(tape: bytes) -> bool:
    """Whether a story shows what must not be."""
    try:
        World(tape).run()
    except Found:
        return True
    return False


def tell(tape: bytes) -> World:
    """Tell a story; one that fails is told again as short as it can be."""
    world = World(tape)
    try:
        world.run()
    except Found as error:
        pytest.fail(f"{error}\nthe same, shorter: World({shortened(tape, fails)!r}).run()", pytrace=False)
    return world


def test_no_reply_is_anybody_elses_and_nothing_hangs_whatever_fails():
    commands = 0
    failed: dict[str, int] = {}
    left = None
    for number, tape in enumerate(tapes(SEED)):
        world = tell(tape)
        commands += world.commands
        for name, count in world.ledger.failed.items():
            failed[name] = failed.get(name, 0) + count
        del world
        if number == 3:
            left = pending_deferreds()
        if commands >= COMMANDS:
            break
    # The stories are worth something only if what can go wrong did.
    for name in ("CancelledError", "MaybeExecutedError", "NotSentError", "ReplyTimeoutError", "WatchError"):
        assert failed.get(name, 0) > COMMANDS / 10_000, failed
    assert left is not None
    assert pending_deferreds() <= left + 5, "Deferreds that never fired are left"


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=300))
def test_short_stories(tape):
    World(tape).run()


# -- the model notices what is wrong


def noticed(stories: int = 60) -> str:
    """Tell stories until one fails; return what it showed."""
    for _, tape in zip(range(stories), tapes(7), strict=False):
        try:
            World(tape).run()
        except Found as found:
            return str(found)
    pytest.fail(f"{stories} stories have not noticed it")


@pytest.fixture
def pure(monkeypatch):
    use_implementation(monkeypatch, "_pyresp")


def test_a_cancelled_slot_that_is_given_up_is_noticed(pure, monkeypatch):
    class GivesUp(_pyrequest.RequestQueue):
        def answer(self, reply: Any) -> None:
            while len(self.waiting) > 1 and self.waiting[0].deferred.called:
                self.waiting.popleft()
            super().answer(reply)

    monkeypatch.setattr("txredis_fast.protocol.RequestQueue", GivesUp)
    assert "instead of" in noticed()


def test_a_request_that_is_forgotten_when_the_connection_is_lost_is_noticed(pure, monkeypatch):
    class Forgets(_pyrequest.RequestQueue):
        def fail_all(self, make_error: Any, turns: bool = False) -> None:
            if len(self.waiting) > 3:
                self.waiting.pop()
            super().fail_all(make_error, turns)

    monkeypatch.setattr("txredis_fast.protocol.RequestQueue", Forgets)
    assert "never answered" in noticed()


def test_a_command_that_is_sent_again_is_noticed(monkeypatch):
    send = RedisProtocol.execute_command

    def send_again(self: Any, *args: Any, **options: Any) -> Any:
        def lost(failure: Any) -> Any:
            failure.trap(MaybeExecutedError)
            return self.factory.handler.execute_command(*args)

        return send(self, *args, **options).addErrback(lost)

    monkeypatch.setattr(RedisProtocol, "execute_command", send_again)
    noticed()


def test_a_transaction_that_is_left_open_is_noticed(monkeypatch):
    send = RedisProtocol.execute_command

    def never_discard(self: Any, *args: Any, **options: Any) -> Any:
        return send(self, *(("ECHO", "OK") if args[0] == "DISCARD" else args), **options)

    monkeypatch.setattr(RedisProtocol, "execute_command", never_discard)
    noticed()
