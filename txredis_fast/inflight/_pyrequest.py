"""The request queue of one connection in pure Python: the reference for the compiled ``_crequest``.

Redis answers in the order of the commands, so each reply belongs to the oldest request. A cancelled request keeps its
place in the queue, and its reply is dropped: no cancellation ever delivers a reply to the wrong caller.

Commands that callbacks send during the delivery of replies are collected, and written together when the delivery ends.

This module must not know of transports or of single commands.

More than 500 lines, because the compiled twin is one module and this one has the documentation of both.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial, wraps
from sys import maxsize
from typing import Any, NoReturn, Protocol, TypeAlias, TypeVar, cast

from twisted.internet.defer import Deferred, fail, maybeDeferred

from .._tunables import BURST_MIN_REQUESTS, LONG_REPLY_MIN_ELEMENTS
from .._types import Arguments, Reply, Result, Transport
from ..commands._parts import Recovery
from ..exceptions import MaybeExecutedError, NotSentError, RedisError
from ..resp import INCOMPLETE, Push, Reader, fixed_arguments
from ._arguments import Command, PostProc, arguments_of
from ._deadline import CallLater, DeadlineTimer
from ._failing import as_exception, fail_each
from ._long import Conversion, ListOfReplies, convert_in_turns, finish_in_turns, own_reply, parts_of

__all__ = [
    "BatchRequest",
    "EffectBatchRequest",
    "EffectRequest",
    "Request",
    "RequestQueue",
    "add_command",
    "answer_each",
    "cancelled_with_effect",
    "compiled_fast_path",
    "fast_path_by_name",
    "fast_path_of_batch",
    "fast_path_of_cached",
    "fast_path_of_pipeline",
    "fast_path_of_pool",
    "first_error",
    "plain_commands",
]

_Method = TypeVar("_Method", bound=Callable[..., object])

#: The converters of a batch's commands, and whether each reply stays raw.
_Converters: TypeAlias = Sequence[Command] | Sequence[tuple[PostProc | None, bool]]


#: The work to do before a program is told of the reply to a command.
Effect: TypeAlias = Callable[[], object]

_Canceller: TypeAlias = Callable[[Deferred[Any]], object]


def may_be_long(convert: PostProc, reply: Reply) -> bool:
    """Whether the conversion of a reply may take long: a cheap test before :func:`parts_of`."""
    if isinstance(reply, list):
        return len(reply) > LONG_REPLY_MIN_ELEMENTS or isinstance(convert, ListOfReplies)
    return isinstance(reply, dict) and isinstance(convert, ListOfReplies)


class Request:
    """One command in flight: the claim on one reply."""

    __slots__ = ("deadline", "deferred", "post_proc", "raw", "size")

    def __init__(
        self, deferred: Deferred[Result], post_proc: PostProc | None, raw: bool, deadline: float | None, size: int
    ) -> None:
        """Make one.

        :param deadline: absolute reactor time in seconds, or None.
        :param size: bytes of the command.
        """
        self.deferred = deferred
        self.post_proc = post_proc
        self.raw = raw
        self.deadline = deadline
        self.size = size

    @property
    def remaining(self) -> int:
        """Number of replies still to come."""
        return 1

    def answer(self, reply: Reply) -> bool:
        """Fire the Deferred with the converted reply; an error reply fails it.

        A long reply is converted in later turns of the reactor, and the Deferred fires after that.

        :returns: True: the request is complete.
        """
        deferred = self.deferred
        if deferred.called:
            return True  # cancelled: the reply is dropped
        post_proc = self.post_proc
        if isinstance(post_proc, Recovery):
            if isinstance(reply, Exception):
                post_proc.recover(reply, deferred)
                return True
            post_proc = post_proc.convert
        if isinstance(reply, Exception):
            reply = own_reply(post_proc, reply)
            if isinstance(reply, Exception):
                deferred.errback(reply)
                return True
        if post_proc is not None:
            try:
                if may_be_long(post_proc, reply):
                    work = parts_of(post_proc, reply)
                    if work is not None:
                        convert_in_turns(work, deferred)
                        return True
                reply = post_proc(reply)
            except BaseException:  # as Twisted treats a callback; asyncio.CancelledError is no Exception
                deferred.errback()
                return True
        deferred.callback(reply)
        return True

    def fail(self, error: Exception) -> None:
        """Fail the Deferred: no reply will come. A command that was not written may be sent elsewhere instead."""
        if self.deferred.called:
            return
        if isinstance(error, NotSentError) and isinstance(self.post_proc, Recovery):
            self.post_proc.recover(error, self.deferred)
        else:
            self.deferred.errback(error)


class EffectRequest(Request):
    """A command in flight with an effect that the program must see before it is told of the reply."""

    __slots__ = ("effect",)

    def __init__(
        self,
        deferred: Deferred[Result],
        post_proc: PostProc | None,
        raw: bool,
        deadline: float | None,
        size: int,
        effect: Effect,
    ) -> None:
        """Make one; as :class:`Request`.

        :param effect: called before the Deferred fires, and again with a reply that comes after that.
        """
        super().__init__(deferred, post_proc, raw, deadline, size)
        self.effect = effect

    def answer(self, reply: Reply) -> bool:
        """See :meth:`Request.answer`."""
        self.effect()
        return super().answer(reply)

    def fail(self, error: Exception) -> None:
        """See :meth:`Request.fail`: the command may have been executed."""
        self.effect()
        super().fail(error)


class BatchRequest:
    """Many commands in flight, written together: the claim on as many replies. One Deferred fires with their list.

    Each of ``converters`` is a tuple; its last two items are the command's converter, and whether its reply stays raw.

    Error replies and exceptions of converters are values in the list. Long replies are converted after the last reply,
    in later turns of the reactor.
    """

    __slots__ = ("_converters", "_long", "deadline", "deferred", "replies", "size")

    def __init__(
        self,
        deferred: Deferred[list[Result]],
        converters: _Converters,
        deadline: float | None,
        size: int,
    ) -> None:
        self.deferred = deferred
        self._converters = converters
        self.replies: list[Result] = []
        #: Of each long reply its index, and the generator that converts it.
        self._long: list[tuple[int, Conversion]] = []
        self.deadline = deadline
        self.size = size

    @property
    def raw(self) -> bool:
        """Whether the next reply stays raw."""
        return self._converters[len(self.replies)][-1]

    @property
    def post_proc(self) -> PostProc | None:
        """The converter of the next reply."""
        return self._converters[len(self.replies)][-2]

    @property
    def remaining(self) -> int:
        """Number of replies still to come."""
        return len(self._converters) - len(self.replies)

    @property
    def plain(self) -> int:
        """Number of replies still to come if no reply is converted or raw; else 0."""
        if any(converter[-2] is not None or converter[-1] for converter in self._converters):
            return 0
        return self.remaining

    def answer_many(self, replies: list[Reply]) -> bool:
        """Store the next replies, unconverted; returns as :meth:`answer`."""
        self.replies += replies
        return len(self.replies) == len(self._converters)

    def answer(self, reply: Reply) -> bool:
        """Convert and store the next reply.

        :returns: whether it was the last; then the caller calls :meth:`finish`.
        """
        replies = self.replies
        post_proc = self._converters[len(replies)][-2]
        if isinstance(reply, Exception):
            reply = own_reply(post_proc, reply)
        if post_proc is not None and not isinstance(reply, Exception):
            try:
                work = parts_of(post_proc, reply) if may_be_long(post_proc, reply) else None
                if work is not None:
                    self._long.append((len(replies), work))
                else:
                    reply = post_proc(reply)
            except BaseException as error:
                reply = as_exception(error)
        replies.append(reply)
        return len(replies) == len(self._converters)

    def finish(self) -> None:
        """Fire the Deferred with the complete list."""
        if self.deferred.called:
            return
        if self._long:
            finish_in_turns(self._long, self.replies, self.deferred)
        else:
            self.deferred.callback(self.replies)

    def fail(self, error: Exception) -> None:
        """Fail the Deferred: the connection was lost before the last reply."""
        if not self.deferred.called:
            self.deferred.errback(error)


class EffectBatchRequest(BatchRequest):
    """Many commands in flight with an effect, as :class:`EffectRequest`."""

    __slots__ = ("effect",)

    def __init__(
        self,
        deferred: Deferred[list[Result]],
        converters: _Converters,
        deadline: float | None,
        size: int,
        effect: Effect,
    ) -> None:
        super().__init__(deferred, converters, deadline, size)
        self.effect = effect

    def finish(self) -> None:
        """See :meth:`BatchRequest.finish`."""
        self.effect()
        super().finish()

    def fail(self, error: Exception) -> None:
        """See :meth:`BatchRequest.fail`."""
        self.effect()
        super().fail(error)


def cancelled_with_effect(effect: Effect, canceller: _Canceller, deferred: Deferred[Any]) -> None:
    """The canceller of a Deferred whose command has an effect: a cancelled command may be executed nevertheless."""
    effect()
    canceller(deferred)


class _Receiver(Protocol):
    """A subscriber, as far as its queue calls it."""

    def messageReceived(self, pattern: Reply, channel: Reply, message: Reply, /) -> Result: ...


class RequestQueue:
    """The requests of one connection, oldest first.

    Some changes have two halves: a command is queued, then written; a reply is removed from the reader, then delivered.
    An exception between the halves (no memory, stack exhausted) could shift all later replies to wrong requests. So it
    sets :attr:`torn` and closes the connection. A request stays in the queue until its Deferred has fired, so the close
    fails every request that is left.

    :ivar waiting: the queue itself; the next reply belongs to ``waiting[0]``.
    :ivar outgoing: commands collected for one write; None: each command is written at once, or passed to ``write``.
    :ivar message_kind: type byte of the messages that :meth:`deliver_messages` delivers; None: it delivers none.
    :ivar delivering: whether replies are being delivered; ``write`` then begins ``outgoing``.
    :ivar transport: transport that commands are written to at once; None: ``write`` writes them.
    :ivar send_now: writes a command to the transport's socket in the same turn; None: not possible with this transport.
    :ivar charset: charset of the connection; see ``ConnectionOptions``.
    :ivar reply_timeout: ``replyTimeout`` of the connection, in seconds or None.
    :ivar effects: returns the effect of the commands that are about to be sent, given their bytes; None if they have
        none. None: no command has an effect.
    :ivar full: whether a limit is reached (see :meth:`limit`); stays True until :meth:`has_room` finds room.
    :ivar accepting: whether commands may be sent; the state of the connection sets it.
    :ivar stopped: set it to end :meth:`deliver` after the current reply.
    :ivar torn: whether an exception has interrupted a change, so that replies and requests may not match.
    :ivar sent: number of commands sent or collected so far.
    :ivar bytes_out: number of their bytes.
    :ivar in_flight: number of these commands without a reply.
    :ivar bytes_in_flight: number of their bytes.
    :ivar cancelled: number of cancelled Deferreds.
    """

    __slots__ = (
        "_max_bytes",
        "_max_in_flight",
        "_note_cancelled",
        "_on_full",
        "_replies_left",
        "_tear",
        "_timer",
        "_write",
        "accepting",
        "bytes_in_flight",
        "bytes_out",
        "cancelled",
        "charset",
        "delivering",
        "effects",
        "full",
        "in_flight",
        "message_kind",
        "outgoing",
        "reply_timeout",
        "send_now",
        "sent",
        "stopped",
        "torn",
        "transport",
        "waiting",
    )

    def __init__(
        self,
        write: Callable[[bytes], object],
        on_overdue: Callable[[BaseException], object],
        tear: Callable[[BaseException], object] | None = None,
        progress: Callable[[], tuple[int, int]] | None = None,
    ) -> None:
        """Make the queue of a connection.

        :param write: writes or collects a command if ``transport`` is None, replies are being delivered, or more than
            ``BURST_MIN_REQUESTS`` are in flight.
        :param on_overdue: called with the error when a request's deadline has passed; it must close the connection.
        :param tear: called with the exception that has interrupted a change; it must close the connection. None:
            ``on_overdue``.
        :param progress: returns the number of bytes received and parsed; see :class:`LastLook`.
        """
        self.waiting: deque[Request | BatchRequest] = deque()
        self.outgoing: list[bytes] | None = None
        self.delivering = False
        self.message_kind: bytes | None = None
        self.transport: Transport | None = None
        self.send_now: Callable[[bytes], object] | None = None
        self.charset: str | None = "utf-8"
        self.reply_timeout: float | None = None
        self.effects: Callable[[bytes], Effect | None] | None = None
        self.full = False
        self.accepting = False
        self.stopped = False
        self.torn = False
        self._max_in_flight = self._max_bytes = maxsize
        self._on_full: Callable[[], object] | None = None
        #: Number of replies that :meth:`answer` accepts: 1 while an override of ``replyReceived`` runs; -1: any number.
        self._replies_left = -1
        self._timer = DeadlineTimer(on_overdue, progress)
        self._write = write
        self._tear = tear or on_overdue
        self.sent = 0
        self.bytes_out = 0
        self.in_flight = 0
        self.bytes_in_flight = 0
        self.cancelled = 0
        self._note_cancelled = self._cancelled  # one bound method for all commands

    @property
    def owed(self) -> int:
        """Number of requests that are written and unanswered; these are the oldest."""
        return len(self.waiting) - len(self.outgoing or ())

    def limit(self, max_in_flight: int | None, max_bytes: int | None, on_full: Callable[[], object]) -> None:
        """Set the limits at which the queue is :attr:`full`. It does not refuse commands; the sender tests ``full``.

        :param max_in_flight: number of commands, each command of a batch counted; None: no limit.
        :param max_bytes: number of bytes of these commands; None: no limit.
        :param on_full: called when a command has made the queue full.
        """
        self._max_in_flight = maxsize if max_in_flight is None else max_in_flight
        self._max_bytes = maxsize if max_bytes is None else max_bytes
        self._on_full = on_full

    def has_room(self) -> bool:
        """Update and return whether the queue has room: whether it is not :attr:`full`."""
        self.full = self.in_flight >= self._max_in_flight or self.bytes_in_flight >= self._max_bytes
        return not self.full

    def _cancelled(self, deferred: Deferred[Result]) -> None:
        self.cancelled += 1

    def _fill(self) -> None:
        if not self.full:
            self.full = True
            if self._on_full is not None:
                self._on_full()

    def send(
        self,
        data: bytes,
        post_proc: PostProc | None,
        raw: bool,
        canceller: Callable[[Deferred[Result]], None] | None,
        deadline: float | None,
    ) -> Deferred[Result]:
        """Queue a command, and write it or collect it for the next write.

        :param data: the encoded command.
        :param post_proc: converts its reply, unless it is an error.
        :param raw: whether its reply stays raw.
        :param canceller: canceller of the Deferred, which counts in :attr:`cancelled` itself; None: the reply is
            dropped.
        :param deadline: absolute reactor time in seconds, or None.
        :returns: fires with the reply.
        """
        if isinstance(post_proc, Recovery):
            canceller = partial(post_proc.cancel, canceller or self._note_cancelled)
        canceller = canceller or self._note_cancelled
        effect = None if self.effects is None else self.effects(data)
        if effect is not None:
            canceller = partial(cancelled_with_effect, effect, canceller)
        deferred: Deferred[Result] = Deferred(canceller)
        if effect is None:
            request = Request(deferred, post_proc, raw, deadline, len(data))
        else:
            request = EffectRequest(deferred, post_proc, raw, deadline, len(data), effect)
        try:  # as send_request(), which would be one more call for each command
            self._add(request, 1, data)
        except BaseException as error:
            self._torn_by(error, request)
        return deferred

    def send_request(self, request: Request | BatchRequest, commands: int, data: bytes) -> None:
        """Queue a request, and write its commands or collect them for the next write.

        :param commands: the number of commands, and so of replies.
        :param data: the encoded commands.
        """
        try:
            self._add(request, commands, data)
        except BaseException as error:
            self._torn_by(error, request)

    def _add(self, request: Request | BatchRequest, commands: int, data: bytes) -> None:
        size = len(data)
        self.waiting.append(request)
        self.sent += commands
        self.in_flight += commands
        self.bytes_out += size
        self.bytes_in_flight += size
        if self.outgoing is not None:
            self.outgoing.append(data)
        elif self.delivering or self.transport is None or len(self.waiting) > BURST_MIN_REQUESTS:
            self._write(data)
        elif len(self.waiting) == 1 and self.send_now is not None:
            self.send_now(data)  # alone in flight, so probably no burst to be collected
        else:
            self.transport.write(data)
        if self.in_flight >= self._max_in_flight or self.bytes_in_flight >= self._max_bytes:
            self._fill()

    def _torn_by(self, error: BaseException, request: Request | BatchRequest) -> NoReturn:
        """Close the connection, and raise: a request is queued, and its command is perhaps not written.

        :raises MaybeExecutedError: ``error`` is an ``Exception``; otherwise ``error`` itself is raised.
        """
        # First the assignments, which cannot raise: in a deep recursion, any call may.
        self.torn = self.stopped = True
        if request in self.waiting:
            self.waiting.remove(request)  # its caller gets the exception
        try:
            self._tear(error)
        finally:
            if isinstance(request, EffectRequest | EffectBatchRequest):
                request.effect()
        if not isinstance(error, Exception):
            raise error
        raise MaybeExecutedError(
            f"{type(error).__name__} was raised while the command was sent, so its connection is closed; "
            "it may have been executed"
        ) from error

    def send_batch(self, data: bytes, converters: _Converters, deadline: float | None) -> Deferred[list[Result]]:
        """Queue many commands as one request, and write them or collect them for the next write.

        :param data: the encoded commands.
        :param converters: for each command a tuple that ends with its converter, and whether its reply stays raw.
        :param deadline: absolute reactor time in seconds, or None.
        :returns: fires with the list of replies.
        """
        effect = None if self.effects is None else self.effects(data)
        deferred: Deferred[list[Result]]
        if effect is None:
            deferred = Deferred(self._note_cancelled)
            request = BatchRequest(deferred, converters, deadline, len(data))
        else:
            deferred = Deferred(partial(cancelled_with_effect, effect, self._note_cancelled))
            request = EffectBatchRequest(deferred, converters, deadline, len(data), effect)
        self.send_request(request, len(converters), data)
        return deferred

    def deliver(
        self,
        reader: Reader,
        take_reply: Callable[[Reply], object] | None,
        take_push: Callable[[Push], object],
        unasked: Callable[[Reply], object],
    ) -> None:
        """Deliver every complete reply, until :attr:`stopped`.

        :param reader: the parser that has the replies.
        :param take_reply: called with each reply, an override of ``replyReceived``; None: :meth:`answer` is used.
        :param take_push: called with each push message.
        :param unasked: called with a reply without a request, or whose command is not yet written.
        :raises ProtocolError: the received bytes are not RESP.
        """
        get = reader.get
        while reader.buffered and not self.stopped:  # the compiled twin, where a call costs less, asks get() instead
            waiting = self.waiting
            request = waiting[0] if waiting else None
            if take_reply is None and isinstance(request, BatchRequest) and self.owed and request.plain:
                self._deliver_batch(request, reader, take_push)
                if self.stopped:  # by a callback of the batch, or of a push
                    break
            reply = get(waiting[0].raw if waiting else False)
            if reply is INCOMPLETE:
                break
            if reply.__class__ is Push:
                take_push(reply)
            elif take_reply is not None:
                left, self._replies_left = self._replies_left, 1
                take_reply(reply)
                self._replies_left = left
            elif len(waiting) > len(self.outgoing or ()):
                self.answer(reply)
            else:
                unasked(reply)
        if self._timer.running and not self.waiting:
            self._timer.stop()

    def deliver_messages(
        self, reader: Reader, receiver: _Receiver, took: Callable[[Result], object], failed: Callable[[], object]
    ) -> None:
        """Call ``receiver.messageReceived`` for each complete published message, until a reply of another kind.

        :param took: called with the result of such a call, if it is not None.
        :param failed: called in the handler of an exception that such a call has raised.
        """
        get_message = reader.get_message
        while self.message_kind is not None and not self.stopped:
            message = get_message(self.message_kind)
            if message is None:
                break
            try:
                result = receiver.messageReceived(*message)
            except Exception:
                failed()
            else:
                if result is not None:
                    took(result)

    def _deliver_batch(self, request: BatchRequest, reader: Reader, take_push: Callable[[Push], object]) -> None:
        """Deliver those replies of the oldest request, a batch, that are complete."""
        replies = reader.get_many(request.plain)
        pushes = [reply for reply in replies if reply.__class__ is Push]
        if pushes:
            replies = [reply for reply in replies if reply.__class__ is not Push]
        self.in_flight -= len(replies)
        done = request.answer_many(replies)
        if done:
            self.waiting.popleft()
            self.bytes_in_flight -= request.size
        try:
            for push in pushes:
                take_push(push)
            if done:
                request.finish()
        except BaseException:
            if done:
                self._unanswered(request)
            raise

    def answer(self, reply: Reply) -> None:
        """Deliver a reply to the oldest request. The queue must not be empty.

        :raises RedisError: an override of ``replyReceived`` delivers a reply twice.
        """
        if self._replies_left >= 0:
            if not self._replies_left:
                raise RedisError("replyReceived was called twice with one reply, which would be another command's")
            self._replies_left -= 1
        request = self.waiting[0]
        self.in_flight -= 1
        if isinstance(request, BatchRequest) and not request.answer(reply):
            return
        self.waiting.popleft()
        self.bytes_in_flight -= request.size
        try:
            if isinstance(request, BatchRequest):
                request.finish()
            else:
                request.answer(reply)
        except BaseException:
            self._unanswered(request)
            raise

    def _unanswered(self, request: Request | BatchRequest) -> None:
        """Return a request whose Deferred has not fired to the queue, so that the close of the connection fails it."""
        self.torn = self.stopped = True
        if not request.deferred.called:
            self.waiting.appendleft(request)

    def fail_all(self, make_error: Callable[[], Exception], turns: bool = False) -> None:
        """Fail every request, oldest first; requests that their errbacks add are not failed.

        A request that is not written fails with ``NotSentError``; a request whose own deadline has passed fails with
        ``ReplyTimeoutError``.

        :param make_error: makes the error of every other request.
        :param turns: whether many requests may be failed in several turns of the reactor.
        """
        timer, sent = self._timer, self.owed
        timer.stop()
        self.outgoing = None
        self.in_flight = self.bytes_in_flight = 0
        waiting, self.waiting = self.waiting, deque()

        def fail(place: int, request: Request | BatchRequest) -> None:
            if place >= sent:
                request.fail(NotSentError("Not connected"))
            else:
                request.fail(timer.overdue(request) or make_error())

        try:
            fail_each(waiting, fail, turns)
        except BaseException:
            fail_each(waiting, fail, turns)  # skips the requests whose Deferred has fired
            raise

    def start_deadline(self, timeout: float, call_later: CallLater, seconds: Callable[[], float]) -> float:
        """Return the deadline of a request that is written now, and start the timer if it does not run.

        One timer serves the whole queue. It is stopped when no request is left, so that an idle connection has no
        delayed call in the reactor.

        :param timeout: in seconds.
        :param call_later: as ``reactor.callLater``.
        :param seconds: returns the time of the same clock.
        :returns: absolute reactor time in seconds.
        """
        return self._timer.start(timeout, call_later, seconds, self.waiting)

    def turn_was_long(self, late: float) -> None:
        """The commands held for the next turn of the reactor are written so many seconds late."""
        self._timer.turn_was_long(late)

    def usual_deadline(self, timeout: float) -> float | None:
        """As :meth:`start_deadline`, if the timer runs with this time limit; else None."""
        timer = self._timer
        return timer.seconds() + timeout if timer.running and timeout == timer.usual else None


def compiled_fast_path(execute_command: _Method) -> _Method:
    """Decorate a connection's ``execute_command`` with a compiled path for the usual case.

    In the usual case, the command has no option but a converter, its arguments are encoded without Python code, and
    the queue is ``accepting``. In all other cases, the decorated method is called. In pure Python, it always is.
    """
    return execute_command


def fast_path_of_pipeline(execute_command: _Method) -> _Method:
    """As :func:`compiled_fast_path`, for a pipeline; uses its ``_open``, ``_commands`` and ``_deferreds``."""
    return execute_command


def fast_path_of_batch(execute_command: _Method) -> _Method:
    """As :func:`compiled_fast_path`, for a batch; uses its ``_commands``."""
    return execute_command


def fast_path_of_pool(name: str, method: Callable[..., Any], run_shared: Callable[..., Any]) -> Callable[..., Any]:
    """Make a handler's method that calls the method ``name`` of the shared connection.

    In the usual case, the arguments are all positional, and the shared connection accepts commands.

    :param method: the method of connections.
    :param run_shared: called with the handler, ``name``, ``method``, arguments and keyword arguments in other cases.
    """

    def fast_path(self: Any, *args: object, **kwargs: object) -> object:
        if not kwargs:
            connection = self._factory.connectionQueue.current
            if connection is not None and connection.link.requests.accepting:
                try:
                    return getattr(connection, name)(*args)
                except Exception:
                    return fail()
        return run_shared(self, name, method, args, kwargs)

    return fast_path


def fast_path_by_name(plain_names: set[str], execute_command: _Method) -> _Method:
    """As :func:`fast_path_of_pool`, for a handler's ``execute_command``.

    :param plain_names: names of commands that need no check before they use the shared connection.
    """

    @wraps(execute_command)
    def fast_path(self: Any, *args: object, **kwargs: object) -> object:
        is_plain = args and type(args[0]) is str and args[0] in plain_names
        if is_plain and (not kwargs or (len(kwargs) == 1 and "post_proc" in kwargs)):
            connection = self._factory.connectionQueue.current
            if connection is not None and connection.link.requests.accepting:
                try:
                    result = connection.execute_command(*args, **kwargs)
                except Exception:
                    return fail()
                return result if isinstance(result, Deferred) else maybeDeferred(lambda: result)
        return execute_command(self, *args, **kwargs)

    return cast(_Method, fast_path)


def fast_path_of_cached(cached: _Method) -> _Method:
    """As :func:`compiled_fast_path`, for a handler's ``cached``; uses its ``_views``, a dict by time to live."""
    return cached


def fast_path_of_eval(eval: _Method, execute_command: Callable[..., object], hash_of_text: object) -> _Method:
    """As :func:`compiled_fast_path`, for a connection's ``eval``.

    :param execute_command: the stock function of that name, for which the compiled way stands.
    :param hash_of_text: returns a script as bytes, and its hash.
    """
    return eval


def plain_commands(commands: Iterable[Arguments]) -> list[Command]:
    """Make commands without converters from sequences of arguments; mutable arguments are copied.

    :raises InvalidData: one of them is text.
    """
    return [(fixed_arguments(arguments_of(args)), None, False) for args in commands]


def add_command(
    commands: list[Command],
    deferreds: list[Deferred[Result]],
    args: Arguments,
    post_proc: PostProc | None = None,
    raw: bool = False,
) -> Deferred[Result]:
    """Append a command to the list of commands, and its new Deferred to the list of Deferreds.

    Mutable arguments are copied. If anything raises, both lists keep the same length.

    :returns: the Deferred; :func:`answer_each` fires it.
    """
    command = fixed_arguments(tuple(args)), post_proc, raw
    deferred: Deferred[Result] = Deferred()
    commands.append(command)
    try:
        deferreds.append(deferred)
    except BaseException:
        commands.pop()
        raise
    return deferred


def answer_each(deferreds: list[Deferred[Result]], replies: list[Reply]) -> int:
    """Fire each Deferred with its reply; an error reply fails it, and is not logged if it stays unhandled.

    Only for Deferreds of :func:`add_command`; the caller must not use the list after this.

    :returns: the index of the first error, or -1.
    """
    first_error = -1
    for index, (deferred, reply) in enumerate(zip(deferreds, replies, strict=True)):
        if not isinstance(reply, Exception):
            if not deferred.called:
                deferred.callback(reply)
            continue
        if first_error < 0:
            first_error = index
        if not deferred.called:
            deferred.errback(reply)
            deferred.addErrback(lambda _: None)
    return first_error


def first_error(replies: list[Reply]) -> int:
    """The index of the first reply that is an error, or -1."""
    return next((index for index, reply in enumerate(replies) if isinstance(reply, Exception)), -1)
