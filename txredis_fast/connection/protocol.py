"""One connection to a server: parse incoming bytes, match replies to pending requests, write commands.

:class:`RedisProtocol` is a plain Twisted protocol. It works below a :class:`~txredis_fast.RedisFactory`, below any
other factory, or by hand over a fake transport with no reactor running. Programs subclass it:

* every command goes through :meth:`~BaseRedisProtocol.execute_command`, which may be overridden to log or to count;
* every reply goes through :meth:`~BaseRedisProtocol.replyReceived`;
* :meth:`~BaseRedisProtocol.connectionMade` writes AUTH and SELECT before it returns, so that a subclass may write
  its own commands right after it.

This module must not know of pools: a factory uses ``whenConnected`` and ``whenDisconnected``, and may define
``handshakeFailed``.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from operator import attrgetter
from typing import Any, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import ITransport
from twisted.python import log
from twisted.python.failure import Failure

from .._checks import Credential, check_error_handler
from .._tunables import BLOCKING_SLACK_SECONDS, CONNECT_TIMEOUT_SECONDS, WRITE_CHUNK_BYTES
from .._types import Arguments, Reply, Result, Text
from ..commands._parts import longest_wait
from ..commands.control import ScriptingCommands, hash_of_text
from ..exceptions import (
    ConnectionError,
    NotSentError,
    ProtocolError,
)
from ..inflight import Command, PostProc, RequestQueue, compiled_fast_path, fast_path_of_eval, limit_error
from ..options import ConvertNumbers, Undecodable, check_option
from ..resp import Push, Reader, encode_command, encode_commands
from ..telemetry import refusal, told
from ..transport import SlicedBatch
from .handshake import Step, begin, write_steps
from .legacy import ParsingSteps
from .link import Link
from .own_scope import OwnScope
from .reading import stands_for
from .state import DELIVERING, ConnectionEvent, ConnectionState

__all__ = ["BaseRedisProtocol", "HiredisProtocol", "RedisProtocol"]

_Self = TypeVar("_Self", bound="BaseRedisProtocol")


def _kept_by_queue(name: str) -> Any:
    """A property of the connection whose value is stored in its request queue, which uses it for each command.

    The getter runs no Python code, so it costs little more than an attribute.
    """

    def set_on_queue(self: BaseRedisProtocol, value: object) -> None:
        setattr(self._requests, name, value)

    return property(attrgetter(f"_requests.{name}"), set_on_queue)


class _NoQueue:
    """The values of these properties before ``__init__``, as a subclass may read them."""

    transport: Any = None
    charset: str | None = "utf-8"
    reply_timeout: float | None = None


#: The attributes of a connection that are such properties.
_KEPT_BY_QUEUE = ("transport", "charset", "replyTimeout")


class BaseRedisProtocol(ParsingSteps, OwnScope):
    """A connection that speaks RESP. The module's docstring lists the methods that a subclass may override.

    Its parts are ``link.reading``, ``link.writing`` and ``link.requests``, the queue of requests in flight.

    :ivar script_hashes: SHA1 digests of scripts that the server has, as far as known.
    """

    #: Refuse arguments that have no natural encoding; see ``ConnectionOptions.strict``.
    strict = False
    #: Limits of the reply parser; see ``ConnectionOptions.limits``. A change after the first reply has no effect.
    limits: Mapping[str, int] = {}
    #: Time limit in seconds of the handshake and of joining the pool; applies in a pool, and where the transport has a
    #: reactor.
    handshakeTimeout: float = CONNECT_TIMEOUT_SECONDS
    #: See ``ConnectionOptions.clientName``.
    clientName: str | None = None
    #: See ``ConnectionOptions.protocol``.
    respVersion = 2
    #: See ``ConnectionOptions.undecodable``. Replies are decoded with the value at the time of the first reply.
    undecodable: Undecodable = None
    #: Whether messages come on this connection: undecodable="error" keeps bytes, because no caller could be told.
    readsMessages = False
    #: Whether the handshake waits for the program's credentials function.
    _awaits_login = False
    #: Whether the server answers PING on this connection at any time.
    answersPing = True
    factory: Any = None
    _requests: RequestQueue = _NoQueue()  # type: ignore[assignment]
    #: The transport that Twisted has connected; a program may replace it.
    transport: Any = property(
        attrgetter("_requests.transport"), lambda self, transport: self.link.writing.use(transport)
    )
    #: See ``ConnectionOptions.charset``. Replies are decoded with the value at the time of the first reply.
    charset: str | None = _kept_by_queue("charset")
    #: See ``ConnectionOptions.replyTimeout``; a change applies to commands sent later.
    replyTimeout: float | None = _kept_by_queue("reply_timeout")

    def __init_subclass__(cls, **kwargs: object) -> None:
        """Restore a property that a plain class attribute hides, such as ``transport = None`` of a subclass or mixin.

        In txredisapi such an attribute has no effect, because the instance's hides it. Here the queue would not be told
        of the value.
        """
        super().__init_subclass__(**kwargs)
        for name in _KEPT_BY_QUEUE:
            nearest = next(vars(base)[name] for base in cls.__mro__ if name in vars(base))
            if not hasattr(nearest, "__set__"):
                setattr(cls, name, vars(BaseRedisProtocol)[name])

    def __init__(
        self,
        charset: str | None = "utf-8",
        errors: str = "strict",
        replyTimeout: float | None = None,
        password: Credential | None = None,
        dbid: int | None = None,
        convertNumbers: ConvertNumbers = True,
        username: Credential | None = None,
    ) -> None:
        """Make one.

        :param errors: error handler for a str that the charset cannot encode, as for :meth:`str.encode`.
        :raises ValueError: a value has a wrong type or is out of range; the error names the parameter.

        For the other parameters see :class:`~txredis_fast.ConnectionOptions`.
        """
        check_error_handler(errors)
        self.link = self.makeLink()
        self._requests = self.link.requests
        self.charset = check_option("charset", charset)
        self.errors = errors
        self.replyTimeout = check_option("replyTimeout", replyTimeout)
        self.password: Credential | None = check_option("password", password)
        self.dbid: int | None = check_option("dbid", dbid)
        self.convertNumbers = check_option("convertNumbers", convertNumbers)
        self.username: Credential | None = check_option("username", username)
        self.script_hashes: set[str] = set()
        self._deliver_push = self.link.pushes.deliver
        self._waiting_for_connect: list[Deferred[Any]] = []
        self._waiting_for_disconnect: list[Deferred[Any]] = []

    def makeLink(self) -> Link:
        """Make the :class:`Link` of this connection: its state and its parts."""
        return Link(self)

    # -- life of the connection

    @property
    def connected(self) -> int:
        """1 while the connection accepts commands: from ``makeConnection`` until it is lost or being closed; else 0.

        A program may set it to 0, so that the connection accepts no more commands.
        """
        return int(self.link.accepts)

    @connected.setter
    def connected(self, value: int) -> None:
        self.link.mark(bool(value))

    def whenConnected(self: _Self) -> Deferred[_Self]:
        """Fires with this protocol when the handshake has succeeded; never if it fails."""
        if self.link.state is ConnectionState.READY:
            return succeed(self)
        deferred: Deferred[_Self] = Deferred()
        self._waiting_for_connect.append(deferred)
        return deferred

    def whenDisconnected(self: _Self) -> Deferred[_Self]:
        """Fires with this protocol when the connection is lost."""
        deferred: Deferred[_Self] = Deferred()
        self._waiting_for_disconnect.append(deferred)
        return deferred

    def makeConnection(self, transport: ITransport) -> None:
        """Take the transport; on TCP, set TCP_NODELAY, so that commands are not delayed, and SO_KEEPALIVE."""
        for option in ("setTcpNoDelay", "setTcpKeepAlive"):
            set_option = getattr(transport, option, None)
            if set_option is not None:
                with contextlib.suppress(OSError):  # older Twisted offers them on unix sockets, too
                    set_option(True)
        super().makeConnection(transport)  # type: ignore[no-untyped-call]

    def connectionMade(self) -> Deferred[None]:
        """Write the handshake: AUTH, HELLO and SELECT where configured.

        :returns: fires with None when the connection is usable, or the handshake has failed.
        """
        self.link.handshake_begun = True
        return begin(self)

    def _handshake(self) -> list[Step]:
        """Write the commands of the handshake, and return its steps."""
        return write_steps(self)

    @property
    def _has_handshake(self) -> bool:
        said = (self.password, self.dbid, self.clientName)
        # HELLO is left out by a connectionMade that does not chain; no login is missing then.
        says_hello = self.respVersion != 2 and self.link.handshake_begun
        asks = self._awaits_login or bool(self.username) or says_hello
        return asks or any(each is not None for each in said)

    @property
    def _has_own_connectionMade(self) -> bool:
        return type(self).connectionMade is not BaseRedisProtocol.connectionMade

    def _handshake_checks(self) -> list[Step]:
        """Write further commands of the handshake, which follow AUTH; a subclass overrides this."""
        return []

    def _handshake_failed(self, step: str, failure: Failure) -> None:
        if failure.check(ConnectionError):
            return  # the connection is lost, which is reported with its own reason
        message = f"Redis error: {step}: {refusal(failure.value, step == 'could not auth', self)}"
        handshake_failed = getattr(self.factory, "handshakeFailed", None)
        if handshake_failed is not None:
            handshake_failed(message, failure.value, self)
        else:
            log.msg(message)
        self.link.refuse(message)

    def _become_ready(self) -> None:
        link = self.link
        link.enter(ConnectionEvent.HANDSHAKEN)
        if link.state is not ConnectionState.READY:
            return  # the connection is being closed
        waiting, self._waiting_for_connect = self._waiting_for_connect, []
        for deferred in waiting:
            deferred.callback(self)
        if link.on_ready is None:
            link.arrived()
        else:
            link.on_ready(self)  # not by such a Deferred, which would keep an exception for itself

    def connectionLost(self, why: Failure) -> None:  # type: ignore[override]
        """Fail the requests in flight with ``MaybeExecutedError``: the transport is gone."""
        try:
            self.link.lost(why)
        except BaseException:
            self.link.lost(why)  # completes the steps that are left
            raise

    def _tell_disconnected(self) -> None:
        waiting = self._waiting_for_disconnect
        while waiting:
            deferred = waiting.pop(0)
            try:
                deferred.callback(self)
            except BaseException:
                if not deferred.called:
                    waiting.insert(0, deferred)
                raise

    # -- replies

    def _make_reader(self) -> Reader:
        numbers = self.convertNumbers if self.convertNumbers == "exact" else bool(self.convertNumbers)
        undecodable = None if self.readsMessages and self.undecodable == "error" else self.undecodable
        return Reader(self.charset, numbers, undecodable=undecodable, **self.limits)

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Parse bytes of the transport, and deliver each reply that they complete.

        Replies are delivered before this returns, unless more than a thousand commands are in flight. Then some are
        delivered in later turns of the reactor.
        """
        self.link.reading.receive(data)

    @property
    def _receives_unseen(self) -> bool:
        """Whether bytes may bypass ``dataReceived``: it is neither overridden nor patched."""
        method = self.dataReceived
        return getattr(method, "__self__", None) is self and getattr(method, "__func__", None) in self._stock_receivers

    @property
    def _stock_receivers(self) -> tuple[Callable[..., None], ...]:
        """The functions ``dataReceived`` of this module, which bytes may bypass."""
        return _STOCK_DATA_RECEIVED

    def deliverReplies(self, reader: Reader) -> None:
        """Deliver every complete reply, through ``replyReceived`` if that is overridden."""
        take = self.replyReceived
        take_reply = None if getattr(take, "__func__", None) is _STOCK_REPLY_RECEIVED else take
        self._requests.deliver(reader, take_reply, self._deliver_push, take)

    def replyReceived(self, reply: Reply) -> None:
        """Deliver a reply to the oldest request. Override it to observe or to consume replies."""
        if self._requests.owed:
            self._requests.answer(reply)
        else:
            early = "before its command was written" if self._requests.waiting else "that no command had asked for"
            self.link.abort(ProtocolError(f"a reply came {early}: {told(reply, self)}"))

    def pushReceived(self, push: Push) -> None:
        """Handle a RESP3 push message that has no handler; ignored here. Override it to use such messages.

        A subscriber handles messages and confirmations of subscriptions. ``link.pushes.register(b"invalidate",
        handler)`` registers a handler for all pushes whose first word is ``invalidate``. Its keys are always bytes.
        """

    def pauseProducing(self) -> None:
        """Stop reading, and deliver no more replies until ``resumeProducing``."""
        super().pauseProducing()  # type: ignore[no-untyped-call]
        self._requests.stopped = True

    def resumeProducing(self) -> None:
        """Resume after ``pauseProducing``: read, and deliver the replies that are already complete."""
        requests = self._requests
        requests.stopped = requests.torn or self.link.end_reason is not None or self.link.state not in DELIVERING
        super().resumeProducing()  # type: ignore[no-untyped-call]
        reading = self.link.reading
        if reading.reader is not None:
            reading.deliver(reading.reader)

    # -- commands

    @compiled_fast_path
    def execute_command(
        self,
        *args: object,
        post_proc: PostProc | None = None,
        apply_timeout: bool = True,
        blocking: bool = False,
        raw: bool = False,
        timeout: float | None = None,
        **kwargs: object,
    ) -> Deferred[Result]:
        """Send a command. All commands go through this method.

        :param args: the command's name and its arguments.
        :param post_proc: converts the reply, unless it is an error.
        :param apply_timeout: False: ``replyTimeout`` does not apply to this command.
        :param blocking: the command may block on the server (BLPOP ...). Its time limit is the timeout in its own
            arguments plus ``replyTimeout`` (or 10 seconds). Cancelling it closes the connection.
        :param raw: leave the strings of this reply as bytes.
        :param timeout: time limit of this reply in seconds, instead of ``replyTimeout`` or that of a blocking command.
        :returns: fires with the reply; fails with :exc:`ResponseError`, :exc:`InvalidData` (an argument cannot be
            sent), :exc:`NotSentError` or :exc:`MaybeExecutedError`. Never raises.
        """
        requests = self._requests
        if not requests.accepting and self.link.scope is not None:
            return self.link.scope.execute_command(
                *args, post_proc=post_proc, apply_timeout=apply_timeout, blocking=blocking, raw=raw, timeout=timeout
            )
        if kwargs:
            return fail(TypeError(f"execute_command() has no option {', '.join(kwargs)}"))
        if not requests.accepting:
            return fail(NotSentError("Not connected"))
        wrong = None if timeout is None else limit_error(timeout)
        if wrong is not None:
            return fail(wrong)
        try:
            data = encode_command(args, self.charset, self.errors, self.strict)
            if blocking:
                return self._send_blocking(data, args, post_proc, raw, timeout)
            if timeout is None and apply_timeout:
                timeout = self.replyTimeout
            deadline = self._deadline(timeout) if timeout else None
            return requests.send(data, post_proc, raw, None, deadline)
        except Exception:
            return fail()

    _execute_stock = execute_command
    eval = fast_path_of_eval(ScriptingCommands.eval, execute_command, hash_of_text)

    def quit(self) -> Deferred[Text]:
        """Ask the server to close the connection, which accepts no further command. The client does not reconnect.

        :returns: fires with ``"OK"``. Later commands fail with :exc:`NotSentError`, as those of a lost connection.

        https://redis.io/commands/quit/, since 1.0.0
        """
        link: Link | None = vars(self).get("link")  # none in a transaction or pipeline, which may not send it now
        before = 0 if link is None else link.requests.sent
        answered = super().quit()
        if link is not None and link.requests.sent > before:
            # The server executes nothing that follows QUIT, so that nothing may be sent behind it.
            link.quit_sent = True
            link.drain_when_delivered(None, ConnectionError("the program has sent QUIT"))
        return answered

    def _send_blocking(
        self, data: bytes, args: Arguments, post_proc: PostProc | None, raw: bool, timeout: float | None
    ) -> Deferred[Result]:
        """Send a command that may block; its time limit is the timeout in its arguments plus a margin."""
        self.link.blocking_command = args
        wait = longest_wait(args)
        if timeout is None and wait is not None and wait != math.inf:
            timeout = wait + (self.replyTimeout or BLOCKING_SLACK_SECONDS)
        deadline = self._deadline(timeout) if timeout else None
        blocked_by = self._requests.send(data, post_proc, raw, self._cancel_blocking, deadline)
        self.link.blocked_by = blocked_by
        return blocked_by

    def execute_batch(self, commands: Sequence[Command], timeout: float | None = None) -> Deferred[list[Result]]:
        """Send many commands in one write, or in several if they exceed ``WRITE_CHUNK_BYTES``.

        :param commands: for each its arguments, its converter or None, and whether its reply stays raw.
        :param timeout: time limit of all replies in seconds, instead of ``replyTimeout``.
        :returns: fires with all replies in order, error replies as values. Fails if an argument cannot be encoded
            (then no command was sent) or the connection is lost (then any may have been executed).
        """
        if not self.link.accepts:
            return fail(NotSentError("Not connected"))
        wrong = None if timeout is None else limit_error(timeout)
        if wrong is not None:
            return fail(wrong)
        if not commands:
            return succeed([])
        parts = []
        try:
            arguments: list[Iterable[Any]] = [command[0] for command in commands]
            end = 0
            while end < len(arguments):
                begin = end
                data, end = encode_commands(arguments, self.charset, self.errors, self.strict, begin, WRITE_CHUNK_BYTES)
                parts.append((data, begin, end))
            timeout = timeout or self.replyTimeout
            deadline = self._deadline(timeout) if timeout else None
            if len(parts) == 1:
                return self._requests.send_batch(data, commands, deadline)
            with self.link.corked():
                slices = [self._requests.send_batch(data, commands[begin:end], deadline) for data, begin, end in parts]
        except Exception:
            return fail()
        return SlicedBatch(slices).deferred

    def corked(self) -> AbstractContextManager[None]:
        """Collect the commands of the block, and write them together at its end. Blocks may be nested."""
        return self.link.corked()

    def _deadline(self, timeout: float) -> float:
        deadline = self._requests.usual_deadline(timeout)
        if deadline is not None:
            return deadline
        return self._requests.start_deadline(timeout, self.callLater, self.link.clock_seconds)

    def _host_later(self) -> Any:
        """Host for follow-up commands (EVAL after NOSCRIPT), captured at send time.

        It is the handler of the pool if the connection is free now, because the pool may have lent it to a caller by
        the time of the follow-up; else this connection.
        """
        queue = getattr(self.factory, "connectionQueue", None)
        return self.factory.handler if queue is not None and self in queue.pending else self

    def _cancel_blocking(self, deferred: Deferred[Result]) -> None:
        self._requests.cancelled += 1
        deferred.errback(CancelledError())
        self.link.abort(ConnectionError("a blocking command was cancelled"))

    def _build_command(self, *args: object, **kwargs: object) -> bytes:
        return encode_command(args, self.charset, self.errors, self.strict)


_STOCK_REPLY_RECEIVED = BaseRedisProtocol.replyReceived
stands_for(BaseRedisProtocol.deliverReplies, BaseRedisProtocol.replyReceived)


class RedisProtocol(BaseRedisProtocol):
    """The connection that factories make."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Make one; the arguments are those of :class:`BaseRedisProtocol`."""
        BaseRedisProtocol.__init__(self, *args, **kwargs)

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Parse bytes of the transport, and deliver each reply that they complete; see the base class."""
        self.link.reading.receive(data)


#: Without an override or a patch, no program can observe that bytes bypass ``dataReceived``.
_STOCK_DATA_RECEIVED = (BaseRedisProtocol.dataReceived, RedisProtocol.dataReceived)

#: txredisapi's name for the protocol that parses with hiredis; here both are one, and need no hiredis.
HiredisProtocol = RedisProtocol
