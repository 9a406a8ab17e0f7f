"""Subscribers: connections on which the server sends published messages, and the factory that keeps one.

A :class:`SubscriberProtocol` calls its ``messageReceived`` for each message. Theory of operation:

* Under RESP2 messages, confirmations and ordinary replies share one stream. The commands sent and the names confirmed
  tell whether a list may be a message, so that an ordinary reply that merely looks like one is not taken for it.
* The server sends one confirmation for each name of a subscribing command, and for ``UNSUBSCRIBE`` without names one
  for each subscribed name, at least one. The command's converter counts them (:class:`Confirmations`), and the request
  stays at the head of the queue until the last has come, so that later replies reach their own requests.
* Subscriptions outlive a connection: the next one of the same factory takes over the wanted names of a lost one
  (:mod:`~txredis_fast.pubsub.restoring`), and subscribes to those that its own ``connectionMade`` did not subscribe to.
  When the last of them is confirmed, ``connectionGap`` tells the program for how long messages may have been missed.
* Under RESP3 messages and confirmations are pushes, which the connection routes here by their first word
  (:mod:`txredis_fast.connection.pushes`). No list is a message then.
* Messages are passed from the parser to ``messageReceived`` without a detour, as long as a subclass does not override
  ``replyReceived``, which then gets all replies, and the messages of RESP2, too.

More than 500 lines, because the protocol is one class, which programs subclass.

This module must not know how connections are made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IAddress, ITransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._tunables import RECHECK_PAUSED_SECONDS
from .._types import Argument, Keys, Reply, Value
from ..client import ConnectionHandler, RedisFactory
from ..commands._parts import one_or_many
from ..connection import Link, RedisProtocol
from ..exceptions import ReplyTimeoutError
from ..inflight import PostProc
from ..options import FactoryOptions, shows_options
from ..resp import INCOMPLETE, Push, Reader
from .inbox import Inbox, InboxPart, SlowConsumerPolicy, call_hook, check_bounds, run_coroutine
from .restoring import Refused, Restorer, is_restored
from .subscriptions import PUSH_WORDS, REPLIES, VERBS, Confirmations, Event, Kind, Pong, command_name

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["SubscriberFactory", "SubscriberProtocol"]

_log = Logger()


class SubscriberProtocol(RedisProtocol):
    """A connection that receives published messages: override :meth:`messageReceived`.

    While it is subscribed to anything, it may only subscribe, unsubscribe, ``ping``, ``quit`` and ``reset``
    (under RESP2).

    A name is wanted from the moment that it is subscribed to until it is unsubscribed from, or refused by the
    server. After a reconnection, the protocol of the new connection subscribes again to what that of the lost
    one wanted, as far as its own ``connectionMade`` has not done so.
    """

    #: How many messages may be unfinished: returned by ``messageReceived`` as a Deferred that has not fired (or a
    #: coroutine that has not ended), or waiting for that. None: no bound, and what it returns is ignored, but for a
    #: coroutine, which is run.
    maxPendingMessages: int | None = None
    #: How many of these may be handled at the same time; with 1, each message waits until the one before is done.
    maxConcurrentMessages = 1
    #: What happens when there are ``maxPendingMessages``. ``"pause"``: nothing is read from the connection until half
    #: of them are finished (replies to commands wait as well, and so does their ``replyTimeout``). ``"drop-oldest"``:
    #: the message that has waited longest is dropped; ``"drop-newest"``: the one that has come; see
    #: :meth:`messagesDropped`.
    slowConsumer: SlowConsumerPolicy = "pause"
    readsMessages = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Takes the arguments of :class:`RedisProtocol`."""
        super().__init__(*args, **kwargs)
        self._wanted = Restorer(self)
        self._inbox: Inbox | InboxPart | None = None
        self._paused_by_program = False
        #: Whether the names of a lost connection are still to be subscribed to.
        self._awaits_restoring = False
        #: Whether the server sends messages as RESP3 pushes, so that no list is a message.
        self._uses_pushes = False
        for word in PUSH_WORDS:
            self.link.pushes.register(word, self._take_push)

    # -- hooks

    def messageReceived(self, pattern: Any, channel: Any, message: Any) -> Any:
        """A message was published; override it. An exception that it raises is logged and harms nothing else.

        :param pattern: the pattern that the channel matched; None where it was subscribed to by name.
        :param channel: the channel.
        :param message: the message. All three are converted as replies are: charset, then numbers. What
            the charset cannot decode is bytes, also if ``undecodable`` is ``"error"``.
        :returns: nothing, or a Deferred (or be a coroutine function); see :attr:`maxPendingMessages`.
        """

    def connectionGap(self, seconds: float, refused: list[Refused]) -> None:
        """All wanted channels are subscribed to again after a reconnection; override it to make up for missed messages.

        Called on the new connection when the last of it is confirmed; messages of channels that were confirmed before
        may have come already.

        :param seconds: for how long messages may have been missed. Where the old connection broke, rather than being
            closed by the server, that is counted from when something last came; where reading was paused, from then.
        :param refused: channels that the server does not let this connection subscribe to again.
        """

    def messagesDropped(self, count: int) -> None:
        """Messages were dropped because the program is slow, or were waiting for it when the connection was lost.

        :param count: how many since this was last called. Called before the next message is handed on.
        """

    @property
    def droppedMessages(self) -> int:
        """How many messages :meth:`messagesDropped` was told of, on this connection and those it has replaced."""
        return self._wanted.dropped

    def nameWithdrawn(self, kind: Kind, name: bytes) -> None:
        """The server has unsubscribed the connection from a name unasked, as from a shard channel whose slot moves.

        The protocol of a cluster's subscriber overrides it.
        """

    @property
    def missedSince(self) -> float:
        """Reactor time from which on messages may be missed: when it was lost or, while it is up, last heard."""
        return self._wanted.missed_since()

    # -- commands

    def subscribe(self, channels: Keys) -> Deferred[Any]:
        """Receive what is published on channels.

        :param channels: one channel, or an iterable of channels.
        :returns: fires when every channel is confirmed, with the first confirmation:
            ``["subscribe", channel, number of channels and patterns subscribed to by then]``.

        https://redis.io/commands/subscribe/, since 2.0.0
        """
        return self._subscription("SUBSCRIBE", channels)

    def unsubscribe(self, channels: Keys | None = None) -> Deferred[Any]:
        """Receive no longer what is published on channels.

        :param channels: one channel, or an iterable of channels; None or empty: all.
        :returns: fires when every channel is confirmed, with the first confirmation:
            ``["unsubscribe", channel or None, number of channels and patterns still subscribed to by then]``.

        https://redis.io/commands/unsubscribe/, since 2.0.0
        """
        return self._subscription("UNSUBSCRIBE", channels)

    def psubscribe(self, patterns: Keys) -> Deferred[Any]:
        """Receive what is published on channels whose name matches patterns.

        :param patterns: one pattern (``news.*``), or an iterable of patterns.
        :returns: as :meth:`subscribe`.

        https://redis.io/commands/psubscribe/, since 2.0.0
        """
        return self._subscription("PSUBSCRIBE", patterns)

    def punsubscribe(self, patterns: Keys | None = None) -> Deferred[Any]:
        """Receive no longer what matches patterns.

        :param patterns: one pattern, or an iterable of patterns; None or empty: all.
        :returns: as :meth:`unsubscribe`.

        https://redis.io/commands/punsubscribe/, since 2.0.0
        """
        return self._subscription("PUNSUBSCRIBE", patterns)

    def ssubscribe(self, channels: Keys) -> Deferred[Any]:
        """Receive what is published by SPUBLISH on shard channels.

        :param channels: one channel, or an iterable of channels; in a cluster all of one slot.
        :returns: as :meth:`subscribe`, with the number of shard channels.

        https://redis.io/commands/ssubscribe/, since 7.0.0
        """
        return self._subscription("SSUBSCRIBE", channels)

    def sunsubscribe(self, channels: Keys | None = None) -> Deferred[Any]:
        """Receive no longer what is published on shard channels.

        :param channels: one channel, or an iterable of channels; None or empty: all.
        :returns: as :meth:`unsubscribe`, with the number of shard channels.

        https://redis.io/commands/sunsubscribe/, since 7.0.0
        """
        return self._subscription("SUNSUBSCRIBE", channels)

    def ping(self, *, message: Argument | None = None) -> Deferred[Any]:
        """Test the connection.

        :returns: fires with ``["pong", message or ""]`` while anything is subscribed to, under RESP3, too; else with
            *message*, or ``"PONG"`` without one.
        """
        texts = () if message is None else (message,)
        return self.execute_command("PING", *texts, post_proc=Pong(message is not None))

    def reset(self) -> Deferred[Any]:
        """Let the server forget the connection's state: subscriptions, database, user. Fires with ``"RESET"``.

        https://redis.io/commands/reset/, since 6.2.0
        """
        return self.execute_command("RESET")

    # The methods above may run on a transaction or pipeline over this class: they touch execute_command only.
    def _subscription(self, name: str, names: Keys | None) -> Deferred[Any]:
        try:
            arguments = () if names is None else one_or_many(names)
        except TypeError:
            return fail()
        # As in txredisapi, replyTimeout limits UNSUBSCRIBE, and not SUBSCRIBE.
        return self.execute_command(name, *arguments, apply_timeout="UNSUB" in name)

    def execute_command(self, *args: object, post_proc: PostProc | None = None, **kwargs: Any) -> Deferred[Any]:
        """Send a command; see ``RedisProtocol.execute_command``."""
        meaning = VERBS.get(command_name(args))
        if meaning is not None:
            try:
                names = tuple(map(self.link.encode_value, args[1:]))
            except Exception:  # whatever str() of an argument raises
                return fail()
            post_proc = Confirmations(*meaning, names, post_proc)
            if self.connected:
                self._wanted.note(*meaning, names, post_proc)
        elif isinstance(post_proc, Pong):
            post_proc.word = self._word_of_pong
        return super().execute_command(*args, post_proc=post_proc, **kwargs)

    def _word_of_pong(self) -> str | bytes | None:
        lists = self._uses_pushes and any(self._wanted.confirmed.values())
        return (b"pong" if self.charset is None else "pong") if lists else None

    # -- life of the connection

    def makeConnection(self, transport: ITransport) -> None:
        """Connect; subscribe to the names of a lost connection when this one is usable."""
        self._wanted.take_over()
        self._inbox = self._open_inbox()
        super().makeConnection(transport)
        # After a subclass's connectionMade, which may have subscribed, too.
        self._awaits_restoring = True
        if not self.link.has_handshake:
            self._restore(self)  # even where connectionMade was overridden and does not chain
        else:
            self.whenConnected().addCallback(self._restore)

    def _open_inbox(self) -> Inbox | InboxPart | None:
        if self.maxPendingMessages is None:
            return None
        return Inbox(
            self.maxPendingMessages,
            self.maxConcurrentMessages,
            self.slowConsumer,
            receive=self._receive,
            hold=self._hold,
            go_on=self._read_on,
            dropped=self._dropped,
        )

    def _close_inbox(self, inbox: Any) -> None:
        inbox.close()

    def _restore(self, connection: object) -> None:
        try:
            self._wanted.begin()
            self._awaits_restoring = False
        except BaseException as error:
            self.link.tear(error)
            raise

    def makeLink(self) -> Link:
        """Make the object that has the life of this connection."""
        return _SubscriberLink(self)

    def _receive(self, pattern: Value | None, channel: Value, message: Value) -> object:
        return self.messageReceived(pattern, channel, message)  # looked up each time, as a program may replace it

    def _dropped(self, count: int) -> None:
        self._wanted.dropped += count
        call_hook(self.messagesDropped, count)

    def pauseProducing(self) -> None:
        """Stop reading; no reply or message is delivered until ``resumeProducing``."""
        self._paused_by_program = True
        self._hold()

    def resumeProducing(self) -> None:
        """Resume reading after ``pauseProducing``, unless ``maxPendingMessages`` are unfinished: then later."""
        self._paused_by_program = False
        if self._inbox is None or not self._inbox.full:
            self._read_on()

    def _hold(self) -> None:
        self._wanted.held()
        super().pauseProducing()

    def _read_on(self) -> None:
        if not self._paused_by_program and self.link.end_reason is None:
            self._wanted.went_on()
            super().resumeProducing()

    # -- replies

    def deliverReplies(self, reader: Reader) -> None:
        """Deliver all complete replies and messages."""
        self._wanted.heard(reader.fed)
        if getattr(self.replyReceived, "__func__", None) is _STOCK_REPLY:
            requests, inbox = self.link.requests, self._inbox
            while not requests.stopped:
                if inbox is None:
                    requests.deliver_messages(reader, self, run_coroutine, _log_failure)
                elif requests.message_kind is not None:
                    message = reader.get_message(requests.message_kind)
                    if message is not None:
                        inbox.put(message)
                        continue
                if requests.stopped:
                    break
                waiting = requests.waiting
                reply = reader.get(bool(waiting) and waiting[0].raw)
                if reply is INCOMPLETE:
                    break
                if reply.__class__ is Push:
                    self.link.pushes.deliver(reply)
                else:
                    self.replyReceived(reply)
        super().deliverReplies(reader)

    def replyReceived(self, reply: Reply) -> None:
        """Handle a message, a confirmation or an ordinary reply."""
        if isinstance(reply, list) and self._in_subscribe_mode() and self._take(reply):
            return
        awaited = self._awaited()
        if awaited is not None:
            self._answered_otherwise(awaited, reply)
        super().replyReceived(reply)

    def _take_push(self, push: Push) -> bool:
        """Take a message or a confirmation that is a RESP3 push, as all of them are from then on."""
        if not self._take(push):
            return False
        self._uses_pushes = True
        self.link.requests.message_kind = b">"
        return True

    def _awaited(self) -> Confirmations | None:
        """The confirmations that the oldest request waits for, if it is a command that changes subscriptions."""
        requests = self.link.requests
        converter = requests.waiting[0].post_proc if requests.owed else None
        return converter if isinstance(converter, Confirmations) else None

    def _in_subscribe_mode(self) -> bool:
        """Whether a list may be a message or a confirmation rather than an ordinary reply."""
        if self._uses_pushes:
            return False
        return not self.link.requests.waiting or any(self._wanted.confirmed.values()) or self._awaited() is not None

    def _take(self, reply: list[Any]) -> bool:
        """Take a message or a confirmation; False if the reply is neither."""
        if len(reply) < 3 or not isinstance(reply[0], str | bytes):
            return False
        meaning = REPLIES.get(reply[0])
        if meaning is None or len(reply) != (4 if meaning == (Kind.PATTERN, Event.MESSAGE) else 3):
            return False
        kind, event = meaning
        if event is not Event.MESSAGE:
            self._confirmation(kind, event, reply)
            return True
        waiting = self.link.requests.waiting
        # A list was parsed as raw, as the next reply is to be; a push never is, and may not be converted twice.
        if waiting and waiting[0].raw and not isinstance(reply, Push):
            reply = self.tryConvertData(reply)
        pattern = reply[1] if kind is Kind.PATTERN else None
        if self._inbox is not None:
            self._inbox.put((pattern, reply[-2], reply[-1]))
        else:
            run_coroutine(call_hook(self.messageReceived, pattern, *reply[-2:]))
        return True

    def _confirmation(self, kind: Kind, event: Event, reply: list[Any]) -> None:
        awaited = self._awaited()
        answers = awaited is not None and awaited.kind is kind and awaited.event is event
        if event is Event.UNSUBSCRIBE and answers and awaited is not None and awaited.names and reply[1] is not None:
            answers = self._name_of(reply[1], awaited.names) is not None
        if awaited is None or not answers:
            # No command asked for it. A cluster does this to a shard channel whose slot moves away.
            if event is Event.UNSUBSCRIBE and reply[1] is not None:
                name = self._name_of(reply[1], self._wanted.confirmed[kind])
                if name is not None:
                    self._wanted.confirmed[kind].discard(name)
                    self._confirmed_changed()
                    self.nameWithdrawn(kind, name)
            return
        confirmed = self._wanted.confirmed[kind]
        if awaited.left is None:
            awaited.first = list(reply)
            awaited.left = len(awaited.names) or len(confirmed) or 1
            if event is Event.SUBSCRIBE:
                confirmed.update(awaited.names)
            else:
                confirmed.difference_update(awaited.names or tuple(confirmed))
            self._confirmed_changed()
        awaited.left -= 1
        if not awaited.left:
            if event is Event.SUBSCRIBE:
                self._wanted.settled(kind, awaited.names)
            super().replyReceived(awaited.first)

    def _name_of(self, value: Value, names: Collection[bytes]) -> bytes | None:
        """Which of some names a reply has as a value; several ways to write a number are one value."""
        name = self.link.encode_value(value)
        if name in names:
            return name
        return next((each for each in names if self.tryConvertData(each) == value), None)

    def _confirmed_changed(self) -> None:
        if not self._uses_pushes:
            self.link.requests.message_kind = b"*" if any(self._wanted.confirmed.values()) else None

    def _answered_otherwise(self, awaited: Confirmations, reply: object) -> None:
        """The reply to a command that changes subscriptions is not a confirmation: an error, QUEUED, or RESET's."""
        if awaited.event is Event.RESET and not isinstance(reply, Exception):
            self._uses_pushes = False
            for confirmed in self._wanted.confirmed.values():
                confirmed.clear()
            self._confirmed_changed()
        elif awaited.event is Event.SUBSCRIBE and isinstance(reply, Exception):
            asked = self._wanted.asked[awaited.kind]
            for name in awaited.names:
                if name in self._wanted.confirmed[awaited.kind] or asked.get(name, awaited) is not awaited:
                    continue  # a later command that subscribes to it has not been answered yet
                if awaited.post_proc is is_restored:
                    asked.pop(name, None)
                else:
                    self._wanted.refused(awaited.kind, name, reply)


_STOCK_REPLY = SubscriberProtocol.replyReceived


def _log_failure() -> None:
    _log.failure("messageReceived raised an exception")


class _SubscriberLink(Link):
    """The life of a subscriber's connection."""

    protocol: SubscriberProtocol

    def arrived(self) -> None:
        """Its owner has taken the connection; one that has not subscribed again is closed, as it would stay silent."""
        if self.protocol._awaits_restoring:
            self.tear(RuntimeError("not subscribed"))
        super().arrived()

    def mark(self, up: bool) -> None:
        """Apply a value that a program has set ``connected`` to; with 0, the wanted names are left to the next."""
        super().mark(up)
        if not up:
            self.protocol._wanted.leave()

    def lost(self, why: Failure) -> None:
        """End, once; the wanted names are left to the next connection."""
        protocol = self.protocol
        protocol._wanted.lost(why, self.end_reason is not None)
        super().lost(why)
        if protocol._inbox is not None:
            protocol._close_inbox(protocol._inbox)

    def abort(self, reason: BaseException) -> None:
        """Abort the connection, unless the reason is an overdue reply while reading is paused."""
        protocol = self.protocol
        if protocol.paused and isinstance(reason, ReplyTimeoutError):
            # The reply cannot be received while reading is paused: check again later.
            self.start_deadline(protocol.replyTimeout or RECHECK_PAUSED_SECONDS)
            return
        try:
            super().abort(reason)
        finally:
            self.protocol._wanted.leave()


class SubscriberFactory(RedisFactory):
    """Keeps one connection that subscribes; ``protocol`` is to be a subclass of :class:`SubscriberProtocol`.

    Works with ``reactor.connectTCP(host, port, factory)`` and with ``startConnecting(endpoint)``.
    """

    protocol = SubscriberProtocol

    #: See the attributes of these names of :class:`SubscriberProtocol`; None: those of the protocol's class hold.
    maxPendingMessages: int | None = None
    maxConcurrentMessages: int | None = None
    slowConsumer: SlowConsumerPolicy | None = None

    @shows_options(FactoryOptions)
    def __init__(
        self,
        isLazy: bool = False,
        handler: Callable[[Any], Any] = ConnectionHandler,
        *,
        dbid: int | None = None,
        maxPendingMessages: int | None = None,
        maxConcurrentMessages: int | None = None,
        slowConsumer: SlowConsumerPolicy | None = None,
        **options: Unpack[FactoryOptions],
    ) -> None:
        """Make one.

        :param maxPendingMessages: and the next two: see :class:`SubscriberProtocol`.

        The others: see :class:`RedisFactory`.
        """
        bounds = check_bounds(maxPendingMessages, maxConcurrentMessages, slowConsumer)
        super().__init__(None, dbid, 1, isLazy, handler, **options)
        for name, value in zip(_BOUNDS, bounds, strict=True):
            if value is not None:
                setattr(self, name, value)

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Make the protocol of a new connection."""
        protocol = super().buildProtocol(addr)
        for name in _BOUNDS:
            value = getattr(self, name)
            if value is not None:
                setattr(protocol, name, value)
        return protocol

    def start_cache(self) -> None:
        """Nothing that is received here is kept: there is no tracked connection."""


_BOUNDS = ("maxPendingMessages", "maxConcurrentMessages", "slowConsumer")
