"""The asynchronous context managers of ``rc.transaction()`` and ``rc.pipelined()``.

This module must not know of connections.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Generic, Protocol

from twisted.internet.defer import Deferred

from .._reactor import call_from_finalizer
from .._types import Keys, V
from .pipeline import Pipeline
from .transaction import Transaction

__all__ = ["PipelineContext", "TransactionContext"]


class _Handler(Protocol):
    """The object that opens transactions."""

    def multi(self) -> Deferred[Any]: ...
    def watch(self, keys: Keys, /) -> Deferred[Any]: ...


class TransactionContext(Generic[V]):
    """Commits the queued commands at the end of its block; an exception discards them."""

    def __init__(self, handler: _Handler, watch: Keys | None) -> None:
        self._handler = handler
        self._watch = watch
        self._transaction: Any = None

    async def __aenter__(self) -> Transaction[V]:
        begun = self._handler.multi() if self._watch is None else self._handler.watch(self._watch)
        try:
            await begun.addCallback(self._begun)
        except BaseException as raised:  # the transaction may be open, or open later, and no __aexit__ follows
            if isinstance(raised, GeneratorExit):
                call_from_finalizer(lambda: self._end_unused(begun))
            else:
                self._end_unused(begun)
            raise
        return self._transaction  # type: ignore[no-any-return]

    def _begun(self, transaction: Transaction[V]) -> None:
        self._transaction = transaction

    def _end_unused(self, begun: Deferred[Any]) -> None:
        """Abandon a transaction whose block is not entered, at once or when it has opened."""
        if self._transaction is not None:
            self._transaction.abandon()
            return

        def end(transaction: Transaction[V] | None) -> None:
            opened = self._transaction if transaction is None else transaction
            if opened is not None:  # else opening it has failed, and the caller has the error
                opened.abandon()

        begun.addCallbacks(end, lambda _: None)
        begun.cancel()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        transaction = self._transaction
        try:
            if not transaction.inTransaction:
                return
            if error is not None:
                _abandon(transaction, error)
            elif transaction.collects:
                await transaction.commit()
            else:
                await transaction.unwatch()
        except BaseException as raised:
            if transaction.inTransaction:  # raised before commit or unwatch was sent
                _abandon(transaction, raised)
            raise


class PipelineContext(Generic[V]):
    """Executes the collected commands at the end of its block; after an exception, sends nothing."""

    def __init__(self, pipeline: Pipeline[V]) -> None:
        self._pipeline = pipeline

    async def __aenter__(self) -> Pipeline[V]:
        return self._pipeline

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            _abandon(self._pipeline, error)
        elif self._pipeline.pipelining:
            await self._pipeline.execute_pipeline()


def _abandon(begun: Transaction[Any] | Pipeline[Any], error: BaseException) -> None:
    if isinstance(error, GeneratorExit):  # the coroutine is being finalized, in any thread
        call_from_finalizer(begun.abandon)
    else:
        begun.abandon()
