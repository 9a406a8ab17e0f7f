"""The Deferred of something that is opened and closed: also a context manager, and plain words under asyncio.

This module must not know what is opened.
"""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeVar

from twisted.internet.defer import Deferred

__all__ = ["Opening"]

#: How asyncio begins the text of the error that it raises in a task at the ``await`` of a Deferred.
_ASYNCIO_COMPLAINT = "Task got bad yield"


class _Closable(Protocol):
    def disconnect(self) -> Deferred[Any]:
        """Close it."""


_Opened = TypeVar("_Opened", bound=_Closable)


class Opening(Deferred[_Opened]):
    """Fires with something open; as a context manager, ``async with opening as opened``, it also closes it."""

    _opened: _Opened | None = None

    if not TYPE_CHECKING:  # a type checker knows what a Deferred has

        def __getattr__(self, name: str) -> NoReturn:
            text = f"{type(self).__name__!r} object has no attribute {name!r}"
            if not name.startswith("_"):
                text += "; it is the Deferred of what is being opened: await it, and use what it fires with"
            raise AttributeError(text, name=name, obj=self)

    async def __aenter__(self) -> _Opened:
        self._opened = await self
        return self._opened

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._opened is not None:
            await self._opened.disconnect()

    def __await__(self) -> Generator[Deferred[_Opened], None, _Opened]:
        try:
            return (yield from super().__await__())
        except RuntimeError as error:
            if not str(error).startswith(_ASYNCIO_COMPLAINT):
                raise
            raise RuntimeError(
                "an asyncio task cannot await a Deferred: await deferred.asFuture(asyncio.get_running_loop()), with "
                "Twisted's asyncioreactor installed; or run the coroutine with Deferred.fromCoroutine(). The "
                "documentation's page 'asyncio' shows both"
            ) from error
