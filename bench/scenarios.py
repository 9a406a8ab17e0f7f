"""The scenarios: the coroutines of a round, the same for every driver.

The arguments are a client of :mod:`bench.twisted_clients` or :mod:`bench.asyncio_clients`, and a
:class:`~bench.workloads.Spec`. A scenario returns when the replies to ``spec.count`` commands have arrived.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from .workloads import Spec

Scenario = Callable[[Any, Spec], Awaitable[None]]


async def awaited(client: Any, spec: Spec) -> None:
    """Coroutines that await one command after the other."""
    call, arguments = client.command(spec), client.arguments(spec)
    share = spec.count // spec.concurrency

    async def one() -> None:
        for _ in range(share):
            await call(*arguments)

    if spec.concurrency == 1:
        await one()
    else:
        await client.together([one() for _ in range(spec.concurrency)])


async def lone(client: Any, spec: Spec) -> None:
    """Each command in a turn of the reactor of its own, as the handlers of web requests issue them."""
    call, arguments, turn = client.command(spec), client.arguments(spec), client.turn
    for _ in range(spec.count):
        await turn()
        await call(*arguments)


async def gathered(client: Any, spec: Spec) -> None:
    """Issue many commands at once, and wait for all of them together."""
    call, arguments = client.command(spec), client.arguments(spec)
    for _ in range(spec.count // spec.batch):
        await client.gather([call(*arguments) for _ in range(spec.batch)])


async def pipelined(client: Any, spec: Spec) -> None:
    """Pipelines, as a program would write them."""
    run = client.pipeline(spec)
    for _ in range(spec.count // spec.batch):
        await run()


async def batched(client: Any, spec: Spec) -> None:
    """Many commands in the driver's fastest way."""
    run = client.batch(spec)
    for _ in range(spec.count // spec.batch):
        await run()


SCENARIOS: dict[str, Scenario] = {
    "awaited": awaited,
    "lone": lone,
    "gathered": gathered,
    "pipelined": pipelined,
    "batched": batched,
}


async def check(client: Any, spec: Spec) -> None:
    """Issue a command once and check the reply, so that a fast wrong reply does not count.

    A reply of None is the floor's, which does not decode replies.
    """
    if spec.scenario == "pipelined":
        replies = await client.pipeline(spec)()
    elif spec.scenario == "batched":
        replies = await client.batch(spec)()
    else:
        replies = [await client.command(spec)(*client.arguments(spec))]
    if replies is None or spec.expected is None:
        return
    wrong = [reply for reply in replies if reply is not None and _as_text(reply) != _as_text(spec.expected)]
    if wrong or len(replies) != (spec.batch if spec.scenario in ("pipelined", "batched") else 1):
        raise AssertionError(f"wrong replies: {len(replies)}, the first wrong one {wrong[:1]!r:.100}")


def _as_text(reply: Any) -> Any:
    if isinstance(reply, dict):
        return {_as_text(name): _as_text(value) for name, value in reply.items()}
    if isinstance(reply, list):
        return [_as_text(item) for item in reply]
    return reply.decode() if isinstance(reply, bytes) else reply
