"""Users: what they ask of a handler, and what they know of the replies.

Each operation gives its Deferred, the number of its commands, and a check of its result. What a user writes names its
key and itself; what fails or is cancelled may have been executed, which the checks allow for.

Knows nothing of servers, faults or real clocks, so that tests in memory have the same users.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred

import txredis_fast as redis

from .facts import Chance, Facts, Series, each, same
from .ledger import Ledger, OnPurpose, Wrong

Operation = tuple[Deferred[Any], int, Callable[[Any], object]]


class User:
    """One of many.

    :param handler: has the commands.
    :param patience: seconds that a blocking command may wait.
    """

    #: Whether all that it asks for is at one server.
    ONE_SERVER = True

    #: How often each operation is chosen.
    WEIGHTS = {
        "echo": 5,
        "get": 5,
        "set": 4,
        "count": 4,
        "batch": 3,
        "pipeline": 2,
        "pair": 2,
        "watch": 2,
        "push": 3,
        "pop": 2,
        "script": 1,
        "refused": 1,
        "large": 1,
        "give_up": 1,
        "forget": 1,
    }

    def __init__(
        self,
        number: int,
        handler: Any,
        chance: Chance,
        ledger: Ledger,
        facts: Facts,
        prefix: str = "",
        patience: float = 1,
    ) -> None:
        self.number = number
        self.handler = handler
        self.chance = chance
        self.patience = patience
        self._ledger = ledger
        self._facts = facts
        self._prefix = prefix
        self._serial = 0
        self._series: dict[str, Series] = {}
        self._names = [name for name, weight in self.WEIGHTS.items() for _ in range(weight)]

    def act(self, prepare: Callable[[Deferred[Any]], object] | None = None) -> Deferred[Any]:
        """Do one operation, or ``prepare`` its Deferred first: to cancel it later, say.

        :returns: fires with whether it was done; never fails. Cancel it whenever you like.
        """
        return self.do(self._names[self.chance.below(len(self._names))], prepare)

    def do(self, name: str, prepare: Callable[[Deferred[Any]], object] | None = None) -> Deferred[Any]:
        """Do this operation, as :meth:`act`."""
        deferred, size, check = getattr(self, name)()
        if prepare is not None:
            prepare(deferred)
        return self._ledger.follow(name, size, deferred, check)

    # -- names and values

    def _token(self) -> str:
        self._serial += 1
        return f"u{self.number}.{self._serial}"

    def _key(self, place: int) -> str:
        return f"{self._prefix}own:{self.number}:{place}"

    def _value(self, key: str) -> str:
        self._serial += 1
        self._facts.written[key] = self._serial
        return f"{key}={self.number}.{self._serial}"

    def _check_value(self, key: str) -> Callable[[Any], object]:
        def check(reply: Any) -> None:
            if reply is None:
                return
            named, _, written = str(reply).partition("=")
            serial = int(written.partition(".")[2])
            if named != key or serial > self._facts.written.get(key, 0):
                raise Wrong(f"{reply!r:.200} is no value of {key}")

        return check

    def _current(self, kind: str) -> Series:
        series = self._series.get(kind)
        if series is None or series.failed or series.attempts > 10_000:
            self._serial += 1
            name = f"{self._prefix}{kind}:{self.number}:{self._serial}"
            series = self._series[kind] = Series(name, self._facts.epoch)
        return series

    def _sure(self, series: Series, deferred: Deferred[Any]) -> Deferred[Any]:
        """What fails may have been done: the series is not sure any more."""

        def failed(failure: Any) -> Any:
            series.failed = True
            return failure

        return deferred.addErrback(failed)

    # -- operations

    def echo(self) -> Operation:
        token = self._token()
        return self.handler.execute_command("ECHO", token), 1, same(token)

    def large(self) -> Operation:
        token = self._token() + "x" * (1 << self.chance.below(18))
        return self.handler.execute_command("ECHO", token), 1, same(token)

    def get(self) -> Operation:
        key = self._key(self.chance.below(4))
        return self.handler.get(key), 1, self._check_value(key)

    def set(self) -> Operation:
        key = self._key(self.chance.below(4))
        return self.handler.set(key, self._value(key)), 1, same("OK")

    def count(self) -> Operation:
        series = self._current("count")
        series.attempts += 1
        return self._sure(series, self.handler.incr(series.key)), 1, series.counted

    def script(self) -> Operation:
        token, key = self._token(), self._key(0)
        return self.handler.eval("return {KEYS[1], ARGV[1]}", [key], [token]), 1, same([key, token])

    def refused(self) -> Operation:
        token = self._token()

        def check(failure: Any) -> Any:
            failure.trap(redis.ResponseError)
            return str(failure.value) if f"MINE {token}" in str(failure.value) else failure

        asked = self.handler.eval("return redis.error_reply(ARGV[1])", [], [f"MINE {token}"])
        return asked.addErrback(check), 1, lambda text: same(True)(f"MINE {token}" in text)

    def _some(self) -> tuple[list[tuple[Any, ...]], list[Callable[[Any], object]]]:
        """Commands, and the checks of their replies."""
        commands: list[tuple[Any, ...]] = []
        checks = []
        for _ in range(1 + self.chance.below(20)):
            token, key = self._token(), self._key(self.chance.below(4))
            if self.chance.below(3):
                commands.append(("ECHO", token))
                checks.append(same(token))
            else:
                commands.append(("GET", key))
                checks.append(self._check_value(key))
        return commands, checks

    def batch(self) -> Operation:
        commands, checks = self._some()
        return self.handler.batch(commands), len(commands), each(checks)

    def pipeline(self) -> Operation:
        commands, checks = self._some()

        async def run() -> Any:
            async with self.handler.pipelined() as pipeline:
                for command in commands:
                    pipeline.execute_command(*command).addErrback(lambda _: None)
            return pipeline.results

        return Deferred.fromCoroutine(run()), len(commands), each(checks)

    def pair(self) -> Operation:
        """Two counters that always are counted together."""
        series, token = self._current("pair"), self._token()
        series.attempts += 1

        async def run() -> Any:
            async with self.handler.transaction() as transaction:
                for command in (("INCR", f"{series.key}:a"), ("ECHO", token), ("INCR", f"{series.key}:b")):
                    transaction.execute_command(*command).addErrback(lambda _: None)
            return transaction.results

        def check(replies: Any) -> None:
            series.counted(replies[0])
            same([replies[0], token, replies[0]])(replies)

        return self._sure(series, Deferred.fromCoroutine(run())), 5, check

    def watch(self) -> Operation:
        """A counter that all share, counted by reading and writing."""
        key, epoch = f"{self._prefix}shared:{self.chance.below(3)}", self._facts.epoch

        async def run() -> int:
            transaction = await self.handler.watch(key)
            value = await transaction.get(key)
            named, _, number = (f"{key}=0" if value is None else value).partition("=")
            same(key)(named)
            await transaction.multi()
            transaction.set(key, f"{key}={int(number) + 1}").addErrback(lambda _: None)
            same(["OK"])(await transaction.commit())
            return int(number) + 1

        return Deferred.fromCoroutine(run()), 5, lambda number: self._facts.committed(key, epoch, number)

    def push(self) -> Operation:
        series = self._current("queue")
        series.attempts += 1
        value = f"{series.key}={self._token()}"
        series.queued.add(value)
        series.pushes += 1

        def check(length: Any) -> None:
            series.pushes -= 1
            series.counted(length)

        return self._sure(series, self.handler.rpush(series.key, value)), 1, check

    def pop(self) -> Operation:
        series = self._current("queue")

        begun = self._ledger.seconds()
        there = set(series.queued) if self.ONE_SERVER and series.is_sure(self._facts.epoch) else set()

        def check(reply: Any) -> None:
            series.pops -= 1
            if reply is not None:
                self._took(series, reply)
            elif self._ledger.seconds() - begun < self.patience / 2:
                raise Wrong(f"{series.key}: somebody else has ended the wait, or given it up")
            elif series.is_sure(self._facts.epoch) and there & series.queued:
                raise Wrong(f"{series.key} was empty, and {sorted(there & series.queued)[:3]} have never come out")

        series.pops += 1
        return self._sure(series, self.handler.blpop(series.key, timeout=self.patience)), 1, check

    def _took(self, series: Series, reply: Any) -> None:
        if reply is not None:
            key, value = reply
            same(series.key)(key)
            if self._facts.claimed is not None:
                self._facts.claimed.add(value)
            series.took(value)

    def give_up(self) -> Operation:
        """A transaction that an exception ends: nothing of it may be executed."""
        key, token = self._key(9), self._token()

        async def run() -> None:
            async with self.handler.transaction() as transaction:
                transaction.execute_command("SET", key, token).addErrback(lambda _: None)
                raise OnPurpose

        return Deferred.fromCoroutine(run()), 2, same(None)

    def forget(self) -> Operation:
        """A transaction whose reference is lost; what it wrote must never be seen."""
        key = self._key(9)

        async def run() -> Any:
            transaction = await self.handler.multi()
            transaction.execute_command("SET", key, "forgotten").addErrback(lambda _: None)
            del transaction
            return await self.handler.get(key)

        return Deferred.fromCoroutine(run()), 3, same(None)
