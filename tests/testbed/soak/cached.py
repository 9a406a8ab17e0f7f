"""Readers of a cache, and writers who count: no reader may see an older number than is promised.

Each key has one writer, who waits for each answer before it writes the next number. What fails may be executed late, so
its key is then given up for a new one. Of each number it is known when it was answered; a cached read must not give
less than what had been answered

- before it began, if it was written through the same handler;
- so long before it began as its time to live, or twice the health interval;
- nor less than what another read had given before it began.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

import txredis_fast as redis

from .facts import Dice, Facts
from .ledger import Ledger, Wrong

#: Seconds between two PINGs on the tracked connection.
HEALTH = 0.5
TTLS = (0, 0.02, 0.2, 1, 60, 60, 60)
#: Seconds that clocks may differ by, of the server, which counts milliseconds, and of this process.
SLACK = 0.005
#: Reads of one reader until the reactor has its turn.
BURST = 20
#: Numbers whose time is remembered.
MOST_KNOWN = 2000


class Counted:
    """A key with its writer.

    :ivar name: of the key; another one after a write that has failed.
    """

    def __init__(self, place: str, facts: Facts, is_own: bool, pause: float) -> None:
        """
        :param is_own: whether it is written through the handler that has the cache.
        :param pause: seconds between two writes, at most.
        """
        self.pause = pause
        self._place = place
        self._facts = facts
        self.is_own = is_own
        self._generation = 0
        self.begun = 0
        self.renew()

    def renew(self) -> None:
        """Begin a new key."""
        self._generation += 1
        self.name = f"{self._place}:{self._generation}"
        self._epoch = self._facts.epoch
        self.first = self.begun + 1
        self.answered: deque[tuple[float, int]] = deque(maxlen=MOST_KNOWN)
        #: The highest number that a read gave.
        self.seen = 0

    @property
    def is_valid(self) -> bool:
        """Whether the server has not lost data since the key was begun."""
        return self._epoch == self._facts.epoch

    def answered_by(self, moment: float) -> int:
        """The highest number that was answered by then; 0: none is known."""
        return next((number for at, number in reversed(self.answered) if at <= moment), 0)


class CachedUsers:
    """Writers and readers.

    :ivar ledger: of the reads.
    """

    def __init__(self, reactor: Any, handler: Any, other: Any, dice: Dice, ledger: Ledger, facts: Facts) -> None:
        """
        :param handler: has the cache; :param other: writes, too.
        """
        self._reactor = reactor
        self.handler = handler
        self._other = other
        self._dice = dice
        self.ledger = ledger
        self._facts = facts
        self.keys = [
            Counted(f"soak:cached:{number}", facts, number % 2 == 0, 0.05 * 4 ** (number // 2)) for number in range(8)
        ]

    async def write(self, key: Counted, is_over: Any) -> None:
        """The writer of a key, until it is over."""
        handler = self.handler if key.is_own else self._other
        while not is_over():
            if not key.is_valid:
                key.renew()
            key.begun += 1
            number, name = key.begun, key.name
            try:
                await self._write(handler, name, number)
            except redis.RedisError:
                key.renew()
            else:
                if name == key.name:
                    key.answered.append((time.monotonic(), number))
            await deferLater(self._reactor, self._dice.uniform(0, key.pause), lambda: None)

    async def _write(self, handler: Any, name: str, number: int) -> None:
        """Write in one of the ways that there are."""
        way = self._dice.below(5)
        if way == 0:
            await handler.execute_command("SET", name, number)
        elif way == 1:
            replies = await handler.batch([("SET", name, number), ("GET", name)])
            for reply in replies:
                if isinstance(reply, Exception):
                    raise reply
        elif way == 2:
            async with handler.transaction() as transaction:
                transaction.set(name, number).addErrback(lambda _: None)
        elif way == 3:
            # The key is not among those that are declared, nor an argument.
            await handler.eval(f"return redis.call('SET', '{name}', '{number}')", [], [])
        else:
            await handler.set(name, number)

    def read(self) -> Deferred[Any]:
        """One cached read; fires with whether it was done."""
        key = self.keys[self._dice.below(len(self.keys))]
        ttl = TTLS[self._dice.below(len(TTLS))]
        view = self.handler.cached(ttl)
        name, now, epoch = key.name, time.monotonic(), self._facts.epoch
        # What was answered so long ago has to be seen, whoever has written it.
        least = max(key.answered_by(now - min(ttl, 2 * HEALTH) - SLACK), key.seen)
        if key.is_own:
            least = max(least, key.answered_by(now))
        if not key.is_valid:
            least = 0

        def check(value: Any) -> None:
            number = 0 if value is None else int(value)
            if number > key.begun:
                raise Wrong(f"{name} is {number}, and {key.begun} was the last that was written")
            if name != key.name or epoch != self._facts.epoch:
                return  # given up, or lost by the server
            if number < least:
                raise Wrong(f"{name} is {number} with ttl={ttl}, and may not be less than {least} (own: {key.is_own})")
            key.seen = max(key.seen, number)

        way = self._dice.below(4)
        if way == 0:
            reading = view.mget([name, self.keys[0].name]).addCallback(lambda values: values[0])
        elif way == 1:
            reading = view.raw.get(name)
        else:
            reading = view.get(name)
        return self.ledger.follow("cached", 1, reading, check)

    async def use(self, is_over: Any) -> None:
        """A reader, until it is over."""
        while not is_over():
            for _ in range(BURST):
                if not await self.read():
                    break
            await deferLater(self._reactor, self._dice.uniform(0, 0.03), lambda: None)
