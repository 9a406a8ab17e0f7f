"""The keys of the tour: their names are unique, and they are deleted whatever happens."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from .._reactor import current_reactor
from ..batching import PipelineError
from ..exceptions import ConnectionError, ResponseError
from . import CommandLineError
from .screen import plain

if TYPE_CHECKING:
    from ..client import ConnectionHandler

__all__ = ["Keys"]

_T = TypeVar("_T")

#: Minimum time to live of the keys, in seconds.
_LIFE = 60
#: Time limit of their deletion, in seconds.
_CLEANING_LIMIT = 2.0


class Keys:
    """The names of the tour's keys and channel.

    :ivar life: time to live of the keys, in seconds.
    :ivar left_behind: sentence about the keys that could not be deleted; "" if there are none.
    """

    def __init__(self, unique: bool, life: float) -> None:
        """Choose names.

        :param unique: whether the names need a random prefix, because other programs may have keys on the server.
        :param life: seconds for which the tour needs the keys.
        """
        prefix = f"tour-{secrets.token_hex(4)}:" if unique else ""
        self.greeting = f"{prefix}greeting"
        self.visits = f"{prefix}visits"
        self.channel = f"{prefix}news"
        self.life = max(_LIFE, round(life))
        self.left_behind = ""
        self._written = False

    async def writing(self, action: Callable[[], Awaitable[_T]]) -> _T:
        """Run an action that writes keys, and note that they have to be deleted unless the server refused it."""
        written, self._written = self._written, True
        try:
            return await action()
        except PipelineError as error:
            if all(isinstance(reply, Exception) for reply in error.results):
                self._written = written
            raise
        except ResponseError:
            self._written = written
            raise

    async def delete(self, rc: ConnectionHandler, connect: Callable[[], Deferred[ConnectionHandler]]) -> None:
        """Delete the keys.

        :param rc: the handler that wrote them.
        :param connect: makes another handler; used if the pool of *rc* has lost its connections.
        """
        if not self._written:
            return
        self.left_behind = f"its keys could not be deleted; they expire within {self.life} seconds"
        deleting = Deferred.fromCoroutine(self._delete(rc, connect))
        try:
            await deleting.addTimeout(_CLEANING_LIMIT, current_reactor())
        except (ConnectionError, CommandLineError, DeferredTimeoutError):
            return

    async def _delete(self, rc: ConnectionHandler, connect: Callable[[], Deferred[ConnectionHandler]]) -> None:
        if rc._factory.pool:
            await self._delete_on(list(rc._factory.pool))
            return
        spare = await connect()
        try:
            await self._delete_on(list(spare._factory.pool))
        finally:
            spare.disconnect()

    async def _delete_on(self, connections: list[Any]) -> None:
        # On each connection, because a write may still be in flight on any of them. One key per command, because a
        # node of a cluster refuses two.
        deleting = [connection.delete(key) for connection in connections for key in (self.greeting, self.visits)]
        results = await DeferredList(deleting, consumeErrors=True)
        refusals = [result.value for success, result in results if not success and result.check(ResponseError)]
        # MOVED: the key belongs to another node, so the tour could not write it either.
        refusals = [error for error in refusals if error.code != "MOVED"]
        if refusals:
            self.left_behind = f"{self.left_behind} ({plain(refusals[0])})"
        elif any(success for success, _ in results) or all(result.check(ResponseError) for _, result in results):
            self.left_behind = ""
