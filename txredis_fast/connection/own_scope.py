"""Transactions and pipelines begun on a connection itself, by programs that use a protocol without a handler.

While one is open, the commands given to the connection go to it, as in txredisapi, where both are one object.

This module must not know of transports or of replies.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed

from ..batching import Command, Pipeline, Transaction
from ..commands import Commands
from ..exceptions import RedisError
from .link import Link

__all__ = ["OwnScope"]


class OwnScope(Commands):
    """The methods of a connection that open scopes on itself: ``link.scope`` is where commands go instead, then."""

    link: Link

    def execute_batch(self, commands: Sequence[Command], timeout: float | None = None) -> Deferred[list[Any]]:
        """Send many commands in one write."""
        raise NotImplementedError

    @property
    def inTransaction(self) -> bool:
        """Whether WATCH or MULTI is open."""
        return self.link.scope is not None and bool(self.link.scope.inTransaction)

    @property
    def transactions(self) -> int:
        """How many commands are queued in the open transaction."""
        return self.link.scope.transactions if isinstance(self.link.scope, Transaction) else 0

    @property
    def pipelining(self) -> bool:
        """Whether commands are being collected."""
        return self.link.scope is not None and bool(self.link.scope.pipelining)

    def watch(self, keys: Any) -> Deferred[Any]:
        """Watch keys on this connection; ends with ``unwatch``, ``commit`` or ``discard``.

        :returns: fires with this protocol.
        """
        return self._transaction("watch", keys)

    def multi(self, keys: Any = None) -> Deferred[Any]:
        """Queue the commands on this connection until ``commit`` or ``discard``.

        :param keys: to watch before that.
        :returns: fires with this protocol.
        """
        return self._transaction("multi", keys)

    def _transaction(self, verb: str, keys: Any) -> Deferred[Any]:
        scope = self.link.scope
        if scope is None:
            scope = self.link.scope = Transaction(self, self._send_outside_scope, self._scope_ended, self)
        begun: Deferred[Any] = getattr(scope, verb)(keys)
        return begun.addCallback(lambda _: self)

    def unwatch(self) -> Deferred[Any]:
        """Stop watching; fires with ``"OK"``, or with ``"QUEUED"`` inside MULTI."""
        return self.execute_command("UNWATCH") if self.link.scope is None else self._leave("unwatch")

    def commit(self) -> Deferred[Any]:
        """Execute what was queued; see ``Transaction.commit``."""
        return self._leave("commit")

    def discard(self) -> Deferred[Any]:
        """Forget what was queued; see ``Transaction.discard``."""
        return self._leave("discard")

    def _leave(self, verb: str) -> Deferred[Any]:
        scope = self.link.scope
        if scope is None:
            return fail(RedisError("Not in transaction"))
        left: Deferred[Any] = getattr(scope, verb)()
        if not scope.inTransaction and not scope.pipelining:
            self.link.scope = None
        return left

    def pipeline(self) -> Deferred[Any]:
        """Collect the commands given from here on, until ``execute_pipeline``.

        :returns: fires with this protocol.
        """
        if self.link.scope is not None:
            return fail(RedisError("A pipeline cannot be opened inside a transaction or another pipeline"))
        self.link.scope = Pipeline(
            lambda: self, lambda commands, alone, timeout: self.execute_batch(commands, timeout), self
        )
        return succeed(self)

    def execute_pipeline(self, *, raise_on_error: bool = True, timeout: float | None = None) -> Deferred[list[Any]]:
        """Write what was collected; see ``Pipeline.execute_pipeline``."""
        scope = self.link.scope
        if not isinstance(scope, Pipeline):
            return fail(RedisError("Not currently pipelining commands, please use pipeline() first"))
        self.link.scope = None
        return scope.execute_pipeline(raise_on_error=raise_on_error, timeout=timeout)

    def _send_batch(self, commands: Sequence[Command], alone: bool, timeout: float | None) -> Deferred[list[Any]]:
        return self.execute_batch(commands, timeout)

    def _scope_ended(self, connection: Any) -> None:
        self.link.scope = None

    def _send_outside_scope(self, *args: Any, **kwargs: Any) -> Deferred[Any]:
        scope, self.link.scope = self.link.scope, None
        try:
            return self.link.execute_stock(*args, **kwargs)
        finally:
            self.link.scope = scope
