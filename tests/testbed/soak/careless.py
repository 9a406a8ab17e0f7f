"""Users whose programs make mistakes: what raises, what cannot be sent, time limits that are over.

What a mistake meets is its own command, or all that was given together; and whoever else is about has no harm of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import ensureDeferred, fail

import txredis_fast as redis

from .facts import same
from .ledger import OnPurpose
from .users import Operation, User

REFUSED = "refused"


class OnPurposeToo(BaseException):
    """A user's own, that is no ``Exception``."""


class Unprintable:
    """An argument without a text."""

    def __str__(self) -> str:
        raise LookupError("no text")


def _released() -> memoryview:
    view = memoryview(b"value")
    view.release()
    return view


#: Arguments that cannot be sent.
UNSENDABLE: tuple[Callable[[], Any], ...] = (lambda: "\ud800", Unprintable, _released)
#: Commands that nobody may send on what others share, nor within anything.
REFUSED_COMMANDS: tuple[tuple[Any, ...], ...] = (
    (5, "key"),
    (None,),
    ("SUBSCRIBE", "channel"),
    ("CLIENT", "REPLY", "OFF"),
    ("MONITOR",),
)
#: What is no time limit.
NO_LIMITS: tuple[Any, ...] = ("1", math.nan, math.inf, True)
#: Time limits that are over, and some that will be soon.
OVER = (0, -1, -0.25, -1e300)
SHORT = (1e-9, 1e-6, 0.001)


class CarelessUser(User):
    """One of many; see the module."""

    WEIGHTS = {**User.WEIGHTS, "convert": 1, "call_back": 1, "mistake": 3, "be_late": 2}

    # -- what raises

    def convert(self) -> Operation:
        """A converter that raises: that fails its own command, wherever it is."""
        tokens = [self._token() for _ in range(3)]
        error = (OnPurpose, OnPurposeToo)[self.chance.below(2)]
        way = self.chance.below(3)

        def raises(reply: Any) -> Any:
            raise error

        async def run() -> Any:
            if way == 0:
                await self.handler.execute_command("ECHO", tokens[1], post_proc=raises)
                return None
            begin = self.handler.pipelined if way == 1 else self.handler.transaction
            async with begin() as scope:
                each = [
                    scope.execute_command("ECHO", token, **({"post_proc": raises} if place == 1 else {}))
                    for place, token in enumerate(tokens)
                ]
                for one in each:
                    one.addErrback(lambda _: None)
                if way == 1:
                    return await scope.execute_pipeline(raise_on_error=False)
            return scope.results

        def check(replies: Any) -> None:
            same([tokens[0], True, tokens[2]])(
                [replies[0], isinstance(replies[1], BaseException), replies[2]]
                if isinstance(replies, list) and len(replies) == 3
                else replies
            )

        running = ensureDeferred(run()).addErrback(_trapping(OnPurposeToo, lambda: fail(OnPurpose())))
        return running, 1 if way == 0 else 3, check

    def call_back(self) -> Operation:
        """A callback that sends another command, and raises."""
        token = self._token()

        def raises(reply: Any) -> Any:
            same(token)(reply)
            self.handler.execute_command("ECHO", token).addErrback(lambda _: None)
            raise OnPurpose

        return self.handler.execute_command("ECHO", token).addCallback(raises), 2, same("what raises")

    # -- what cannot be sent

    def mistake(self) -> Operation:
        """A command that cannot be sent: that, and all that was given with it, is not executed."""
        key, token = self._key(9), self._token()
        option: dict[str, Any] = {}
        kind = self.chance.below(4)
        if kind < 2:
            wrong: tuple[Any, ...] = ("SET", key, UNSENDABLE[self.chance.below(len(UNSENDABLE))]())
        elif kind == 2:
            wrong = REFUSED_COMMANDS[self.chance.below(len(REFUSED_COMMANDS))]
        else:
            wrong = ("SET", key, token)
            option = {"timeout": NO_LIMITS[self.chance.below(len(NO_LIMITS))]}
        ways = (self._mistaken_alone, self._mistaken_batch, self._mistaken_pipeline, self._mistaken_transaction)
        way = self.chance.below(len(ways) + 1)
        right = ("SET", key, token)

        async def run() -> Any:
            try:
                if way == len(ways):
                    # Of these, the first is known to be one only when there is a connection.
                    blocking = ("BLPOP", key, UNSENDABLE[0](), 0.01) if kind < 2 else ("BLPOP", key, 0.01)
                    answer = await self.handler.execute_command(*(wrong if kind == 2 else blocking), **option)
                else:
                    answer = await ways[way](right, wrong, option)
            except (redis.ExecAbortError, redis.InvalidData, ValueError, LookupError, redis.RedisError) as error:
                if isinstance(error, redis.ConnectionError | redis.ResponseError) and not _is_own_abort(error):
                    raise
                answer = REFUSED
            same(REFUSED)(answer)
            # Nothing of it was executed: nobody ever writes that key.
            return await self.handler.get(key)

        return ensureDeferred(run()), 3, same(None)

    async def _mistaken_alone(self, right: Any, wrong: Any, option: dict[str, Any]) -> Any:
        return await self.handler.execute_command(*wrong, **option)

    async def _mistaken_batch(self, right: Any, wrong: Any, option: dict[str, Any]) -> Any:
        return await self.handler.batch([right, wrong, right], **option)

    async def _mistaken_pipeline(self, right: Any, wrong: Any, option: dict[str, Any]) -> Any:
        pipeline = await self.handler.pipeline()
        for command in (right, wrong, right):
            pipeline.execute_command(*command).addErrback(lambda _: None)
        try:
            return await pipeline.execute_pipeline(**option)
        finally:
            pipeline.abandon()

    async def _mistaken_transaction(self, right: Any, wrong: Any, option: dict[str, Any]) -> Any:
        async with self.handler.transaction() as transaction:
            transaction.execute_command(*right).addErrback(lambda _: None)
            transaction.execute_command(*wrong, **option).addErrback(lambda _: None)
            transaction.execute_command(*right).addErrback(lambda _: None)
        return transaction.results

    # -- what is too late

    def be_late(self) -> Operation:
        """A time limit that is over is told at once; one that will be soon gives the reply, or an error."""
        limits = OVER + SHORT
        limit = limits[self.chance.below(len(limits))]
        token, way = self._token(), self.chance.below(6)
        handler, echo = self.handler, ("ECHO", self._token())
        expected: Any = echo[1]
        if way == 0:
            deferred = handler.execute_command(*echo, timeout=limit)
        elif way == 1:
            deferred, expected = handler.batch([echo, ("ECHO", token)], timeout=limit), [echo[1], token]
        elif way == 2:
            deferred, expected = ensureDeferred(self._late_pipeline(echo, limit)), [echo[1]]
        elif way == 3:
            deferred = handler.retrying.execute_command(*echo, timeout=limit)
        elif way == 4:
            try:
                deferred = handler.withTimeout(limit).retrying.execute_command(*echo)
            except ValueError:
                deferred = fail(redis.NotSentError("refused as a limit"))
        else:
            return self._late_pop(limit)
        if limit > 0:
            return deferred, 1, same(expected)
        return deferred.addErrback(_trapping(redis.NotSentError, lambda: REFUSED)), 1, same(REFUSED)

    async def _late_pipeline(self, echo: Any, limit: float) -> Any:
        pipeline = await self.handler.pipeline()
        pipeline.execute_command(*echo).addErrback(lambda _: None)
        return await pipeline.execute_pipeline(timeout=limit)

    def _late_pop(self, limit: float) -> Operation:
        series = self._current("queue")
        series.failed = True  # what is given up may have taken an element
        popping = self.handler.execute_command("BLPOP", series.key, self.patience, timeout=limit)
        if limit > 0:
            return popping, 1, lambda reply: self._took(series, reply)
        return popping.addErrback(_trapping(redis.NotSentError, lambda: REFUSED)), 1, same(REFUSED)


def _is_own_abort(error: BaseException) -> bool:
    """Whether a transaction was given up by this side, for a command that could not be sent."""
    return isinstance(error, redis.ExecAbortError) and "because of: READONLY" not in str(error)


def _trapping(kind: type[BaseException], then: Callable[[], Any]) -> Callable[[Any], Any]:
    def trap(failure: Any) -> Any:
        failure.trap(kind)
        return then()

    return trap
