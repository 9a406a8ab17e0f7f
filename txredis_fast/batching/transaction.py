"""WATCH, MULTI and EXEC: a transaction as an object, over a connection that no other caller uses meanwhile.

Theory of operation. A transaction takes a connection and releases it exactly once, without an open MULTI or WATCH. Its
state is one enum. The table :data:`_TRANSITIONS` has, for each verb in each state, the next state or the error of the
verb's Deferred. After any failure (a refused command, a cancellation, a lost reference), :meth:`Transaction.abandon`
sends DISCARD and UNWATCH, and the reply to these releases the connection.

While MULTI is open, the server answers each command with ``QUEUED``. The converter of the command is kept, and is
applied to its element of EXEC's reply.

This module must not know of pools or of transports: it sends with a function and releases with a function.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._reactor import call_from_finalizer
from .._types import Arguments, Converter, Keys, Reply, Result, V
from ..commands._parts import command_name, guarded_arguments, one_or_many
from ..exceptions import ConnectionError, ExecAbortError, RedisError, ResponseError, WatchError
from ..inflight import keep_out_of_log, limit_error
from ..telemetry import kind_and_size
from .exec_reply import ExecConverter, Queued
from .reply_order import ReplyOrder, as_deferred, first_error
from .scope import Outside, Scope

__all__ = ["Transaction", "TransactionState"]

_log = Logger()


class TransactionState(enum.Enum):
    """The phases of a transaction."""

    #: The transaction has a connection; nothing is sent.
    READY = "ready"
    #: WATCH is sent: the server executes commands at once.
    WATCHING = "watching"
    #: MULTI is sent: the server queues commands.
    QUEUING = "queuing"
    #: The transaction is over: its methods send commands as the handler does.
    CLOSED = "closed"


def _not_in_transaction() -> RedisError:
    return RedisError("Not in transaction")


def _nested() -> RedisError:
    return ResponseError("ERR MULTI calls can not be nested")


def _watch_inside() -> RedisError:
    return ResponseError("ERR WATCH inside MULTI is not allowed")


_S = TransactionState
#: (state, verb) -> the next state, or a function that makes the error. In other states, a verb is an ordinary command.
_TRANSITIONS: dict[tuple[TransactionState, str], TransactionState | Callable[[], RedisError]] = {
    (_S.READY, "WATCH"): _S.WATCHING,
    (_S.READY, "MULTI"): _S.QUEUING,
    (_S.WATCHING, "WATCH"): _S.WATCHING,
    (_S.WATCHING, "UNWATCH"): _S.CLOSED,
    (_S.WATCHING, "MULTI"): _S.QUEUING,
    (_S.WATCHING, "EXEC"): _not_in_transaction,
    (_S.WATCHING, "DISCARD"): _not_in_transaction,
    (_S.QUEUING, "WATCH"): _watch_inside,
    (_S.QUEUING, "MULTI"): _nested,
    (_S.QUEUING, "EXEC"): _S.CLOSED,
    (_S.QUEUING, "DISCARD"): _S.CLOSED,
    (_S.CLOSED, "EXEC"): _not_in_transaction,
    (_S.CLOSED, "DISCARD"): _not_in_transaction,
}

_VERBS = frozenset({"WATCH", "MULTI", "EXEC", "DISCARD"})


class _Link(Protocol):
    """The life of a connection, as far as a transaction asks for it."""

    @property
    def full_error(self) -> RedisError | None: ...
    def abort(self, reason: BaseException, /) -> None: ...
    def tear(self, error: BaseException, /) -> None: ...


class _Connection(Protocol):
    """A connection, as far as a transaction uses it beside sending commands."""

    @property
    def link(self) -> _Link: ...


class Transaction(Scope[V]):
    """A transaction, made by ``rc.multi()``, ``rc.watch()`` or ``rc.transaction()``. Has every command.

    After ``commit``, ``discard`` or ``unwatch``, the methods send commands as those of the handler.

    :ivar results: the converted reply of EXEC, after a commit; else None.
    """

    def __init__(
        self,
        connection: _Connection,
        send: Callable[..., Deferred[Result]],
        release: Callable[[Any], object],
        outside: Outside,
        guard: Callable[[Arguments, Any], RedisError | None] | None = None,
    ) -> None:
        """Make one.

        :param connection: a connection that no other caller uses meanwhile.
        :param send: sends a command on it; called as ``execute_command``.
        :param release: called once with the connection, when MULTI and WATCH are closed.
        :param outside: object whose command methods are used after the transaction.
        :param guard: returns the error of a command that would change the connection for later callers, or None.
        """
        self._order = ReplyOrder(connection)  # first, because it may raise; __del__ reads the attributes below
        self._connection = connection
        self._send_on_connection = send
        self._release = release
        self._outside = outside
        self._guard = guard
        self._state = TransactionState.READY
        #: Whether the release has begun, and whether it has ended without an exception.
        self._released = self._is_back = False
        #: Whether DISCARD and UNWATCH are sent to clean the connection.
        self._cleaned = False
        self._queued: list[Queued] = []
        #: The errors of commands that are not queued, by their id; and the Deferreds of those that were never sent.
        self._errors: dict[int, BaseException] = {}
        self._unsent: list[Deferred[Result]] = []
        #: With ``Any``, so that type checkers demand no test for None behind each use.
        self.results: list[Result] | Any = None

    @property
    def released(self) -> bool:
        """Whether it has ended, and given its connection back."""
        return self._released

    def _current_connection(self) -> Any:
        return self._connection

    def __repr__(self) -> str:
        return f"<Transaction {self._state.value}, {len(self._queued)} queued>"

    @property
    def inTransaction(self) -> bool:  # type: ignore[override]
        """Whether WATCH or MULTI is open."""
        return self._state in (TransactionState.WATCHING, TransactionState.QUEUING)

    @property
    def collects(self) -> bool:  # type: ignore[override]
        """Whether MULTI is open."""
        return self._state is TransactionState.QUEUING

    @property
    def transactions(self) -> int:
        """Number of queued commands."""
        return len(self._queued)

    def _enter(self, verb: str) -> RedisError | None:
        """Apply the table to a verb: enter the next state, or return the error."""
        target = _TRANSITIONS[self._state, verb]
        if isinstance(target, TransactionState):
            self._state = target
            return None
        return target()

    # -- verbs

    def pipeline(self) -> Deferred[Result]:
        """Fails: EXEC executes the queued commands together anyway."""
        return fail(RedisError("A pipeline cannot be opened inside a transaction"))

    def watch(self, keys: Keys) -> Deferred[Result]:
        """Watch more keys: EXEC fails with ``WatchError`` if one of them changes before it.

        :param keys: a key, or an iterable of keys.
        :returns: fires with this transaction.
        """
        if self._state is TransactionState.CLOSED:
            return self._outside.watch(keys)
        try:
            names = one_or_many(keys)
        except TypeError:
            return fail()
        return self._verb("WATCH", self._watch, names)

    def _watch(self, names: Arguments) -> Deferred[Result]:
        return self._send_verb("WATCH", *names).addCallback(lambda _: self)

    def multi(self, keys: Keys | None = None) -> Deferred[Result]:
        """Begin to queue commands. Until ``commit``, the Deferred of each command fires with ``"QUEUED"``.

        :param keys: keys to watch first; None: no WATCH.
        :returns: fires with this transaction.
        """
        if self._state is TransactionState.CLOSED:
            return self._outside.multi(keys)
        if keys is None or self._state is TransactionState.QUEUING:
            return self._verb("MULTI", self._multi)
        steps = DeferredList([self.watch(keys), self.multi()], fireOnOneErrback=True, consumeErrors=True)
        return steps.addCallbacks(lambda _: self, first_error)

    def _multi(self) -> Deferred[Result]:
        before = self._order.sent
        begun = self._send_verb("MULTI")
        self._order.begin(before, begun)
        return begun.addCallbacks(lambda _: self, self._begin_failed)

    def _verb(self, verb: str, send: Callable[..., Deferred[Result]], *args: object) -> Deferred[Result]:
        """Apply the table to a verb, and send it. An exception abandons the transaction."""
        try:
            error = self._enter(verb)
            return send(*args) if error is None else fail(error)
        except BaseException as raised:
            self.abandon()
            if isinstance(raised, Exception):
                return fail(raised)
            raise

    def commit(self) -> Deferred[list[Result]]:
        """Execute the queued commands.

        :returns: fires with the replies in order, error replies of single commands as values; fails with
            :exc:`WatchError` if a watched key has changed, with :exc:`ExecAbortError` if a command was refused
            while being queued (its ``__cause__`` is the first refusal), with :exc:`RedisError` if MULTI is not open.
            After a failure, the Deferreds of single commands that have failed may be dropped: they are not logged.
        """
        return self._verb("EXEC", self._exec)

    def _exec(self) -> Deferred[list[Result]]:
        if self._refusal is not None:
            # All commands or none, as where the server itself refuses one.
            self._clean()
            self._keep_commands_out_of_log()
            if isinstance(self._refusal, ConnectionError):
                return fail(self._refusal)
            aborted = ExecAbortError(f"EXECABORT Transaction discarded because of: {self._refusal}")
            aborted.__cause__ = self._refusal
            return fail(aborted)
        convert = ExecConverter(
            self._queued, getattr(self._connection, "tryConvertData", lambda value: value), self._order
        )
        raw = any(raw for _, raw in self._queued)
        before = self._order.sent
        deferred = as_deferred(self._send_on_connection, "EXEC", post_proc=convert, raw=raw)
        self._order.end(before, deferred)
        return deferred.addCallbacks(self._keep_results, self._not_executed).addBoth(self._ended, before)

    def discard(self) -> Deferred[Result]:
        """Drop the queued commands, and stop watching.

        :returns: fires with ``"OK"``; fails with :exc:`RedisError` if MULTI is not open.
        """
        return self._verb("DISCARD", self._end, "DISCARD")

    def _end(self, verb: str) -> Deferred[Result]:
        before = self._order.sent
        return as_deferred(self._send_on_connection, verb).addBoth(self._ended, before)

    def unwatch(self) -> Deferred[Result]:
        """Stop watching, which ends the transaction. Inside MULTI, the server queues UNWATCH as any command.

        :returns: fires with ``"OK"``, or ``"QUEUED"``.
        """
        if self._state is not TransactionState.WATCHING:
            return self.execute_command("UNWATCH")
        return self._verb("UNWATCH", self._end, "UNWATCH")

    def execute_command(
        self,
        *args: object,
        post_proc: Converter | None = None,
        apply_timeout: bool = True,
        blocking: bool = False,
        raw: bool = False,
        timeout: float | None = None,
    ) -> Deferred[Result]:
        """Send a command within the transaction; see ``RedisProtocol.execute_command``.

        WATCH, MULTI, EXEC and DISCARD, sent by name, call the methods of these names.

        :returns: fires with ``"QUEUED"`` inside MULTI, with the reply otherwise.
        """
        if self._state is TransactionState.CLOSED:
            return self._outside.execute_command(
                *args, post_proc=post_proc, apply_timeout=apply_timeout, blocking=blocking, raw=raw, timeout=timeout
            )
        name = command_name(args)
        if name in _VERBS:
            return self._verb_by_name(name, args[1:])
        wrong = limit_error(timeout)
        if wrong is not None:
            return self._refuse(wrong)
        if self._guard is not None:
            try:
                args = guarded_arguments(args, name)
            except Exception as error:  # raised by str() of an argument
                return self._refuse(error)
            refused = self._guard(args, self._connection)
            if refused is not None:
                return self._refuse(refused)
        full = self._full_error()
        if full is not None:
            return self._refuse(full)
        if self._state is not TransactionState.QUEUING:
            return as_deferred(
                self._send_on_connection,
                *args,
                post_proc=post_proc,
                apply_timeout=apply_timeout,
                blocking=blocking,
                raw=raw,
                timeout=timeout,
            )
        # Inside MULTI no command blocks, and its direct reply is the status QUEUED: neither converted nor raw.
        before = self._order.sent
        answered = as_deferred(self._send_on_connection, *args, apply_timeout=apply_timeout, timeout=timeout)
        was_sent = self._order.add(before, answered)
        if not was_sent and isinstance(getattr(answered, "result", None), Failure):
            self._order.drop_last()
            self._unsent.append(answered)
        else:
            self._queued.append((post_proc, raw))
        return answered.addErrback(self._not_queued, was_sent)

    def _verb_by_name(self, name: str, arguments: Arguments) -> Deferred[Result]:
        if name == "WATCH":
            return self.watch(list(arguments))
        if name == "MULTI":
            return self.multi()
        return self.commit() if name == "EXEC" else self.discard()

    # -- begin and end

    def begin(self, keys: Keys | None, multi: bool) -> Deferred[Result]:
        """Open the transaction. If that fails or is cancelled, the connection is cleaned and released.

        :param keys: keys to watch, or None.
        :param multi: whether to send MULTI, too.
        :returns: fires with this transaction.
        """
        deferred = as_deferred(self.multi if multi else self.watch, keys)
        return deferred.addErrback(self._begin_failed)

    def abandon(self) -> None:
        """End the transaction in any state without EXEC; clean the connection, then release it."""
        if not self._released and not self._cleaned:
            self._state = TransactionState.CLOSED
            self._clean()

    def __del__(self) -> None:
        if not self.__dict__.get("_is_back", True):
            call_from_finalizer(self._lost)

    def _lost(self) -> None:
        link = getattr(self._connection, "link", None)
        if link is not None and (self._released or link.requests.torn):
            # The release has failed, and perhaps the handling of that, too: the stack was exhausted.
            link.tear(ConnectionError("the connection was not released"))
            return
        if not getattr(self._connection, "connected", False):
            return
        _log.warn("A transaction was neither committed nor discarded before its last reference was lost; discarding it")
        self.abandon()

    def _begin_failed(self, failure: Failure) -> Failure:
        self.abandon()
        return failure

    def _send_verb(self, *args: object) -> Deferred[Result]:
        before = self._order.sent

        def check(reply: Reply) -> Reply:
            if not self._order.was_sent(before):
                raise RedisError(f"{args[0]} was not sent: an override of execute_command has answered it")
            return _check_ok(reply)

        return as_deferred(self._send_on_connection, *args).addCallback(check)

    def _keep_results(self, results: list[Result]) -> list[Result]:
        self.results = results
        return results

    def _full_error(self) -> RedisError | None:
        link = getattr(self._connection, "link", None)
        return None if link is None else link.full_error

    def _not_queued(self, failure: Failure, was_sent: bool) -> Failure:
        # EXEC handles three cases: the server itself refused the command, so EXEC fails; the caller cancelled it, and
        # the server has queued it; the connection is lost. In all others the command is missing, unknown to the server.
        error: Any = failure.value
        if not was_sent or not failure.check(ResponseError, CancelledError, ConnectionError):
            self._refusal = self._refusal or (error if isinstance(error, Exception) else RedisError(repr(error)))
        if not failure.check(CancelledError):
            self._errors[id(error)] = error
        return failure

    def _refuse(self, error: Exception) -> Deferred[Result]:
        refused = super()._refuse(error)
        if self.collects:
            self._errors[id(error)] = error
            self._unsent.append(refused)
        return refused

    def _not_executed(self, failure: Failure) -> Failure:
        error = failure.value
        if isinstance(error, ExecAbortError):  # the server's text does not say which command it refused, or why
            error.__cause__ = next(iter(self._errors.values()), None)
        self._keep_commands_out_of_log()
        return failure

    def _keep_commands_out_of_log(self) -> None:
        """The Deferred of ``commit`` tells of the failure, so those of the commands may be dropped."""
        for deferred in (*self._order.answers, *self._unsent):
            failure = getattr(deferred, "result", None)
            error = self._errors.get(id(failure.value)) if isinstance(failure, Failure) else None
            if error is not None:
                keep_out_of_log(deferred, error)

    def _ended(self, result: Result, before: int) -> Result:
        """Release the connection after EXEC, DISCARD or UNWATCH; clean it first if the command has failed."""
        try:
            if isinstance(result, Failure) and not result.check(WatchError, ExecAbortError):
                self._clean()
            else:
                self._give_back_if_sent(before, 1)
        except BaseException as error:
            self._connection.link.tear(error)  # else the pool would never get it back
            raise
        return result

    def _clean(self) -> None:
        # After both, neither MULTI nor WATCH is open. DISCARD without MULTI only answers with an error.
        self._cleaned = True
        try:
            before = self._order.sent
            verbs = [as_deferred(self._send_on_connection, verb) for verb in ("DISCARD", "UNWATCH")]
            DeferredList(verbs, consumeErrors=True).addCallback(lambda _: self._give_back_if_sent(before, 2))
        except BaseException as error:
            self._connection.link.tear(error)
            raise

    def _give_back_if_sent(self, before: int, commands: int) -> None:
        """Release the connection; abort it first if the commands that end the transaction were not sent."""
        if not self._order.was_sent(before + commands - 1) and getattr(self._connection, "connected", False):
            self._connection.link.abort(ConnectionError("an override of execute_command left a transaction open"))
        self._give_back()

    def _give_back(self) -> None:
        if not self._released:
            self._released = True
            try:
                self._release(self._connection)
                self._is_back = True
            except BaseException as error:
                self._connection.link.tear(error)  # else the pool would never get it back
                raise


def _check_ok(reply: Reply) -> Reply:
    if reply not in ("OK", b"OK"):
        raise RedisError(f"Invalid response: {kind_and_size(reply)} instead of OK")
    return reply
