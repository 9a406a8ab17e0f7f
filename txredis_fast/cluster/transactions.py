"""Transactions of a cluster: all keys belong to one slot, and its owner executes all commands or none.

Without WATCH, no connection is taken. The commands are kept, and ``commit`` writes them with MULTI and EXEC in one
piece. So a refusal of any of them means that nothing was executed, and the whole may be sent again to another node.

With WATCH, a transaction of the owner (:class:`~txredis_fast.Transaction`) does the work. When the slot moves, what
WATCH has seen is void: commands and EXEC fail with ``WatchError``, and ``transact`` runs the function again.

This module must not know which node serves a slot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from .._types import Arguments, Converter, Keys, Result, V
from ..batching import Command, ExecConverter, Outside, Scope, Transaction
from ..client import send_batch
from ..commands._parts import command_name, guarded_arguments, one_or_many, refusal
from ..connection import RedisProtocol
from ..exceptions import (
    CrossSlotError,
    ExecAbortError,
    MaybeExecutedError,
    NotSentError,
    RedisError,
    ResponseError,
    TryAgainError,
    WatchError,
)
from ..inflight import keep_out_of_log, limit_error
from ..resp import fixed_arguments
from ..transport import at_once
from .members import Members
from .node import ClusterNode
from .redirects import ASKING, Way, is_refusal
from .routing import UNKNOWN, slot_of_command, slot_of_keys
from .waiting import on_connection

__all__ = ["ClusterTransaction"]

#: Connections of a node's pool from the first WATCH on: it takes one, and other commands must not wait for its end.
WATCHING_POOLSIZE = 2

_VERBS = frozenset({"WATCH", "UNWATCH", "MULTI", "EXEC", "DISCARD"})


class ClusterTransaction(Scope[V]):
    """A transaction in one slot, made by ``rc.multi()``, ``rc.watch()`` or ``rc.transaction()``. Has every command.

    The first key decides the slot. A command with keys of another one fails with :exc:`.CrossSlotError`, and then
    nothing of the transaction is executed. After ``commit``, ``discard`` or ``unwatch``, the methods send commands as
    those of the handler.

    :ivar results: the converted reply of EXEC, after a commit; else None.
    :ivar slot: the slot; None before the first key.
    """

    def __init__(self, members: Members, outside: Outside, owner: Callable[[int], ClusterNode[Any] | None]) -> None:
        """Make one; ``multi`` or ``watch`` begins it.

        :param outside: object whose command methods are used after the transaction.
        :param owner: returns the node that serves a slot, or None.
        """
        self._members = members
        self._outside = outside
        self._owner = owner
        self._charset = members.options.charset
        self.slot: int | None = None
        #: Whether MULTI is open, without WATCH; and the transaction of the owner, with WATCH.
        self._queuing = False
        self._inner: Transaction[Any] | None = None
        self._commands: list[Command] = []
        self._timeout: float | None = None
        #: The error of the first command that was refused before it was queued, and the Deferreds of all such.
        self._refused_with: Exception | None = None
        self._refused: list[Deferred[Any]] = []
        #: With ``Any``, so that type checkers demand no test for None behind each use.
        self.results: list[Result] | Any = None

    def _current_connection(self) -> Any:
        if self._inner is None:
            raise NotSentError("The transaction has no connection before its commit")
        return self._inner._current_connection()

    def __repr__(self) -> str:
        if self._inner is not None:
            return f"<ClusterTransaction of slot {self.slot}: {self._inner!r}>"
        state = "queuing" if self._queuing else "closed"
        return f"<ClusterTransaction of slot {self.slot}, {state}, {len(self._commands)} queued>"

    @property
    def inTransaction(self) -> bool:  # type: ignore[override]
        """Whether WATCH or MULTI is open."""
        return self._queuing or (self._inner is not None and self._inner.inTransaction)

    @property
    def collects(self) -> bool:  # type: ignore[override]
        """Whether MULTI is open."""
        return self._queuing or (self._inner is not None and self._inner.collects)

    @property
    def transactions(self) -> int:
        """Number of queued commands."""
        return len(self._commands) if self._inner is None else self._inner.transactions

    # -- verbs

    def begin(self) -> Deferred[Any]:
        """Begin to queue commands, without WATCH."""
        self._queuing = True
        return succeed(self)

    def begin_watching(self, keys: Sequence[Any]) -> Deferred[Any]:
        """Watch keys on the node of their slot."""
        try:
            self.slot = slot_of_keys("WATCH", keys, self._charset)
        except Exception:
            return fail()
        way = _WatchWay(self._members, self.slot, self._owner, keys)
        return way.begin().addCallback(self._watching)

    def _watching(self, transaction: Transaction[Any]) -> ClusterTransaction[V]:
        self._inner = transaction
        return self

    def pipeline(self) -> Deferred[Any]:
        """Fails: EXEC executes the queued commands together anyway."""
        return fail(RedisError("A pipeline cannot be opened inside a transaction"))

    def watch(self, keys: Keys) -> Deferred[Any]:
        """Watch more keys of the same slot; as :meth:`txredis_fast.Transaction.watch`."""
        if self._queuing:
            return fail(ResponseError("ERR WATCH inside MULTI is not allowed"))
        if self._inner is None or not self._inner.inTransaction:
            return self._outside.watch(keys)
        try:
            names = fixed_arguments(tuple(one_or_many(keys)))
            self._check_slot("WATCH", slot_of_keys("WATCH", names, self._charset))
        except Exception:
            return fail()
        return self._of_inner(self._inner.watch(names)).addCallback(lambda _: self)

    def multi(self, keys: Keys | None = None) -> Deferred[Any]:
        """Begin to queue commands; as :meth:`txredis_fast.Transaction.multi`."""
        if self._queuing:
            return fail(ResponseError("ERR MULTI calls can not be nested"))
        if self._inner is None or not self._inner.inTransaction:
            return self._outside.multi(keys)
        if keys is not None:
            return self.watch(keys).addCallback(lambda _: self.multi())
        return self._of_inner(self._inner.multi()).addCallback(lambda _: self)

    def commit(self) -> Deferred[list[Result]]:
        """Execute the queued commands.

        :returns: fires with the replies in order, error replies of single commands as values; fails with
            :exc:`WatchError` if a watched key or the slot has moved or changed, with :exc:`ExecAbortError` if a command
            was refused (its ``__cause__`` is the first refusal), with :exc:`MaybeExecutedError` if the connection was
            lost behind EXEC, with :exc:`RedisError` if MULTI is not open.
        """
        if self._inner is not None:
            return self._of_inner(self._inner.commit()).addCallback(self._keep_results)
        if not self._queuing:
            return fail(RedisError("Not in transaction"))
        self._queuing = False
        commands, self._commands = self._commands, []
        if self._refused_with is not None:
            aborted = ExecAbortError(f"EXECABORT Transaction discarded because of: {self._refused_with}")
            aborted.__cause__ = self._refused_with
            for deferred in self._refused:  # this failure tells of them
                failure = getattr(deferred, "result", None)
                if isinstance(failure, Failure):
                    keep_out_of_log(deferred, failure.value or self._refused_with)
            return fail(aborted)
        way = _CommitWay(self._members, self.slot, self._owner, commands, self._timeout)
        observer = self._members.observer
        if not observer.tells:
            return way.begin().addCallback(self._keep_results)
        way.telling = observer.commands("MULTI", commands)
        way.telling.begin(self._members.server_of(self.slot), self.slot)
        return way.begin().addBoth(way.telling.end).addCallback(self._keep_results)

    def discard(self) -> Deferred[Any]:
        """Drop the queued commands, and stop watching.

        :returns: fires with ``"OK"``; fails with :exc:`RedisError` if MULTI is not open.
        """
        if self._inner is not None:
            return self._inner.discard()
        if not self._queuing:
            return fail(RedisError("Not in transaction"))
        self.abandon()
        return succeed(self._status("OK"))

    def unwatch(self) -> Deferred[Any]:
        """Stop watching, which ends the transaction; inside MULTI it is queued as any command."""
        return self.execute_command("UNWATCH") if self._inner is None else self._inner.unwatch()

    def abandon(self) -> None:
        """End the transaction in any state without EXEC."""
        self._queuing = False
        self._commands = []
        if self._inner is not None:
            self._inner.abandon()

    def execute_command(
        self,
        *args: Any,
        post_proc: Converter | None = None,
        apply_timeout: bool = True,
        blocking: bool = False,
        raw: bool = False,
        timeout: float | None = None,
    ) -> Deferred[Any]:
        """Queue a command, or send it if keys are watched and MULTI is not open; see :class:`.Transaction`.

        :returns: fires with ``"QUEUED"`` inside MULTI, with the reply otherwise.
        """
        if not self.inTransaction:
            return self._outside.execute_command(
                *args, post_proc=post_proc, apply_timeout=apply_timeout, blocking=blocking, raw=raw, timeout=timeout
            )
        name = command_name(args)
        if name in _VERBS and (name != "UNWATCH" or not self.collects):
            return self._verb(name, args[1:])
        try:
            args = guarded_arguments(fixed_arguments(args), name)
            refused = limit_error(timeout) or (None if name == "UNWATCH" else refusal(args, self._members.protocol))
            if refused is not None:
                return self._refuse(refused)
            slot = slot_of_command(args, self._charset)
            if slot is not None and slot != UNKNOWN:
                self._check_slot(name, slot)
        except Exception as error:
            return self._refuse(error)
        if self._inner is not None:
            sent = self._inner.execute_command(
                *args, post_proc=post_proc, apply_timeout=apply_timeout, blocking=blocking, raw=raw, timeout=timeout
            )
            return sent if self._inner.collects else self._of_inner(sent)
        if timeout is not None:
            self._timeout = timeout if self._timeout is None else min(timeout, self._timeout)
        self._commands.append((args, post_proc, raw))
        return succeed(self._status("QUEUED"))

    def _refuse(self, error: Exception) -> Deferred[Any]:
        # As the base does; with WATCH, the transaction of the owner must not be executed either.
        if self._inner is not None and self._inner.collects:
            return self._inner._refuse(error)
        refused: Deferred[Any] = fail(error)
        if self._queuing:
            self._refused_with = self._refused_with or error
            self._refused.append(refused)
        return refused

    def _verb(self, name: str, arguments: Arguments) -> Deferred[Any]:
        if name == "WATCH":
            return self.watch(list(arguments))
        verbs: dict[str, Callable[[], Deferred[Any]]] = {
            "UNWATCH": self.unwatch,
            "MULTI": self.multi,
            "EXEC": self.commit,
            "DISCARD": self.discard,
        }
        return verbs[name]()

    def _check_slot(self, name: str, slot: int) -> None:
        if self.slot is None:
            self.slot = slot
        elif slot != self.slot:
            raise _cross_slot(name, slot, self.slot)

    def _status(self, text: str) -> str | bytes:
        return text if self._charset is not None else text.encode()

    def _keep_results(self, results: list[Result]) -> list[Result]:
        self.results = results
        return results

    def _of_inner(self, deferred: Deferred[Any]) -> Deferred[Any]:
        return deferred.addErrback(self._moved)

    def _moved(self, failure: Failure) -> Failure:
        """A redirection means that what WATCH has seen is void."""
        error: Any = failure.value
        cause = error.__cause__ if isinstance(error, ExecAbortError) else error
        if not isinstance(cause, ResponseError) or not is_refusal(cause):
            return failure
        self._members.note(f"the slot of a transaction answered {cause.code}")
        raise WatchError(f"The watched keys have moved to another node: {cause}") from error


def _cross_slot(name: str, slot: int, first: int) -> CrossSlotError:
    """The error of a command whose slot is not that of its transaction."""
    return CrossSlotError(
        f"CROSSSLOT the keys of {name} belong to slot {slot}, and the transaction is of slot {first}; the same hash "
        "tag in braces, as in {user}:a and {user}:b, keeps keys together"
    )


class _TransactionWay(Way):
    """The attempts to begin or to execute a transaction."""

    def __init__(
        self,
        members: Members,
        slot: int | None,
        owner: Callable[[int], ClusterNode[Any] | None],
        timeout: float | None = None,
    ) -> None:
        choose = members.any_master if slot is None else lambda: owner(slot)
        super().__init__(members, slot, choose, timeout)


class _WatchWay(_TransactionWay):
    """The attempts to watch keys."""

    def __init__(
        self, members: Members, slot: int, owner: Callable[[int], ClusterNode[Any] | None], keys: Sequence[Any]
    ) -> None:
        super().__init__(members, slot, owner)
        self._keys = keys

    def _send_on(self, node: ClusterNode[Any], timeout: float | None, asking: bool, patience: float) -> Deferred[Any]:
        if asking:
            # An absent key of a slot that is being moved. Each later command would need ASKING, so wait for the move.
            return fail(TryAgainError("TRYAGAIN the slot of the watched keys is being moved"))
        if node.pool.poolsize < WATCHING_POOLSIZE:
            node.pool.grow(WATCHING_POOLSIZE)
        return node.watch(self._keys)


class _CommitWay(_TransactionWay):
    """The attempts to have a whole transaction executed."""

    def __init__(
        self,
        members: Members,
        slot: int | None,
        owner: Callable[[int], ClusterNode[Any] | None],
        commands: Sequence[Command],
        timeout: float | None,
    ) -> None:
        super().__init__(members, slot, owner, timeout)
        self._queued = [(post_proc, raw) for _, post_proc, raw in commands]
        any_raw = any(raw for _, raw in self._queued)
        plain: list[Command] = [(args, None, False) for args, _, _ in commands]
        self._block: list[Command] = [(("MULTI",), None, False), *plain, (("EXEC",), None, any_raw)]

    def _send_on(self, node: ClusterNode[Any], timeout: float | None, asking: bool, patience: float) -> Deferred[Any]:
        block = [(ASKING, None, False), *self._block] if asking else self._block

        def write(connection: RedisProtocol, left: float | None) -> Deferred[list[Any]]:
            return send_batch(connection, block, left).addCallback(self._answered, connection)

        return on_connection(node, timeout, patience, write)

    def _answered(self, replies: list[Any], connection: RedisProtocol) -> list[Any]:
        """EXEC's replies, converted; raises what stands for its refusal."""
        begun, *queued, executed = replies[-2 - len(self._queued) :]
        if isinstance(begun, Exception):
            # Without MULTI the server has executed each command by itself, unless it has refused all.
            refused = all(isinstance(each, ResponseError) and is_refusal(each) for each in (begun, *queued))
            raise begun if refused else MaybeExecutedError(f"the server refused MULTI: {begun}")
        if not isinstance(executed, Exception):
            return at_once(ExecConverter(self._queued, connection.tryConvertData).in_parts(executed))
        if not isinstance(executed, ResponseError):
            raise executed
        # Nothing was executed.
        refusals = [each for each in queued if isinstance(each, Exception)]
        if is_refusal(executed):
            raise executed
        if not refusals:
            raise executed
        real = [each for each in refusals if not is_refusal(each)]
        if real:
            aborted = ExecAbortError(*executed.args)
            aborted.__cause__ = real[0]
            raise aborted
        raise self._one_of(refusals, len(queued))

    def _one_of(self, refusals: list[Exception], count: int) -> Exception:
        """The refusal to act on: the one that all commands agree on, or a reason to wait."""
        first: Any = refusals[0]
        same = {str(each) for each in refusals} == {str(first)}
        keyed = count - sum(1 for args, _, _ in self._block[1:-1] if slot_of_command(args) is None)
        if same and (first.code != "ASK" or len(refusals) == keyed):
            return first  # type: ignore[no-any-return]
        if any(getattr(each, "code", "") == "MOVED" for each in refusals):
            return next(each for each in refusals if getattr(each, "code", "") == "MOVED")
        return TryAgainError("TRYAGAIN some keys of the transaction are on another node already")
