""":class:`Subscriber`: published messages for programs that iterate, or give a function, instead of subclassing.

Theory of operation. A subscriber has a connection of its own (:mod:`~txredis_fast.pubsub.companion`), and one inbox
over all connections that replace each other. An iteration takes messages from the inbox; where none waits, it leaves a
Deferred, and the inbox hands the next message to it. With a function, the inbox calls that.

A subscription that a lost connection has left unconfirmed is made again on the next one, which is harmless, because
subscribing twice is subscribing once. One that fails is withdrawn, so that no messages come for a name of which the
program knows nothing.

This module must not know how connections are made.
"""

from __future__ import annotations

import inspect
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._checks import seconds_or
from .._reactor import current_reactor
from .._tunables import CONFIRMATION_SECONDS
from .._types import Keys, Value
from ..commands._parts import one_or_many
from ..exceptions import ConnectionError, NotSentError, ReplyTimeoutError
from ..inflight import TimeLimit
from ..pool import Pool
from ..resp import fixed_arguments
from .companion import SubscriberPool
from .inbox import Inbox, InboxPart, SlowConsumerPolicy, call_hook
from .restoring import Refused
from .subscriptions import Event, Kind

if TYPE_CHECKING:
    from typing_extensions import Self

    from .companion import MessageProtocol

__all__ = ["Message", "OnMessage", "Subscriber"]

_log = Logger()

#: Takes pattern or None, channel and data; may return a Deferred, or be a coroutine function.
OnMessage = Callable[[Any, Any, Any], object]


class Message(NamedTuple):
    """A published message. Its parts are converted as replies are: charset, then numbers.

    What the charset cannot decode is bytes, also if ``undecodable`` is ``"error"``.
    """

    #: The pattern that the channel matched; None if the channel was subscribed to by name.
    pattern: Value | None
    #: The channel.
    channel: Value
    #: The published value.
    data: Value


class Subscriber:
    """Receives published messages: ``sub = await rc.subscriber()``.

    ``async for message in sub`` iterates over :class:`Message`. An iteration that is left may be continued by another
    one. Several iterations at the same time share the messages: each message goes to one of them. An iteration ends
    with ``disconnect()``; it fails with :exc:`NotSentError` when the connection is lost and the handler makes no new
    ones.

    Lost connections are made again, as those of the handler, and the subscriptions are restored.
    """

    def __init__(
        self,
        pool: Pool,
        endpoint: IStreamClientEndpoint,
        on_message: OnMessage | None,
        bounds: tuple[int, int, SlowConsumerPolicy],
        on_gap: Callable[[float, list[Refused]], object] | None,
        on_dropped: Callable[[int], object] | None,
    ) -> None:
        """``rc.subscriber()`` makes one."""
        limit, at_once, policy = bounds
        self._limit = limit
        self._on_message = on_message
        self._on_gap = on_gap
        self._on_dropped = on_dropped
        self._dropped = 0
        #: The iterations that wait for a message.
        self._waiting: deque[Deferred[Message]] = deque()
        #: The error with which every iteration ends; None while messages may come.
        self._end: Exception | None = None
        #: Kinds and names that the server has confirmed to the program.
        self._confirmed: set[tuple[Kind, bytes]] = set()
        #: Of each, the calls in flight that subscribe to it and were sent after the last one that unsubscribed from it.
        self._asking: dict[tuple[Kind, bytes], set[object]] = {}
        self.inbox: Inbox | InboxPart = Inbox(
            limit, at_once, policy, receive=self._receive, hold=_nothing, go_on=_nothing, dropped=self._count_dropped
        )
        if on_message is None:
            self.inbox.admit(0)
        self.pool = SubscriberPool(pool, endpoint, self)

    def __repr__(self) -> str:
        state = "closed" if self._end is not None else "connected" if self.pool.size else "not connected"
        return f"<Subscriber {self._server} ({state}), {self.inbox.unfinished} messages unfinished>"

    @property
    def _server(self) -> str:
        return self.pool.observer.server

    @property
    def droppedMessages(self) -> int:
        """How many messages were dropped because the program was slow."""
        return self._dropped

    @property
    def ended(self) -> bool:
        """Whether no message will be received any more: it was disconnected, or nothing will be connected again."""
        return self._end is not None

    # -- messages

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        if self._on_message is not None:
            raise TypeError("this subscriber calls on_message; one without it can be iterated over")
        if self._end is not None:
            raise self._end.with_traceback(None)
        parts = self.inbox.take()
        if parts is not None:
            return Message(*parts)
        waiting: Deferred[Message] = Deferred(self._leave)
        self._waiting.append(waiting)
        self.inbox.admit(len(self._waiting))
        return await waiting

    def _leave(self, waiting: Deferred[Message]) -> None:
        """An iteration that waits for a message was cancelled."""
        if waiting in self._waiting:  # not if the end of another iteration cancels it
            self._waiting.remove(waiting)
        self.inbox.admit(len(self._waiting))

    def _receive(self, pattern: Value | None, channel: Value, data: Value) -> object:
        """The inbox hands a message on."""
        if self._end is not None:
            return None
        if self._on_message is not None:
            return self._call(self._on_message, pattern, channel, data)
        waiting = self._waiting.popleft()
        self.inbox.admit(len(self._waiting))
        waiting.callback(Message(pattern, channel, data))
        return None

    def _call(self, on_message: OnMessage, pattern: Value | None, channel: Value, data: Value) -> object:
        result = call_hook(on_message, pattern, channel, data)
        if inspect.iscoroutine(result):
            result = Deferred.fromCoroutine(result)
        if isinstance(result, Deferred):
            return result.addErrback(_log_failure, getattr(on_message, "__name__", on_message))
        return None

    # -- subscriptions

    def subscribe(self, channels: Keys) -> Deferred[None]:
        """Receive what is published on channels.

        :param channels: one channel, or an iterable of channels; an empty one changes nothing.
        :returns: fires with None when the server has confirmed every channel, also after a reconnection. Fails with the
            server's error; with :exc:`NotSentError` where ``poolTimeout`` seconds pass without a connection, or at once
            if the subscriber has ended; and with :exc:`ReplyTimeoutError` after ``replyTimeout`` seconds (30 without
            one), which include reconnections. After a failure, or when it is cancelled, the channels of this call are
            not subscribed to, except those that were before, or that another call in flight subscribes to.

        https://redis.io/commands/subscribe/, since 2.0.0
        """
        return self._change(Kind.CHANNEL, Event.SUBSCRIBE, channels)

    def psubscribe(self, patterns: Keys) -> Deferred[None]:
        """Receive what is published on channels whose name matches patterns.

        :param patterns: one pattern (``news.*``), or an iterable of patterns.
        :returns: as :meth:`subscribe`.

        https://redis.io/commands/psubscribe/, since 2.0.0
        """
        return self._change(Kind.PATTERN, Event.SUBSCRIBE, patterns)

    def ssubscribe(self, channels: Keys) -> Deferred[None]:
        """Receive what is published by SPUBLISH on shard channels.

        :param channels: one channel, or an iterable of channels; in a cluster all of one slot.
        :returns: as :meth:`subscribe`.

        https://redis.io/commands/ssubscribe/, since 7.0.0
        """
        return self._change(Kind.SHARD, Event.SUBSCRIBE, channels)

    def unsubscribe(self, channels: Keys | None = None) -> Deferred[None]:
        """Receive no longer what is published on channels.

        :param channels: one channel, or an iterable of channels; an empty one changes nothing; None: all.
        :returns: fires with None when the server has confirmed it; fails as :meth:`subscribe`.

        https://redis.io/commands/unsubscribe/, since 2.0.0
        """
        return self._change(Kind.CHANNEL, Event.UNSUBSCRIBE, channels)

    def punsubscribe(self, patterns: Keys | None = None) -> Deferred[None]:
        """Receive no longer what matches patterns.

        :param patterns: one pattern, or an iterable of patterns; an empty one changes nothing; None: all.
        :returns: as :meth:`unsubscribe`.

        https://redis.io/commands/punsubscribe/, since 2.0.0
        """
        return self._change(Kind.PATTERN, Event.UNSUBSCRIBE, patterns)

    def sunsubscribe(self, channels: Keys | None = None) -> Deferred[None]:
        """Receive no longer what is published on shard channels.

        :param channels: one channel, or an iterable of channels; an empty one changes nothing; None: all.
        :returns: as :meth:`unsubscribe`.

        https://redis.io/commands/sunsubscribe/, since 7.0.0
        """
        return self._change(Kind.SHARD, Event.UNSUBSCRIBE, channels)

    def _change(self, kind: Kind, event: Event, given: Keys | None) -> Deferred[None]:
        verb = kind.value + event.value
        try:
            names = None if given is None else fixed_arguments((verb, *one_or_many(given)))[1:]
        except Exception as error:
            return Deferred.fromCoroutine(_raise(error))
        if names == ():
            return succeed(None)
        if self._end is not None:
            return fail(self._ended(verb))
        return self._bounded(Deferred.fromCoroutine(self._confirm(kind, event, verb, names)), verb)

    async def _confirm(self, kind: Kind, event: Event, verb: str, names: tuple[Any, ...] | None) -> None:
        pool = self.pool
        call = object()
        asked: set[tuple[Kind, bytes]] = set()
        try:
            while True:
                connection = cast("MessageProtocol", await pool.getConnection(True))
                encoded = {(kind, name) for name in connection.encoded(names or ())}
                if event is Event.SUBSCRIBE:
                    asked |= encoded  # the next connection may have another charset
                    for each in encoded:
                        self._asking.setdefault(each, set()).add(call)
                else:
                    self._leave_names(encoded if names else {*self._of_kind(kind)})
                try:
                    await getattr(connection, verb)(names)
                    break
                except ConnectionError:
                    if connection.connected or not pool.may_wait:
                        raise
            if event is Event.SUBSCRIBE:
                self._confirmed |= {each for each in encoded if call in self._asking.get(each, ())}
        except BaseException:
            self._withdraw(kind, {each for each in asked - self._confirmed if self._asking.get(each) == {call}})
            raise
        finally:
            for each in asked:
                calls = self._asking.get(each, set())
                calls.discard(call)
                if not calls:
                    self._asking.pop(each, None)

    def _of_kind(self, kind: Kind) -> list[tuple[Kind, bytes]]:
        return [each for each in (*self._confirmed, *self._asking) if each[0] is kind]

    def _leave_names(self, names: set[tuple[Kind, bytes]]) -> None:
        """Names are unsubscribed from, whichever calls have subscribed to them before."""
        self._confirmed -= names
        for each in names:
            self._asking.pop(each, None)

    def _withdraw(self, kind: Kind, names: set[tuple[Kind, bytes]]) -> None:
        connection = self.pool.connection
        if names and connection is not None:
            connection.forget(kind, tuple(name for _, name in names))

    def _bounded(self, changed: Deferred[None], verb: str) -> Deferred[None]:
        if changed.called:
            return changed
        seconds = seconds_or(self.pool.replyTimeout, 0) or CONFIRMATION_SECONDS
        error: Exception | None = None

        def over() -> None:
            nonlocal error
            error = self._overdue(verb, seconds)
            changed.cancel()
            connection = self.pool.connection
            if isinstance(error, ReplyTimeoutError) and connection is not None and not self.inbox.full:
                connection.link.abort(error)  # as after any overdue reply

        limit = TimeLimit(current_reactor(), seconds, over, self.pool.progress)

        def done(result: Failure | None) -> Failure | None:
            limit.stop()
            if error is not None and isinstance(result, Failure) and result.check(CancelledError):
                raise error
            return result

        return changed.addBoth(done)

    def _ended(self, verb: str) -> NotSentError:
        why = "it was disconnected" if isinstance(self._end, StopAsyncIteration) else self._end
        text = f"{self._server}: {verb.upper()} was not sent: the subscriber has ended ({why})"
        return NotSentError(f"{text}; open another one with rc.subscriber()")

    def _overdue(self, verb: str, seconds: float) -> Exception:
        text = f"{self._server}: {verb.upper()} was not confirmed within {seconds:g} seconds"
        if not self.pool.size:
            return NotSentError(f"{text}: {self.pool.why_not_connected()}")
        if self.inbox.full:
            text += f": nothing is read while {self.inbox.unfinished} messages are unfinished (maxPendingMessages is "
            return ReplyTimeoutError(f"{text}{self._limit}); finish messages while you wait for a confirmation")
        return ReplyTimeoutError(f"{text}: the server did not answer")

    # -- reports of the connection

    def gap(self, seconds: float, refused: list[Refused]) -> None:
        """Messages may have been missed."""
        if self._on_gap is not None and self._end is None:
            call_hook(self._on_gap, seconds, refused)

    def gave_up(self, error: Exception) -> None:
        """No connection will be made any more."""
        self._finish(error)
        if self.pool.deferred is None:  # else the opening fails first, and closes it
            self.pool.disconnect(timeout=0)

    def _count_dropped(self, count: int) -> None:
        self._dropped += count
        if self._on_dropped is not None:
            call_hook(self._on_dropped, count)

    # -- the end

    def _finish(self, error: Exception) -> None:
        if self._end is not None:
            return
        self._end = error
        self.pool.parent.companions.discard(self)
        waiting, self._waiting = self._waiting, deque()
        for each in waiting:
            if not each.called:
                each.errback(error)

    def drop(self, reason: Exception) -> None:
        """Close the connection at once, so that another one is made; the handler's pool calls it."""
        self.pool.drop(reason)

    def pool_ends(self, seconds: float) -> Deferred[None]:
        """As :meth:`disconnect`, which waits for no reply; the handler's pool calls it."""
        return self.disconnect()

    def disconnect(self) -> Deferred[None]:
        """Unsubscribe from everything and close the connection; iterations end, and messages that wait are dropped.

        ``rc.disconnect()`` does it, too.

        :returns: fires with None when the connection is closed.
        """
        self._finish(StopAsyncIteration())
        closing = self.pool.disconnect(timeout=0)
        if self.inbox.full:  # the end of the connection would not be read
            self.pool.drop(ConnectionError("the program has disconnected"))
        return closing

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.disconnect()


async def _raise(error: Exception) -> None:
    raise error


def _nothing() -> None:
    """There is no connection yet."""


def _log_failure(failure: Failure, name: object) -> None:
    _log.failure("{name}, which a subscriber calls, has failed", failure, name=name)
