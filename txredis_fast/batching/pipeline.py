"""A pipeline: commands that are collected, written together and answered in order.

It takes no connection until it is executed, so a pipeline that stays open occupies none.

This module must not know of pools or of transports: it sends with a function.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NoReturn

from twisted.internet.defer import Deferred, FirstError, fail
from twisted.python.failure import Failure

from .._tunables import LONG_PIPELINE_MIN_COMMANDS, PIPELINE_PART_COMMANDS
from .._types import Arguments, Converter, Keys, Reply, Result, V
from ..exceptions import InvalidResponse, MaybeExecutedError, NotSentError, RedisError, ResponseError
from ..inflight import Command, add_command, answer_each, fail_each, fast_path_of_pipeline, first_error, limit_error
from ..transport import in_turns
from .exec_reply import ExecConverter
from .scope import Outside, Scope

__all__ = ["Command", "Pipeline", "PipelineError", "PipelineLostError"]


class PipelineError(ResponseError, FirstError):
    """A command of a pipeline was answered with an error; the other commands were executed nevertheless.

    It is also a ``defer.FirstError``, the error of txredisapi's pipelines.

    :ivar results: all replies in order, error replies as values.
    :ivar index: index of the first error.
    :ivar subFailure: a Failure of the first error.
    """

    def __init__(self, results: list[Reply], index: int) -> None:
        FirstError.__init__(self, Failure(results[index]), index)
        self.args = (str(results[index]), index)
        self.results = results

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy by the arguments of the constructor, which differ from ``args``."""
        return type(self), (self.results, self.index), _without(self, "results", "index", "subFailure")

    def __str__(self) -> str:
        errors = sum(isinstance(reply, Exception) for reply in self.results)
        return f"{self.args[0]} (command {self.index + 1} of {len(self.results)}, {errors} failed)"


class PipelineLostError(MaybeExecutedError, FirstError):
    """The connection was lost before all commands of a pipeline were answered; any may have been executed.

    :ivar results: for a cluster, where only one node may have been lost: all replies in order, and for the commands of
        that node the error. Else None.
    :ivar index: index of the first command that was lost; 0 without ``results``.
    """

    def __init__(self, error: Exception, results: list[Reply] | None = None, index: int = 0) -> None:
        FirstError.__init__(self, Failure(error), index)
        self.args = (str(error), index)
        self.results = results

    def __reduce__(self) -> tuple[Any, ...]:
        arguments = self.subFailure.value, self.results, self.index
        return type(self), arguments, _without(self, "results", "index", "subFailure")

    def __str__(self) -> str:
        return str(self.args[0])


def _without(error: Exception, *names: str) -> dict[str, Any]:
    """The attributes of an exception without those that its constructor sets."""
    return {name: value for name, value in vars(error).items() if name not in names}


class Pipeline(Scope[V]):
    """A pipeline, made by ``rc.pipeline()`` or ``rc.pipelined()``. Has every command.

    Each command returns a Deferred that fires when the pipeline is executed. After that, the methods send commands
    at once, as those of the handler.

    :ivar results: the replies of the commands; None until the pipeline is executed.
    """

    def __init__(
        self,
        connect: Callable[[], Any],
        send: Callable[[Sequence[Command], bool, float | None], Deferred[list[Result]]],
        outside: Outside,
    ) -> None:
        """Make one.

        :param connect: returns the connection that would be used now, or raises ``NotSentError``.
        :param send: sends commands in one write; takes the commands, whether they need a connection of their own, and
            a time limit in seconds or None. Its Deferred fires with all replies, error replies as values.
        :param outside: object whose command methods are used after the pipeline.
        """
        self._connect = connect
        self._send_batch = send
        self._outside = outside
        self._commands: list[Command] = []
        self._deferreds: list[Deferred[Result]] = []
        self._alone = False
        self._timeout: float | None = None
        #: Index of the first command after MULTI; None if no MULTI is open.
        self._multi_from: int | None = None
        self._open = True
        #: With ``Any``, so that type checkers demand no test for None behind each use.
        self.results: list[Result] | Any = None

    def _current_connection(self) -> Any:
        return self._connect()

    def __repr__(self) -> str:
        return f"<Pipeline {'open' if self._open else 'executed'}, {len(self._commands)} commands>"

    def __len__(self) -> int:
        return len(self._commands)

    def __bool__(self) -> bool:
        return True

    @property
    def pipelining(self) -> bool:  # type: ignore[override]
        """Whether the pipeline still collects commands."""
        return self._open

    collects = pipelining

    @property
    def inTransaction(self) -> bool:  # type: ignore[override]
        """Whether MULTI is open: neither EXEC nor DISCARD followed."""
        return self._multi_from is not None

    @fast_path_of_pipeline
    def execute_command(
        self,
        *args: object,
        post_proc: Converter | None = None,
        apply_timeout: bool = True,
        blocking: bool = False,
        raw: bool = False,
        timeout: float | None = None,
    ) -> Deferred[Result]:
        """Add a command; see ``RedisProtocol.execute_command``. The shortest ``timeout`` applies to the pipeline.

        :returns: fires with the reply when the pipeline is executed.
        """
        if not self._open:
            return self._outside.execute_command(
                *args, post_proc=post_proc, apply_timeout=apply_timeout, blocking=blocking, raw=raw, timeout=timeout
            )
        wrong = limit_error(timeout)
        if wrong is not None:
            return self._refuse(wrong)
        self._alone = self._alone or blocking
        self._limit(timeout)
        return self._add(args, post_proc, raw)

    def _limit(self, timeout: float | None) -> None:
        if timeout is not None:
            self._timeout = timeout if self._timeout is None else min(timeout, self._timeout)

    def _add(self, args: Arguments, post_proc: Converter | None, raw: bool) -> Deferred[Result]:
        try:
            return add_command(self._commands, self._deferreds, args, post_proc, raw)
        except Exception as error:  # raised by str() of an argument
            return self._refuse(error)

    # -- a transaction inside the pipeline

    def multi(self, keys: Keys | None = None) -> Deferred[Result]:
        """Add MULTI: the commands up to ``commit`` are executed as one transaction.

        :param keys: must be None. WATCH needs reads before MULTI, and a pipeline has no replies until it is executed.
        :returns: fires with this pipeline when it is executed.
        """
        if not self._open:
            return self._outside.multi(keys)
        if keys is not None:
            return fail(RedisError("A pipeline cannot watch keys; use rc.watch() or rc.transaction()"))
        if self._multi_from is not None:
            return fail(ResponseError("ERR MULTI calls can not be nested"))
        deferred = self._add(("MULTI",), None, False)
        self._multi_from = len(self._commands)
        self._alone = True
        return deferred.addCallback(lambda _: self)

    def commit(self) -> Deferred[Result]:
        """Add EXEC.

        :returns: fires with the replies of the commands since ``multi`` when the pipeline is executed.
        """
        if not self._open or self._multi_from is None:
            return fail(RedisError("Not in transaction"))
        queued = [(post_proc, raw) for _, post_proc, raw in self._commands[self._multi_from :]]
        for index in range(self._multi_from, len(self._commands)):
            self._commands[index] = (self._commands[index][0], None, False)  # their own replies are QUEUED
        self._multi_from = None
        raw = any(raw for _, raw in queued)
        try:
            known = self._connect()
        except NotSentError:
            known = None

        def convert(value: Reply) -> Result:  # also when the pool's connections are lost by then
            return (self._connect() if known is None else known).tryConvertData(value)

        return self._add(("EXEC",), ExecConverter(queued, convert), raw)

    def discard(self) -> Deferred[Result]:
        """Add DISCARD: the commands since ``multi`` are not executed."""
        if not self._open or self._multi_from is None:
            return fail(RedisError("Not in transaction"))
        for index in range(self._multi_from, len(self._commands)):
            self._commands[index] = (self._commands[index][0], None, False)
        self._multi_from = None
        return self._add(("DISCARD",), None, False)

    def watch(self, keys: Keys) -> Deferred[Result]:
        """Fails: WATCH needs reads before MULTI, and a pipeline has no replies until it is executed."""
        return fail(RedisError("A pipeline cannot watch keys; use rc.watch() or rc.transaction()"))

    def pipeline(self) -> Deferred[Result]:
        """Fails while the pipeline is open."""
        if not self._open:
            return self._outside.pipeline()
        return fail(RedisError("Already pipelining commands"))

    # -- the end

    def execute_pipeline(self, *, raise_on_error: bool = True, timeout: float | None = None) -> Deferred[list[Result]]:
        """Send all commands together.

        :param raise_on_error: False: error replies are values in the list.
        :param timeout: seconds for the whole call; None: ``poolTimeout`` for a connection, then ``replyTimeout``.
        :returns: fires with the replies in order; fails with :exc:`PipelineError` if one is an error, with
            :exc:`PipelineLostError` if the connection is lost before the last reply. If nothing was sent, fails with
            :exc:`NotSentError`, :exc:`InvalidData` or the error with which a command was refused.
        """
        if not self._open:
            return fail(RedisError("Not currently pipelining commands, please use pipeline() first"))
        wrong = limit_error(timeout)
        if isinstance(wrong, ValueError):
            return fail(wrong)
        if self._multi_from is not None:
            self.discard()
        self._open = False
        self._refusal = self._refusal or wrong
        if self._refusal is not None:
            error = self._refusal
            self._fail_all(NotSentError(f"The pipeline was not executed, because a command was refused: {error}"))
            return fail(error)
        self._limit(timeout)
        deferred = self._send_batch(self._commands, self._alone, self._timeout)
        return deferred.addCallbacks(self._answered, self._lost, callbackArgs=(raise_on_error,))

    def abandon(self) -> None:
        """Close the pipeline without sending it: the Deferreds of its commands fail with ``NotSentError``."""
        if self._open:
            self._open = False
            self._fail_all(NotSentError("The pipeline was not executed"))

    def _answered(self, replies: list[Result], raise_on_error: bool) -> list[Result] | Deferred[list[Result]]:
        self.results = replies
        deferreds, self._deferreds = self._deferreds, []
        if len(replies) > LONG_PIPELINE_MIN_COMMANDS:
            return in_turns(_answer_in_parts(deferreds, replies)).addCallback(self._judge, replies, raise_on_error)
        try:
            index = answer_each(deferreds, replies)
        except BaseException:
            _fail_rest(deferreds)
            raise
        return self._judge(index, replies, raise_on_error)

    def _judge(self, index: int, replies: list[Result], raise_on_error: bool) -> list[Result]:
        if raise_on_error and index >= 0:
            raise _error_of(replies, index)
        return replies

    def _lost(self, failure: Failure) -> NoReturn:
        error: Any = failure.value
        if isinstance(error, MaybeExecutedError):
            error = PipelineLostError(error)
        self._fail_all(error)
        raise error

    def _fail_all(self, error: Exception) -> None:
        deferreds, self._deferreds = self._deferreds, []
        fail_each(deferreds, lambda _, deferred: _fail_quietly(deferred, error), True)


def _fail_rest(deferreds: list[Deferred[Result]]) -> None:
    """Fail the Deferreds that have not fired: one of the others has raised."""
    error = InvalidResponse("an exception was raised while the replies of the pipeline were delivered")
    fail_each(deferreds, lambda _, deferred: _fail_quietly(deferred, error), True)


def _answer_in_parts(deferreds: list[Deferred[Result]], replies: list[Result]) -> Generator[None, None, int]:
    """Fire each Deferred with its reply, in parts; returns the index of the first error, or -1."""
    first_error = -1
    try:
        for at in range(0, len(replies), PIPELINE_PART_COMMANDS):
            some = deferreds[:PIPELINE_PART_COMMANDS]
            index = answer_each(some, replies[at : at + PIPELINE_PART_COMMANDS])
            del deferreds[:PIPELINE_PART_COMMANDS]
            if index >= 0 and first_error < 0:
                first_error = at + index
            yield
    finally:
        _fail_rest(deferreds)
    return first_error


def check_replies(replies: list[Result]) -> list[Result]:
    """Return replies unchanged.

    :raises PipelineError: one of them is an error reply.
    :raises PipelineLostError: one of them was lost with the node of a cluster.
    """
    index = first_error(replies)
    if index >= 0:
        raise _error_of(replies, index)
    return replies


def _error_of(replies: list[Result], index: int) -> Exception:
    """The error of a pipeline of which some commands have failed.

    :param index: index of the first error.
    """
    for lost in range(index, len(replies)):
        if isinstance(replies[lost], MaybeExecutedError):
            return PipelineLostError(replies[lost], replies, lost)
    return PipelineError(replies, index)


def _fail_quietly(deferred: Deferred[Result], error: Exception) -> None:
    """Fail a Deferred without a log entry if it stays unhandled: the pipeline's own Deferred reports the error."""
    if not deferred.called:
        deferred.errback(error)
        deferred.addErrback(lambda _: None)
