"""The world of subscribers of a scripted cluster: a storm, who listens, and who publishes.

The same seed is the same story. Each listener knows what it may hear, and what it has to; :meth:`Listeners.run` judges.
"""

from __future__ import annotations

import fnmatch
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from testbed.scripted_cluster import Judge, Network, ScriptedCluster, Storm, marked, number_in
from testbed.slots import key_in
from twisted.internet.defer import Deferred

import txredis_fast as redis

SLOTS = [5, 700, 5461, 9000, 12345, 16383]
#: Shard channels, two of each slot; channels; and patterns, some for channels that others have as well.
SHARDS = [key_in(slot, name).encode() for slot in SLOTS for name in "ab"]
CHANNELS = [b"news:1", b"news:2", b"other:1", b"other:2"]
PATTERNS = [b"news:*", b"*:1"]
LISTENERS = 4
#: Seconds of the clock until a node that says nothing is given up: a health check, its answer's limit, and some turns.
UNNOTICED = 4.0
#: The same where nothing is silent.
A_TURN = 0.5
#: Seconds until a command is confirmed or given up.
ON_THE_WAY = 1.0
#: Seconds in which a call that has failed has been undone.
UNDONE = 10.0
#: Seconds of the clock in which all comes to an end when nothing fails any more.
BOUND = 60.0

#: What is listened to: ("subscribe" | "psubscribe" | "ssubscribe", name).
Name = tuple[str, bytes]


class Found(AssertionError):
    """A story showed what must not be."""


@dataclass
class Interval:
    """A time in which a listener has to hear a name, by the world's ticks.

    :ivar end: None: it has not ended.
    """

    begin: int
    end: int | None = None

    def holds(self, published: Published) -> bool:
        """Whether a message was published in it, from its first moment to the last."""
        return self.begin < published.given and (self.end is None or published.replied < self.end)


@dataclass
class Published:
    """A message of which the publisher was told that it was published."""

    number: int
    kind: str
    channel: bytes
    given: int
    given_at: float
    replied: int = 0
    replied_at: float = 0.0


@dataclass
class Listener:
    """One subscriber of the program.

    :ivar may_hear: names that it has asked for, or that it was not told yet that it left.
    :ivar unsure: names that it may not have left, because the call has failed.
    :ivar has_to_hear: of each name, the intervals.
    :ivar heard: how often each message came, by the name that it came for and its number.
    :ivar twice: when one of a shard channel came for the second time, and its text.
    :ivar gaps: from when until when, on the clock.
    """

    number: int
    sub: Any = None
    may_hear: set[Name] = field(default_factory=set)
    unsure: set[Name] = field(default_factory=set)
    undone_at: dict[Name, float] = field(default_factory=dict)
    has_to_hear: dict[Name, list[Interval]] = field(default_factory=dict)
    heard: Counter[tuple[Name, int]] = field(default_factory=Counter)
    twice: list[tuple[float, str]] = field(default_factory=list)
    gaps: list[tuple[float, float]] = field(default_factory=list)
    busy: set[Name] = field(default_factory=set)

    def wanted(self) -> list[Name]:
        """What it listens to, as it was told."""
        return [name for name, intervals in self.has_to_hear.items() if intervals and intervals[-1].end is None]


def _matches(name: Name, published: Published) -> bool:
    kind, word = name
    if (kind == "ssubscribe") != (published.kind == "spublish"):
        return False
    return (
        fnmatch.fnmatchcase(published.channel.decode(), word.decode())
        if kind == "psubscribe"
        else (word == published.channel)
    )


class Listeners:
    """One story.

    :ivar told: how often things happened.
    """

    def __init__(self, seed: int, rough: bool = True, **options: Any) -> None:
        """
        :param rough: whether what costs errors happens, too.
        """
        random.seed(seed)  # of the client: which node it asks
        self.chance = chance = random.Random(seed)
        self.network = Network()
        redis.reactor = self.network  # type: ignore[attr-defined]
        self.cluster = ScriptedCluster(self.network, masters=3, replicas=1)
        self.rough = rough
        self.storm = Storm(self.cluster, chance, SLOTS)
        self.judge = Judge(
            self.cluster.truth, maybe=(redis.MaybeExecutedError,), refused=(redis.NotSentError, redis.ResponseError)
        )
        self.told: Counter[str] = Counter()
        self.published: list[Published] = []
        self._ticks = 0
        self.rc = redis.lazyClusterConnection(
            self.cluster.addresses[:3],
            **{
                "poolTimeout": 5.0,
                "replyTimeout": ON_THE_WAY,
                "connectTimeout": 1.0,
                "healthCheckInterval": 1.0,
                "charset": None,
                "protocol": chance.choice((2, 3)),
                **options,
            },
        )
        self.listeners = [Listener(number) for number in range(LISTENERS)]
        for listener in self.listeners:
            opening = self.rc.subscriber(
                lambda *message, listener=listener: self._hear(listener, *message),
                on_gap=lambda seconds, refused, listener=listener: self._gap(listener, seconds, refused),
            )
            opening.addCallback(lambda sub, listener=listener: setattr(listener, "sub", sub))
            opening.addErrback(self._broken)
        self._let_all_end(lambda: all(listener.sub is not None for listener in self.listeners))

    def _tick(self) -> int:
        self._ticks += 1
        return self._ticks

    # What is told.

    def _hear(self, listener: Listener, pattern: Any, channel: Any, data: Any) -> None:
        number, text = number_in(data) or 0, f"{data!r} of {channel!r}, by {pattern!r}"
        if data != marked(channel, number):
            self.judge.note(f"{text} is not of its channel")
        name: Name = ("psubscribe", pattern) if pattern is not None else ("subscribe", channel)
        if channel in SHARDS:
            name = ("ssubscribe", channel)
        if pattern is not None and not fnmatch.fnmatchcase(channel.decode(), pattern.decode()):
            self.judge.note(f"{text} does not match its pattern")
        if name not in listener.may_hear and listener.undone_at.get(name, -1) < self.network.seconds():
            self.judge.note(f"listener {listener.number} was given {text}, and does not listen to it")
        listener.heard[name, number] += 1
        if listener.heard[name, number] == 2 and channel in SHARDS:
            listener.twice.append((self.network.seconds(), text))
        elif listener.heard[name, number] > 1:
            self.judge.note(f"listener {listener.number} was given {text} twice")
        self.told["heard"] += 1

    def _gap(self, listener: Listener, seconds: float, refused: list[Any]) -> None:
        now = self.network.seconds()
        if seconds < 0:
            self.judge.note(f"a gap of {seconds} seconds")
        listener.gaps.append((now - seconds, now))
        self.told["gaps"] += 1
        for each in refused:
            name = (each.kind, bytes(each.name) if isinstance(each.name, bytes) else each.name.encode())
            self._leave(listener, name)
            self.told["refused"] += 1

    def _broken(self, failure: Any) -> None:
        self.judge.note(failure.getTraceback())

    # What listeners do.

    def _begin(self, listener: Listener, name: Name) -> None:
        listener.has_to_hear.setdefault(name, []).append(Interval(self._tick()))

    def _leave(self, listener: Listener, name: Name) -> None:
        for interval in listener.has_to_hear.get(name, ())[-1:]:
            if interval.end is None:
                interval.end = self._tick()

    def change(self) -> None:
        """A listener listens to some names more, or to fewer."""
        listener = self.chance.choice(self.listeners)
        kind, words = self.chance.choice(
            (("subscribe", CHANNELS), ("psubscribe", PATTERNS), ("ssubscribe", SHARDS), ("ssubscribe", SHARDS))
        )
        names: list[Name] = [(kind, word) for word in self.chance.sample(words, self.chance.randrange(1, 3))]
        names = [name for name in names if name not in listener.busy]
        here = set(listener.wanted())
        if self.chance.random() < 0.6:
            names = [name for name in names if name not in here]
            change, call = self._joined, kind
            listener.may_hear.update(names)
        else:
            names = [name for name in names if name in here]
            change, call = self._left, kind.replace("subscribe", "unsubscribe")
            for name in names:
                self._leave(listener, name)
        if not names:
            return
        self.told[call] += 1
        listener.busy.update(names)
        asked = getattr(listener.sub, call)([word for _, word in names])
        self._follow(asked, listener, names, change)

    def _follow(self, asked: Deferred[Any], listener: Listener, names: list[Name], change: Any) -> None:
        def ended(result: Any) -> None:
            listener.busy.difference_update(names)
            error = getattr(result, "value", None)
            if error is not None and not isinstance(error, redis.RedisError):
                self._broken(result)
            for name in names:
                change(listener, name, error)

        number = self.judge.number()
        self.judge.pending[number] = f"{change.__name__} {names}"
        asked.addBoth(ended).addErrback(self._broken).addBoth(lambda _: self.judge.pending.pop(number))

    def _joined(self, listener: Listener, name: Name, error: Any) -> None:
        if error is None:
            self._begin(listener, name)
            return
        self.told["failed"] += 1
        if name not in listener.unsure:
            listener.may_hear.discard(name)
            listener.undone_at[name] = self.network.seconds() + UNDONE

    def _left(self, listener: Listener, name: Name, error: Any) -> None:
        if error is None:
            listener.may_hear.discard(name)
            listener.unsure.discard(name)
            # What was on its way to a node that was silent is undone when it is confirmed.
            listener.undone_at[name] = self.network.seconds() + (ON_THE_WAY if self.rough else 0)
        else:  # perhaps it has not left
            self.told["failed"] += 1
            listener.unsure.add(name)

    def publish(self) -> None:
        """Somebody publishes."""
        kind = self.chance.choice(("publish", "spublish", "spublish"))
        channel = self.chance.choice(CHANNELS if kind == "publish" else SHARDS)
        number = self.judge.number()
        message = Published(number, kind, channel, self._tick(), self.network.seconds())

        def done(reply: Any) -> Any:
            message.replied, message.replied_at = self._tick(), self.network.seconds()
            self.published.append(message)
            return reply

        sent = getattr(self.rc, kind)(channel, marked(channel, number)).addCallback(done)
        self.judge.follow(kind, sent, [number])

    # The story.

    def run(self, steps: int) -> Listeners:
        """So many steps, and the judgement.

        :raises Found: what must not be.
        """
        for _ in range(steps):
            for _ in range(self.chance.randrange(6)):
                self.publish()
            if self.chance.random() < 0.3:
                self.change()
            if self.chance.random() < 0.3:
                self.storm.step(self.rough)
            self.network.advance(self.chance.choice((0, 0, 0, 0.01, 0.01, 0.2)))
        self.storm.mend()
        self._let_all_end(lambda: not self.judge.pending)
        self.network.advance(1)
        for _ in range(100):  # all are where they belong again
            self.network.settle()
            self.network.advance(0.1)
        self._judge_the_last_words()
        self._judge_what_was_missed()
        self._judge_what_came_twice()
        self._judge_the_end()
        try:
            self.judge.end()
        except AssertionError as error:
            raise Found(str(error)) from None
        return self

    def _let_all_end(self, is_over: Any) -> None:
        for _ in range(int(BOUND / 0.1)):
            self.network.settle()
            if is_over():
                return
            self.network.advance(0.1)

    def _judge_the_last_words(self) -> None:
        """Nothing fails any more: everybody hears everything that he listens to."""
        first = len(self.published)
        for kind, channels in (("publish", CHANNELS), ("spublish", SHARDS)):
            for channel in channels:
                number = self.judge.number()
                message = Published(number, kind, channel, self._tick(), self.network.seconds())
                getattr(self.rc, kind)(channel, marked(channel, number)).addErrback(self._broken)
                self.network.settle()
                message.replied, message.replied_at = self._tick(), self.network.seconds()
                self.published.append(message)
        for message in self.published[first:]:
            for listener in self.listeners:
                for name in listener.wanted():
                    if _matches(name, message) and not listener.heard[name, message.number]:
                        raise Found(f"listener {listener.number} hears {name} no more")

    def _judge_what_was_missed(self) -> None:
        """What did not come was published in a gap that was told."""
        unnoticed = UNNOTICED if self.rough else A_TURN
        for message in self.published:
            for listener in self.listeners:
                for name, intervals in listener.has_to_hear.items():
                    if not _matches(name, message) or listener.heard[name, message.number]:
                        continue
                    if not any(
                        each.begin < message.given and message.replied < (each.end or 1e18) for each in intervals
                    ):
                        continue
                    self.told["missed"] += 1
                    if not any(
                        begin - unnoticed <= message.replied_at and message.given_at <= end
                        for begin, end in listener.gaps
                    ):
                        raise Found(f"listener {listener.number} has missed {message} of {name}, in no gap")

    def _judge_what_came_twice(self) -> None:
        """A master and its replica have both sent it: the one took the other's place, which was not left yet."""
        for listener in self.listeners:
            for at, text in listener.twice:
                self.told["twice"] += 1
                if not any(begin <= at <= end + UNNOTICED for begin, end in listener.gaps):
                    raise Found(f"listener {listener.number} was given {text} twice, in no gap")

    def _judge_the_end(self) -> None:
        closing = [self.rc.disconnect()]
        self._let_all_end(lambda: all(each.called for each in closing))
        self.network.advance(BOUND)
        self.network.settle()
        if self.network.links or any(node.sessions for node in self.cluster.nodes):
            raise Found(f"{len(self.network.links)} connections were not closed")
        if self.network.getDelayedCalls():
            raise Found(f"timers are left: {self.network.getDelayedCalls()[:3]}")
