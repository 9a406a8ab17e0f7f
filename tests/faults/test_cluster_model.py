"""Random users of a cluster in a storm: nothing is executed twice or lost, no reply is anybody else's, nothing hangs.

In memory, with a clock: see ``cluster_world``. TXREDIS_FAST_MODEL_COMMANDS in the environment says how many commands at
least (15,000), TXREDIS_FAST_MODEL_SEED which ones.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from testbed.extent import extent
from testbed.soak.facts import pending_deferreds

import txredis_fast as redis
from faults.cluster_world import Found, World

pytestmark = pytest.mark.promise(
    "No command of a cluster is executed twice, whatever moves or fails",
    "Random users of scripted nodes in memory, with redirections, moves, fail-overs, losses, cancellations: no "
    "double, no loss, no reply of another command, no Deferred that never fires; moves and planned fail-overs alone "
    "cost no error.",
    about="Cluster",
)

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
    print(f"\n{commands:,} commands, {dict(ended)}\nfailed {failed}\nstorm {storms}\n{acted}")
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
    world = tell(SEED, max(COMMANDS // 10, 1000), rough=False, readFrom=read_from)
    assert world.judge.ended["maybe"] == 0
    assert set(world.failed) <= {"OnPurpose", "WatchError"}, world.failed
    assert world.storm.told["finish_move"] + world.storm.told["fail_over"] >= 3
