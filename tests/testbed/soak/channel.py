"""Published numbers, one after another: each arrives, or falls into a gap that the subscriber was told of."""

from __future__ import annotations

import enum
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

import txredis_fast as redis

from .ledger import Ledger

CHANNEL = "soak:numbers"
#: Seconds between two numbers.
PACE = 0.005
#: Seconds that a gap may be reported after the first message behind it.
REPORT_LIMIT = 2.0
#: Numbers are remembered while more than their fate may still be heard of them; these are so many at most.
MOST_KNOWN = 2000


class State(enum.Enum):
    """What is known of a number that has not come to its end."""

    SENT = 1
    #: The server has answered; the message has not come.
    TAKEN = 2
    #: The message has come, before the server's answer.
    CAME = 3
    #: The publisher got no answer: the message may come, or not.
    UNSURE = 4


class Numbers:
    """The publisher, which waits for each answer before it sends the next number, and the subscriber.

    :ivar published: how many numbers the server has answered.
    :ivar received: how many have come.
    :ivar lost: how many of the published ones have not; each is in a gap, or wrong.
    :ivar gaps: how many gaps the subscriber was told of.
    """

    def __init__(self, reactor: Any, ledger: Ledger, publisher: Any, endpoint: Any, options: dict[str, Any]) -> None:
        """
        :param publisher: a handler with one connection.
        :param endpoint: where the subscriber connects.
        """
        self._reactor = reactor
        self._ledger = ledger
        self._publisher = publisher
        self.published = self.received = self.lost = self.gaps = 0
        self._known: dict[int, State] = {}
        self._gap_at = self._last_at = float("-inf")
        #: Missed numbers that no gap explains yet: when the message before and the one behind came, and how many.
        self._unexplained: list[tuple[float, float, int]] = []
        self._ends = False
        self._ended: Deferred[Any] | None = None
        self.factory = redis.SubscriberFactory(isLazy=True, **options)
        self.factory.initialDelay, self.factory.maxDelay = 0.05, 0.5
        self.factory.protocol = _subscriber(self)
        self.factory.startConnecting(endpoint)

    def start(self) -> None:
        """Begin to publish."""
        self._ended = Deferred.fromCoroutine(self._publish())

    async def stop(self) -> None:
        """End, and look at what was never explained."""
        self._ends = True
        if self._ended is not None:
            await self._ended
        await deferLater(self._reactor, 0.5, lambda: None)
        await self.factory.disconnect()
        self._judge(float("inf"))

    async def _publish(self) -> None:
        number = 0
        while not self._ends:
            number += 1
            self._known[number] = State.SENT
            try:
                await self._publisher.publish(CHANNEL, number)
            except redis.RedisError:
                self._failed(number)
            else:
                self._answered(number)
            await deferLater(self._reactor, PACE, lambda: None)

    def _answered(self, number: int) -> None:
        self.published += 1
        if self._known[number] is State.CAME:
            del self._known[number]
        else:
            self._known[number] = State.TAKEN

    def _failed(self, number: int) -> None:
        if self._known[number] is State.CAME:
            del self._known[number]
        else:
            self._known[number] = State.UNSURE
        if len(self._known) > MOST_KNOWN:
            self._known = {
                each: state for each, state in self._known.items() if each > number - 1000 or state is not State.UNSURE
            }

    def came(self, number: Any) -> None:
        """A message has come."""
        self.received += 1
        state = self._known.pop(number, None)
        if state is State.SENT:
            self._known[number] = State.CAME
        elif state is None or state is State.CAME:
            self._ledger.note_wrong(f"published: {number!r} has come twice, or was never sent")
            return
        now = self._reactor.seconds()
        # An unsure number may come late, by way of another connection than that of later ones.
        missing = [each for each, state in self._known.items() if state is State.TAKEN and each < number]
        for each in missing:
            del self._known[each]
        if missing:
            self.lost += len(missing)
            self._unexplained.append((self._last_at, now, len(missing)))
        self._last_at = now
        self._judge(now)

    def gap(self) -> None:
        """The subscriber was told of a gap."""
        self.gaps += 1
        self._gap_at = self._reactor.seconds()

    def _judge(self, now: float) -> None:
        """Gaps explain what was missed; one has to be told of within a bound."""
        still = []
        for before, behind, count in self._unexplained:
            if self._gap_at >= before:
                continue
            if now - behind > REPORT_LIMIT:
                self._ledger.note_wrong(f"published: {count} numbers are missing, and no gap was told of")
            else:
                still.append((before, behind, count))
        self._unexplained = still


def _subscriber(numbers: Numbers) -> type[redis.SubscriberProtocol]:
    tells = hasattr(redis.SubscriberProtocol, "connectionGap")
    made = 0

    class Subscriber(redis.SubscriberProtocol):
        def connectionMade(self) -> Any:
            nonlocal made
            result = super().connectionMade()
            made += 1
            if made == 1:
                self.subscribe(CHANNEL).addErrback(lambda _: None)
            elif not tells:
                numbers.gap()
            return result

        def messageReceived(self, pattern: Any, channel: Any, message: Any) -> None:
            numbers.came(message)

        def connectionGap(self, seconds: float, *more: Any) -> None:
            numbers.gap()

    return Subscriber
