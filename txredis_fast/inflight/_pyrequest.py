"""The requests of one connection in pure Python: the reference for the compiled ``_crequest``.

Redis answers in the order of the commands, so the reply that comes belongs to the oldest request. A request that
was cancelled keeps its place, and its reply is dropped there: no reply ever moves to another request.

What callbacks send while replies are delivered is kept and written at once when the delivery ends.

This module must not know of transports or of single commands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from sys import maxsize
from typing import Any, NoReturn, TypeVar

from twisted.internet.defer import Deferred

from .._tunables import BURST_MIN_REQUESTS, LONG_REPLY_MIN_ELEMENTS
from ..exceptions import MaybeExecutedError, NotSentError, RedisError, ReplyTimeoutError
from ..resp import INCOMPLETE, Push, Reader, fixed_arguments
from ._deadline import DeadlineTimer
from ._failing import as_exception, fail_each
from ._long import ListOfReplies, convert_in_turns, finish_in_turns, parts_of

__all__ = [
    "BatchRequest",
    "PostProc",
    "Request",
    "RequestQueue",
    "add_command",
    "answer_each",
    "compiled_fast_path",
    "fast_path_of_batch",
    "fast_path_of_pipeline",
    "fast_path_of_pool",
    "first_error",
    "plain_commands",
]

_Method = TypeVar("_Method", bound=Callable[..., Any])

#: Converts a reply that is not an error; a command's own knowledge of its reply.
PostProc = Callable[[Any], Any]


def may_be_long(convert: PostProc, reply: Any) -> bool:
    """Whether it may be long to convert a reply, at a glance."""
    return isinstance(reply, list) and (len(reply) > LONG_REPLY_MIN_ELEMENTS or isinstance(convert, ListOfReplies))


class Request:
    """One command's claim on one reply."""

    __slots__ = ("deadline", "deferred", "post_proc", "raw", "size")

    def __init__(
        self, deferred: Deferred[Any], post_proc: PostProc | None, raw: bool, deadline: float | None, size: int
    ) -> None:
        """Make one; ``size`` is how many bytes were written for it."""
        self.deferred = deferred
        self.post_proc = post_proc
        self.raw = raw
        self.deadline = deadline
        self.size = size

    @property
    def remaining(self) -> int:
        """How many replies are missing."""
        return 1

    def answer(self, reply: Any) -> bool:
        """Take the reply, and return True: it was the last one. An error reply fails the Deferred.

        The Deferred fires now, or in a later turn of the reactor where the reply is long to convert.
        """
        deferred = self.deferred
        if deferred.called:
            return True  # cancelled: the reply ends here
        if isinstance(reply, Exception):
            deferred.errback(reply)
            return True
        post_proc = self.post_proc
        if post_proc is not None:
            try:
                if may_be_long(post_proc, reply):
                    work = parts_of(post_proc, reply)
                    if work is not None:
                        convert_in_turns(work, deferred)
                        return True
                reply = post_proc(reply)
            except BaseException:  # as for a callback of the Deferred: asyncio.CancelledError is no Exception
                deferred.errback()
                return True
        deferred.callback(reply)
        return True

    def fail(self, error: Exception) -> None:
        """Fail without a reply."""
        if not self.deferred.called:
            self.deferred.errback(error)


class BatchRequest:
    """The claim of many commands, written together, on as many replies: one Deferred fires with the list.

    Its ``converters`` are tuples, of which the last two count: a command's converter, and whether its reply is wanted
    raw.

    Errors and failures of converters are values in the list, at their places. What is long to convert is left to the
    end, and to later turns of the reactor.
    """

    __slots__ = ("_converters", "_long", "deadline", "deferred", "replies", "size")

    def __init__(
        self,
        deferred: Deferred[list[Any]],
        converters: Sequence[tuple[Any, ...]],
        deadline: float | None,
        size: int,
    ) -> None:
        self.deferred = deferred
        self._converters = converters
        self.replies: list[Any] = []
        #: The places of long replies, and the work that converts them.
        self._long: list[tuple[int, Generator[None, None, Any]]] = []
        self.deadline = deadline
        self.size = size

    @property
    def raw(self) -> bool:
        """Whether the next reply is wanted raw."""
        return self._converters[len(self.replies)][-1]  # type: ignore[no-any-return]

    @property
    def post_proc(self) -> PostProc | None:
        """The converter of the next reply."""
        return self._converters[len(self.replies)][-2]  # type: ignore[no-any-return]

    @property
    def remaining(self) -> int:
        """How many replies are missing."""
        return len(self._converters) - len(self.replies)

    @property
    def plain(self) -> int:
        """How many replies are missing, if all replies are wanted as they come; else 0."""
        if any(converter[-2] is not None or converter[-1] for converter in self._converters):
            return 0
        return self.remaining

    def answer_many(self, replies: list[Any]) -> bool:
        """Take the next replies, as they are; as :meth:`answer`."""
        self.replies += replies
        return len(self.replies) == len(self._converters)

    def answer(self, reply: Any) -> bool:
        """Take the next reply. True when it was the last one, which the caller then tells by :meth:`finish`."""
        replies = self.replies
        post_proc = self._converters[len(replies)][-2]
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
        """Fire with the complete list."""
        if self.deferred.called:
            return
        if self._long:
            finish_in_turns(self._long, self.replies, self.deferred)
        else:
            self.deferred.callback(self.replies)

    def fail(self, error: Exception) -> None:
        """Fail as a whole: the connection was lost before the last reply."""
        if not self.deferred.called:
            self.deferred.errback(error)


class RequestQueue:
    """The requests of one connection, oldest first.

    No half changes: whatever is raised between the two halves of a change (a command is queued, and not written; a
    reply is taken, and not given to its request) leaves :attr:`torn` set and ends the connection. A request is in the
    queue until its Deferred has fired, so that the end of the connection fails each that is left.

    :ivar waiting: the queue itself; ``waiting[0]`` is owed the next reply.
    :ivar outgoing: commands that are to be written together; None: each is written when it is given.
    :ivar transport: where a command is written when it is given; None: ``write`` does it.
    :ivar charset: of the connection: see ``ConnectionOptions``; and :ivar reply_timeout: its ``replyTimeout``.
    :ivar full: whether it has reached a limit (see :meth:`limit`), and was not found to have room again since.
    :ivar accepting: whether a command may be written without a further question; set by the connection's state.
    :ivar stopped: set it to end :meth:`deliver` after the reply that it is at.
    :ivar torn: whether an exception has passed in the middle of a change, so that replies and requests may not match.
    :ivar sent: how many commands were given to it, and :ivar bytes_out: of how many bytes.
    :ivar in_flight: how many of these commands are not answered, and :ivar bytes_in_flight: of how many bytes.
    :ivar cancelled: how many Deferreds of these were cancelled.
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
        "full",
        "in_flight",
        "outgoing",
        "reply_timeout",
        "sent",
        "stopped",
        "torn",
        "transport",
        "waiting",
    )

    def __init__(
        self,
        write: Callable[[bytes], object],
        on_overdue: Callable[[ReplyTimeoutError], object],
        tear: Callable[[Any], object] | None = None,
        progress: Callable[[], Any] | None = None,
    ) -> None:
        """Make the queue of a connection.

        :param write: writes a command where there is no ``transport``, or more than BURST_MIN_REQUESTS are in flight.
        :param on_overdue: called when a request's deadline has passed; it must end the connection.
        :param tear: called with what was raised in the middle of a change; it must end the connection. None: as
            ``on_overdue``.
        :param progress: tells how much has come on the connection; see :class:`DeadlineTimer`.
        """
        self.waiting: deque[Request | BatchRequest] = deque()
        self.outgoing: list[bytes] | None = None
        self.transport: Any = None
        self.charset: str | None = "utf-8"
        self.reply_timeout: float | None = None
        self.full = False
        self.accepting = False
        self.stopped = False
        self.torn = False
        self._max_in_flight = self._max_bytes = maxsize
        self._on_full: Callable[[], object] | None = None
        #: How many replies may be given to requests: one while an override of ``replyReceived`` has one; -1: any.
        self._replies_left = -1
        self._timer = DeadlineTimer(on_overdue, progress)
        self._write = write
        self._tear: Callable[[Any], object] = tear or on_overdue
        self.sent = 0
        self.bytes_out = 0
        self.in_flight = 0
        self.bytes_in_flight = 0
        self.cancelled = 0
        self._note_cancelled = self._cancelled  # made once, rather than with each command

    @property
    def owed(self) -> int:
        """How many requests are written and wait for their replies: the oldest ones."""
        return len(self.waiting) - len(self.outgoing or ())

    def limit(self, max_in_flight: int | None, max_bytes: int | None, on_full: Callable[[], object]) -> None:
        """Say when the queue is :attr:`full`. It takes commands all the same; who gives them is to look.

        :param max_in_flight: so many commands, each of a batch counted; None: any number.
        :param max_bytes: commands of so many bytes; None: any number.
        :param on_full: called when a command has made it full.
        """
        self._max_in_flight = maxsize if max_in_flight is None else max_in_flight
        self._max_bytes = maxsize if max_bytes is None else max_bytes
        self._on_full = on_full

    def has_room(self) -> bool:
        """Look whether replies have made room; from then on it is not :attr:`full`."""
        self.full = self.in_flight >= self._max_in_flight or self.bytes_in_flight >= self._max_bytes
        return not self.full

    def _cancelled(self, deferred: Deferred[Any]) -> None:
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
        canceller: Callable[[Deferred[Any]], None] | None,
        deadline: float | None,
    ) -> Deferred[Any]:
        """Write a command, or keep it for the next write.

        :param data: the command.
        :param post_proc: converts its reply, unless that is an error.
        :param raw: whether its reply is wanted raw.
        :param canceller: of the Deferred; it counts in :attr:`cancelled` itself.
        :param deadline: as from :meth:`start_deadline`.
        :returns: fires with the reply.
        """
        deferred: Deferred[Any] = Deferred(canceller or self._note_cancelled)
        request = Request(deferred, post_proc, raw, deadline, len(data))
        try:
            self._add(request, 1, data)
        except BaseException as error:
            self._torn_by(error, request)
        return deferred

    def _add(self, request: Request | BatchRequest, commands: int, data: bytes) -> None:
        size = len(data)
        self.waiting.append(request)
        self.sent += commands
        self.in_flight += commands
        self.bytes_out += size
        self.bytes_in_flight += size
        if self.outgoing is not None:
            self.outgoing.append(data)
        elif self.transport is None or len(self.waiting) > BURST_MIN_REQUESTS:
            self._write(data)
        else:
            self.transport.write(data)
        if self.in_flight >= self._max_in_flight or self.bytes_in_flight >= self._max_bytes:
            self._fill()

    def _torn_by(self, error: BaseException, request: Request | BatchRequest) -> NoReturn:
        """A request was queued and is perhaps not written: end the connection, and raise.

        :raises MaybeExecutedError: ``error`` is an ``Exception``; else ``error`` itself is raised.
        """
        # Without a call, which could raise as well: a program that is deep in recursion gets here.
        self.torn = self.stopped = True
        if request in self.waiting:
            self.waiting.remove(request)  # its caller is told by what is raised
        self._tear(error)
        if not isinstance(error, Exception):
            raise error
        raise MaybeExecutedError(
            f"{type(error).__name__} was raised while the command was sent, so its connection is closed; "
            "it may have been executed"
        ) from error

    def send_batch(
        self, data: bytes, converters: Sequence[tuple[Any, ...]], deadline: float | None
    ) -> Deferred[list[Any]]:
        """Write many commands at once.

        :param converters: of each command a tuple that ends with its converter, and whether its reply is wanted raw.
        :returns: fires with the list of replies.
        """
        deferred: Deferred[list[Any]] = Deferred(self._note_cancelled)
        request = BatchRequest(deferred, converters, deadline, len(data))
        try:
            self._add(request, len(converters), data)
        except BaseException as error:
            self._torn_by(error, request)
        return deferred

    def deliver(
        self,
        reader: Reader,
        take_reply: Callable[[Any], object] | None,
        take_push: Callable[[Any], object],
        unasked: Callable[[Any], object],
    ) -> None:
        """Hand on every complete reply, until :attr:`stopped`.

        :param take_reply: is given the replies; None: they are given to :meth:`answer`.
        :param take_push: is given the push messages.
        :param unasked: is given a reply that no request waits for, or that comes before its command was written.
        :raises ProtocolError: what came next is not RESP.
        """
        get = reader.get
        while not self.stopped:
            waiting = self.waiting
            request = waiting[0] if waiting else None
            if take_reply is None and isinstance(request, BatchRequest) and self.owed and request.plain:
                self._deliver_batch(request, reader, take_push)
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

    def _deliver_batch(self, request: BatchRequest, reader: Reader, take_push: Callable[[Any], object]) -> None:
        """Give the oldest request what has come of its replies."""
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

    def answer(self, reply: Any) -> None:
        """Give a reply to the oldest request. There must be one.

        :raises RedisError: an override of ``replyReceived`` hands on a reply twice.
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
        """Keep a request whose Deferred has not fired, for the end of the connection to fail it."""
        self.torn = self.stopped = True
        if not request.deferred.called:
            self.waiting.appendleft(request)

    def fail_all(self, make_error: Callable[[], Exception], turns: bool = False) -> None:
        """Fail every request, oldest first; requests that their callbacks add are not among them.

        :param make_error: makes the error of a request that was written and whose own deadline has not passed. What
            was not written fails with ``NotSentError``.
        :param turns: many requests may be failed in as many turns of the reactor as they need.
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
            fail_each(waiting, fail, turns)  # those that have fired are passed over
            raise

    def start_deadline(self, timeout: float, call_later: Callable[..., Any], seconds: Callable[[], float]) -> float:
        """Return the deadline of a request that is written now, and see that the timer runs.

        One timer serves the whole queue. It is stopped when no request is left, so that an idle connection leaves
        nothing in the reactor.

        :param timeout: in seconds.
        :param call_later: as ``reactor.callLater``.
        :param seconds: tells the time of the same clock.
        """
        return self._timer.start(timeout, call_later, seconds, self.waiting)

    def usual_deadline(self, timeout: float) -> float | None:
        """As :meth:`start_deadline`, where the timer runs with this time limit; else None."""
        timer = self._timer
        return timer.seconds() + timeout if timer.running and timeout == timer.usual else None


def compiled_fast_path(execute_command: _Method) -> _Method:
    """Make a method of a connection that does the same faster, in the usual case.

    Usual is a command without options, except a converter, on a connection that is up and in no transaction or
    pipeline of its own, with arguments that need no Python code to be encoded. All else is left to the method given.
    In pure Python nothing is faster than that.
    """
    return execute_command


def fast_path_of_pipeline(execute_command: _Method) -> _Method:
    """As :func:`compiled_fast_path`, for that of a pipeline, which has ``_open``, ``_commands`` and ``_deferreds``."""
    return execute_command


def fast_path_of_batch(execute_command: _Method) -> _Method:
    """As :func:`compiled_fast_path`, for that of a batch, which has ``_commands``."""
    return execute_command


def fast_path_of_pool(name: str, run_shared: _Method) -> _Method:
    """As :func:`compiled_fast_path`, for a method of a handler that calls the shared connection's method of that name.

    Usual are few arguments without names, and that there is such a connection, which accepts commands.
    """
    return run_shared


def plain_commands(commands: Iterable[Sequence[Any]]) -> list[tuple[tuple[Any, ...], None, bool]]:
    """Make commands without converters of sequences of arguments, which are kept as they are now."""
    return [(fixed_arguments(tuple(args)), None, False) for args in commands]


def add_command(
    commands: list[Any],
    deferreds: list[Deferred[Any]],
    args: Sequence[Any],
    post_proc: PostProc | None = None,
    raw: bool = False,
) -> Deferred[Any]:
    """Add a command to those that are to be sent together, and its Deferred to theirs.

    Its arguments are kept as they are now. Whatever is raised, both lists stay of one length.

    :returns: that Deferred, to be fired by :func:`answer_each`.
    """
    command = fixed_arguments(tuple(args)), post_proc, raw
    deferred: Deferred[Any] = Deferred()
    commands.append(command)
    try:
        deferreds.append(deferred)
    except BaseException:
        commands.pop()
        raise
    return deferred


def answer_each(deferreds: list[Deferred[Any]], replies: list[Any]) -> int:
    """Fire Deferreds, each with its reply; where that is an error, nobody has to look at it.

    Only for Deferreds of :func:`add_command`, whose list is not used after this.

    :returns: the place of the first error, or -1.
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


def first_error(replies: list[Any]) -> int:
    """The place of the first reply that is an error, or -1."""
    return next((index for index, reply in enumerate(replies) if isinstance(reply, Exception)), -1)
