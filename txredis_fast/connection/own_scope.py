"""Transactions and pipelines on a connection itself, for programs that use a protocol without a handler.

In txredisapi, connection and transaction are one object. So, while a transaction or pipeline is open on a connection,
``link.scope``, all commands of the connection go to that scope.

This module must not know of transports or of replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from .._types import Keys, Result
from ..batching import Command, Pipeline, Transaction
from ..commands import Commands
from ..exceptions import RedisError
from ..helpers import RegisteredScripts, ScanIterators
from .link import Link

__all__ = ["OwnScope"]


class _OwnTransaction(Transaction):
    """A transaction on a connection itself."""

    def __init__(self, protocol: OwnScope) -> None:
        super().__init__(protocol, protocol._send_outside_scope, protocol._scope_ended, protocol)
        self._link = protocol.link

    def abandon(self) -> None:
        """As that of each transaction; commands behind those that end it are outside of it."""
        if self._link.scope is self:
            self._link.scope = None
        super().abandon()


class OwnScope(Commands, ScanIterators, RegisteredScripts):
    """The methods of a connection that open, execute and end a scope on itself."""

    link: Link

    @property
    def _eval_by_hash(self) -> bool:  # type: ignore[override]
        return self.link.scope is None

    def execute_batch(self, commands: Sequence[Command], timeout: float | None = None) -> Deferred[list[Result]]:
        """Send many commands in one write."""
        raise NotImplementedError

    @property
    def _collects_now(self) -> bool:
        return self.link.scope is not None and self.link.scope.collects

    @property
    def inTransaction(self) -> bool:
        """Whether WATCH or MULTI is open."""
        return self.link.scope is not None and bool(self.link.scope.inTransaction)

    @property
    def transactions(self) -> int:
        """Number of commands queued in the open transaction."""
        return self.link.scope.transactions if isinstance(self.link.scope, Transaction) else 0

    @property
    def pipelining(self) -> bool:
        """Whether a pipeline is open."""
        return self.link.scope is not None and bool(self.link.scope.pipelining)

    def watch(self, keys: Keys) -> Deferred[Result]:
        """Watch keys on this connection, until ``unwatch``, ``commit`` or ``discard``.

        :returns: fires with this protocol.
        """
        return self._transaction("watch", keys)

    def multi(self, keys: Keys | None = None) -> Deferred[Result]:
        """Queue the commands on this connection until ``commit`` or ``discard``.

        :param keys: keys to watch first; None: no WATCH.
        :returns: fires with this protocol.
        """
        return self._transaction("multi", keys)

    def _transaction(self, verb: str, keys: Keys | None) -> Deferred[Result]:
        scope = self.link.scope
        if scope is None:
            scope = self.link.scope = _OwnTransaction(self)
        begun: Deferred[Result] = getattr(scope, verb)(keys)
        return begun.addCallback(lambda _: self)

    def unwatch(self) -> Deferred[Result]:
        """Stop watching; fires with ``"OK"``, or with ``"QUEUED"`` inside MULTI."""
        return self.execute_command("UNWATCH") if self.link.scope is None else self._leave("unwatch")

    def commit(self) -> Deferred[Result]:
        """Execute the queued commands; see ``Transaction.commit``."""
        return self._leave("commit")

    def discard(self) -> Deferred[Result]:
        """Drop the queued commands; see ``Transaction.discard``."""
        return self._leave("discard")

    def _leave(self, verb: str) -> Deferred[Result]:
        scope = self.link.scope
        if scope is None:
            return fail(RedisError("Not in transaction"))
        left: Deferred[Result] = getattr(scope, verb)()
        if not scope.inTransaction and not scope.pipelining:
            self.link.scope = None
        return left

    def pipeline(self) -> Deferred[Result]:
        """Collect all further commands, until ``execute_pipeline``.

        :returns: fires with this protocol.
        """
        if self.link.scope is not None:
            return fail(RedisError("A pipeline cannot be opened inside a transaction or another pipeline"))
        self.link.scope = Pipeline(
            lambda: self, lambda commands, alone, timeout: self.execute_batch(commands, timeout), self
        )
        return succeed(self)

    def execute_pipeline(self, *, raise_on_error: bool = True, timeout: float | None = None) -> Deferred[list[Result]]:
        """Send the collected commands; see ``Pipeline.execute_pipeline``."""
        scope = self.link.scope
        if not isinstance(scope, Pipeline):
            return fail(RedisError("Not currently pipelining commands, please use pipeline() first"))
        self.link.scope = None
        return scope.execute_pipeline(raise_on_error=raise_on_error, timeout=timeout)

    def _send_batch(self, commands: Sequence[Command], alone: bool, timeout: float | None) -> Deferred[list[Result]]:
        return self.execute_batch(commands, timeout)

    def _scope_ended(self, connection: object) -> None:
        scope = self.link.scope
        if isinstance(scope, Transaction) and scope.released:  # else the next one has been opened meanwhile
            self.link.scope = None

    def _send_outside_scope(self, *args: object, **kwargs: Any) -> Deferred[Result]:
        scope, self.link.scope = self.link.scope, None
        try:
            return self.link.execute_stock(*args, **kwargs)
        finally:
            self.link.scope = scope
