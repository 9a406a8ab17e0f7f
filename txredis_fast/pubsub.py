"""Connections that the server talks to unasked: subscribers and monitors, and the factories that keep them.

A :class:`SubscriberProtocol` hands published messages to its ``messageReceived``. Theory of operation:

* Under RESP2 messages, confirmations and ordinary replies share one stream. What the server may send is known
  from what was written and confirmed, so that an ordinary reply that merely looks like a message stays one.
* A command that subscribes is answered by one confirmation for each of its names, and ``UNSUBSCRIBE`` without
  names by one for each name there is, at least one. The command's converter keeps the count
  (:class:`Confirmations`), and the request stays at the head of the queue until the last has come: later
  replies are never shifted.
* What a connection is wanted to be subscribed to outlives it: the next connection of the same factory takes
  over what a lost one wanted (:class:`Subscriptions`), and subscribes to what its own ``connectionMade`` did
  not.

This module must not know how connections are made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypedDict

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from ._types import Keys
from .commands.arguments import one_or_many
from .exceptions import ResponseError
from .handler import ConnectionHandler
from .options import ConvertNumbers
from .pool import RedisFactory
from .protocol import RedisProtocol
from .request import PostProc
from .resp import Push
from .subscriptions import (
    REPLIES,
    VERBS,
    Confirmations,
    Converter,
    Event,
    Kind,
    Subscriptions,
    command_name,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["MonitorFactory", "MonitorProtocol", "SubscriberFactory", "SubscriberProtocol"]

_log = Logger()


class FactoryOptions(TypedDict, total=False):
    """Options of both factories, by keyword; see :class:`~txredis_fast.ConnectionOptions`."""

    charset: str | None
    password: str | bytes | None
    username: str | None
    replyTimeout: float | None
    convertNumbers: ConvertNumbers
    poolTimeout: float | None
    strict: bool
    limits: Mapping[str, int]


def _taken_over(protocol: Any) -> Subscriptions:
    """What a lost connection of the protocol's factory wanted, if there is one without a successor."""
    # Any RedisFactory may have subscribers as its protocol. Other factories need not mean one server, nor
    # reconnect: what one of their connections wanted is nothing to the next.
    if not isinstance(protocol.factory, RedisFactory):
        return Subscriptions()
    known: list[Subscriptions] = vars(protocol.factory).setdefault("_subscriptions", [])
    free = next((entry for entry in known if not entry.owner.connected), None)
    if free is None:
        free = Subscriptions()
        known.append(free)
    free.owner = protocol
    return free


def _restored(reply: Any) -> Any:
    """The converter that marks a SUBSCRIBE of this module's own, after a reconnection."""
    return reply


def _call_hook(hook: Callable[..., object], *args: Any) -> None:
    try:
        hook(*args)
    except Exception:  # neither the connection nor the next messages are to suffer from it
        _log.failure("messageReceived raised an exception")


class SubscriberProtocol(RedisProtocol):
    """A connection that receives published messages: override :meth:`messageReceived`.

    While it is subscribed to anything, it may only subscribe, unsubscribe, ``ping``, ``quit`` and ``reset``
    (under RESP2).

    A name is wanted from the moment that it is subscribed to until it is unsubscribed from, or refused by the
    server. After a reconnection, the protocol of the new connection subscribes again to what that of the lost
    one wanted, as far as its own ``connectionMade`` has not done so.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Takes what :class:`RedisProtocol` takes."""
        super().__init__(*args, **kwargs)
        self._subscriptions = Subscriptions()
        #: What the commands written so far have subscribed to, whatever was unsubscribed from since.
        self._asked: dict[Kind, set[bytes]] = {kind: set() for kind in Kind}
        #: What the server has confirmed.
        self._confirmed: dict[Kind, set[bytes]] = {kind: set() for kind in Kind}
        #: Whether the server sends messages as RESP3 pushes, so that no list is one.
        self._uses_pushes = False

    # -- hooks

    def messageReceived(self, pattern: Any, channel: Any, message: Any) -> None:
        """A message was published; override it. An exception that it raises is logged and harms nothing else.

        :param pattern: the pattern that the channel matched; None where it was subscribed to by name.
        :param channel: the channel.
        :param message: the message. All three are converted as replies are: charset, then numbers.
        """

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

    def reset(self) -> Deferred[Any]:
        """Let the server forget the connection's state: all subscriptions, the database, the user.

        :returns: fires with ``"RESET"``.

        https://redis.io/commands/reset/, since 6.2.0
        """
        return self.execute_command("RESET")

    # The methods above may run on a transaction or pipeline over this class: they touch execute_command only.
    def _subscription(self, name: str, names: Any) -> Deferred[Any]:
        try:
            arguments = () if names is None else one_or_many(names)
        except TypeError:
            return fail()
        # As in txredisapi, replyTimeout limits what ends a subscription, and not what begins one.
        return self.execute_command(name, *arguments, apply_timeout="UNSUB" in name)

    def execute_command(self, *args: Any, post_proc: PostProc | None = None, **kwargs: Any) -> Deferred[Any]:
        """Send a command; see ``RedisProtocol.execute_command``."""
        meaning = VERBS.get(command_name(args))
        if meaning is not None:
            try:
                names = tuple(map(self._encode_value, args[1:]))
            except Exception:  # whatever str() of an argument raises
                return fail()
            post_proc = Confirmations(*meaning, names, post_proc)
            if self.connected and self._end_reason is None:
                self._note(*meaning, names)
        return super().execute_command(*args, post_proc=post_proc, **kwargs)

    def _note(self, kind: Kind, event: Event, names: tuple[bytes, ...]) -> None:
        """A command is being written: remember what it means for what is wanted."""
        wanted = self._subscriptions.wanted
        if event is Event.SUBSCRIBE:
            self._asked[kind].update(names)
            wanted[kind].update(dict.fromkeys(names))
        elif event is Event.UNSUBSCRIBE:
            for name in names or tuple(wanted[kind]):
                wanted[kind].pop(name, None)
        else:
            for each in wanted.values():
                each.clear()

    # -- life of the connection

    def makeConnection(self, transport: Any) -> None:
        """The transport is there; subscribe to what the last connection wanted, once this one is usable."""
        self._subscriptions = _taken_over(self)
        super().makeConnection(transport)
        # Only now, when a subclass's connectionMade has subscribed to what it likes.
        if self.password is None and self.dbid is None:
            self._restore(self)  # even where connectionMade was overridden and does not chain
        else:
            self.whenConnected().addCallback(self._restore)

    def _restore(self, connection: Any) -> None:
        for kind, wanted in self._subscriptions.wanted.items():
            names = [name for name in wanted if name not in self._asked[kind]]
            if names:
                self._subscribe_again(kind, names)

    def _subscribe_again(self, kind: Kind, names: list[bytes]) -> None:
        verb = (kind.value + Event.SUBSCRIBE.value).upper()
        self.execute_command(verb, *names, post_proc=_restored).addErrback(self._not_restored, kind, names)

    def _not_restored(self, failure: Failure, kind: Kind, names: list[bytes]) -> None:
        if not failure.check(ResponseError):
            return  # the connection is lost: its successor's affair
        if len(names) == 1:
            _log.warn(
                "Cannot subscribe again to {kind} {name}: {error}",
                kind=kind.name.lower(),
                name=names[0],
                error=failure.getErrorMessage(),
            )
            return
        # One name that is refused takes the others of its command with it.
        for name in names:
            if name in self._subscriptions.wanted[kind] and name not in self._asked[kind]:
                self._subscribe_again(kind, [name])

    # -- replies

    def replyReceived(self, reply: Any) -> None:
        """A message, a confirmation or an ordinary reply has come."""
        if isinstance(reply, list) and self._in_subscribe_mode() and self._take(reply):
            return
        awaited = self._awaited()
        if awaited is not None:
            self._answered_otherwise(awaited, reply)
        super().replyReceived(reply)

    def pushReceived(self, push: Push) -> None:
        """A RESP3 push has come, which messages and confirmations then are."""
        if self._take(push):
            self._uses_pushes = True
        else:
            super().pushReceived(push)

    def _awaited(self) -> Confirmations | None:
        """What the oldest request is owed, if it is a command that changes subscriptions."""
        waiting = self._requests.waiting
        converter = waiting[0].post_proc if waiting else None
        return converter if isinstance(converter, Confirmations) else None

    def _in_subscribe_mode(self) -> bool:
        """Whether a list may be a message or a confirmation, rather than the ordinary reply that is due."""
        if self._uses_pushes:
            return False
        return not self._requests.waiting or any(self._confirmed.values()) or self._awaited() is not None

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
        waiting = self._requests.waiting
        if waiting and waiting[0].raw:  # meant for the reply that is due, and this is not it
            reply = self.tryConvertData(reply)
        pattern = reply[1] if kind is Kind.PATTERN else None
        _call_hook(self.messageReceived, pattern, *reply[-2:])
        return True

    def _confirmation(self, kind: Kind, event: Event, reply: list[Any]) -> None:
        awaited = self._awaited()
        if awaited is None or awaited.kind is not kind or awaited.event is not event:
            # Nobody asked. A cluster does this to a shard channel whose slot moves away.
            if event is Event.UNSUBSCRIBE and reply[1] is not None:
                self._confirmed[kind].discard(self._encode_value(reply[1]))
            return
        confirmed = self._confirmed[kind]
        if awaited.left is None:
            awaited.first = list(reply)
            awaited.left = len(awaited.names) or len(confirmed) or 1
            if event is Event.SUBSCRIBE:
                confirmed.update(awaited.names)
            else:
                confirmed.difference_update(awaited.names or tuple(confirmed))
        awaited.left -= 1
        if not awaited.left:
            super().replyReceived(awaited.first)

    def _answered_otherwise(self, awaited: Confirmations, reply: Any) -> None:
        """A command that changes subscriptions was refused, queued by MULTI, or is RESET."""
        if awaited.event is Event.RESET and not isinstance(reply, Exception):
            self._uses_pushes = False
            for confirmed in self._confirmed.values():
                confirmed.clear()
        elif awaited.event is Event.SUBSCRIBE and isinstance(reply, Exception):
            for name in awaited.names:
                if name not in self._confirmed[awaited.kind]:
                    self._asked[awaited.kind].discard(name)
                    if awaited.post_proc is not _restored:
                        self._subscriptions.wanted[awaited.kind].pop(name, None)


class _BeginsMonitor(Converter):
    """Marks MONITOR."""


#: What begins a line of a monitor: the time, the database and the client.
_MONITOR_LINE = re.compile(r"[0-9]+\.[0-9]+ \[[0-9]+ ")


class MonitorProtocol(RedisProtocol):
    """A connection that is told of every command that the server executes: override :meth:`messageReceived`.

    A monitor costs the server much of its speed.
    """

    _monitoring = False

    def messageReceived(self, message: Any) -> None:
        """The server has executed a command; override it. An exception that it raises is logged.

        :param message: ``'1339518083.107412 [0 127.0.0.1:60866] "keys" "*"'``; and ``"OK"``, when it begins.
        """

    def monitor(self) -> Deferred[Any]:
        """Begin.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/monitor/, since 1.0.0
        """
        return self.execute_command("MONITOR")

    def stop(self) -> None:
        """Close the connection."""
        if self.transport is not None:
            self.transport.loseConnection()

    def execute_command(self, *args: Any, post_proc: PostProc | None = None, **kwargs: Any) -> Deferred[Any]:
        """Send a command; see ``RedisProtocol.execute_command``."""
        if command_name(args) == "monitor":
            post_proc = _BeginsMonitor(post_proc)
        return super().execute_command(*args, post_proc=post_proc, **kwargs)

    def replyReceived(self, reply: Any) -> None:
        """A line of the monitor has come, or the reply to a command."""
        waiting = self._requests.waiting
        if not waiting or (self._monitoring and _is_monitor_line(reply)):
            _call_hook(self.messageReceived, reply)
            return
        begins = isinstance(waiting[0].post_proc, _BeginsMonitor)
        if begins and not isinstance(reply, Exception):
            self._monitoring = True
            _call_hook(self.messageReceived, reply)
        super().replyReceived(reply)


def _is_monitor_line(reply: Any) -> bool:
    text = reply.decode("latin-1") if isinstance(reply, bytes) else reply
    return isinstance(text, str) and _MONITOR_LINE.match(text) is not None


class SubscriberFactory(RedisFactory):
    """Keeps one connection that subscribes; ``protocol`` is to be a subclass of :class:`SubscriberProtocol`.

    Works with ``reactor.connectTCP(host, port, factory)`` and with ``startConnecting(endpoint)``.
    """

    protocol = SubscriberProtocol

    def __init__(
        self,
        isLazy: bool = False,
        handler: Callable[[Any], Any] = ConnectionHandler,
        *,
        dbid: int | None = None,
        **options: Unpack[FactoryOptions],
    ) -> None:
        """Parameters: see :class:`RedisFactory`."""
        super().__init__(None, dbid, 1, isLazy, handler, **options)


class MonitorFactory(RedisFactory):
    """Keeps one connection that monitors; ``protocol`` is to be a subclass of :class:`MonitorProtocol`.

    Works with ``reactor.connectTCP(host, port, factory)`` and with ``startConnecting(endpoint)``.
    """

    protocol = MonitorProtocol

    def __init__(
        self,
        isLazy: bool = False,
        handler: Callable[[Any], Any] = ConnectionHandler,
        *,
        dbid: int | None = None,
        **options: Unpack[FactoryOptions],
    ) -> None:
        """Parameters: see :class:`RedisFactory`."""
        super().__init__(None, dbid, 1, isLazy, handler, **options)
