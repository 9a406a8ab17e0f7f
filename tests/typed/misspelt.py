"""What type checkers must refuse: a comment that ignores no error is an error itself, of mypy and of pyright."""

from __future__ import annotations

import txredis_fast as redis


async def commands_that_do_not_exist(rc: redis.ConnectionHandler, sentinel: redis.Sentinel) -> None:
    rc.gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    rc.raw.gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    rc.retrying.gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    redis.Batch().gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    async with rc.transaction() as t:
        t.gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    async with rc.pipelined() as p:
        p.gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    (await rc.multi()).gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    (await rc.pipeline()).gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    (await redis.from_url("")).gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    (await redis.from_endpoint("")).gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    (await redis.connect()).gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    redis.lazyShardedConnection([]).gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    sentinel.master_for("").gett("k")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def parameters_that_do_not_exist(rc: redis.ConnectionHandler) -> None:
    await rc.ts.revrange("k", cuont=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await rc.ts.mrevrange("-", "+", ["a=b"], cuont=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def options_that_do_not_exist() -> None:
    redis.connect(convertNumber=False)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    redis.Connection(poolsize=2)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    redis.from_url("", charset=None, host="h")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
