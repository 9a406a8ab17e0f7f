"""A batch that is too large for one write: sent in slices, and answered by one Deferred.

This module must not know how anything is sent.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..exceptions import MaybeExecutedError, NotSentError

__all__ = ["SlicedBatch"]


class SlicedBatch:
    """Collects the replies to the slices of a batch, which arrive in order.

    :ivar deferred: fires with all replies; fails with :exc:`NotSentError` only if no slice was written.
    """

    def __init__(self, slices: list[Deferred[list[Any]]]) -> None:
        """Collect the replies of the slices' Deferreds."""
        self._slices = slices
        self._left = len(slices)
        self._replies: list[Any] = []
        self.deferred: Deferred[list[Any]] = Deferred(self._cancel)
        for each in slices:
            each.addCallbacks(self._answered, self._failed)

    def _answered(self, replies: list[Any]) -> None:
        self._replies += replies
        self._left -= 1
        if not self._left and not self.deferred.called:
            self.deferred.callback(self._replies)

    def _failed(self, failure: Failure) -> None:
        if self.deferred.called:
            return
        error = failure.value
        if isinstance(error, NotSentError) and self._left < len(self._slices):
            error = MaybeExecutedError(f"{error}, with {self._left} of {len(self._slices)} parts still to be written")
        self.deferred.errback(error)

    def _cancel(self, deferred: Deferred[list[Any]]) -> None:
        self._slices[-1].cancel()  # counts as one cancelled command; its reply is still awaited, and dropped
