"""Repeats of a transaction whose watched keys have changed before its EXEC.

This module must not know of connections.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from twisted.internet.defer import maybeDeferred
from twisted.internet.task import deferLater

from .._checks import check_count
from .._reactor import current_reactor
from .._tunables import TRANSACT_MAX_PAUSE_SECONDS, TRANSACT_MIN_RUN_SECONDS
from ..exceptions import WatchError


class _Handler(Protocol):
    """The object that opens transactions."""

    def transaction(self, watch: Sequence[Any] | None = None) -> AbstractAsyncContextManager[Any]: ...


__all__ = ["run_transaction"]


async def run_transaction(
    handler: _Handler, function: Callable[[Any], object], watched: Sequence[Any], retries: int
) -> list[Any]:
    """Run a transaction; parameters, result and errors as of :meth:`.ConnectionHandler.transact`."""
    retries = check_count("retries", retries)
    for attempt in range(retries + 1):
        begun = current_reactor().seconds()
        try:
            async with handler.transaction(watch=watched or None) as transaction:
                await maybeDeferred(function, transaction)
        except WatchError:
            if attempt == retries:
                raise
            # The connection is given back by now. The random pause keeps callers in conflict from colliding again.
            await deferLater(current_reactor(), _pause(attempt, current_reactor().seconds() - begun))
        else:
            return transaction.results or []
    raise AssertionError("unreachable")  # pragma: no cover


def _pause(attempt: int, took: float) -> float:
    """Seconds before the next run: random, from an interval that doubles with each run.

    :param took: seconds that the last run took.
    """
    return random.uniform(
        0, min(max(took, TRANSACT_MIN_RUN_SECONDS) * 2 ** min(attempt + 1, 8), TRANSACT_MAX_PAUSE_SECONDS)
    )
