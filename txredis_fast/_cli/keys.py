"""The tour's own keys: named so that they are nobody else's, deleted for certain."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferredTimeoutError

from .._reactor import current_reactor
from ..batching import PipelineError
from ..exceptions import ConnectionError, ResponseError
from . import CommandLineError
from .screen import plain

__all__ = ["Keys"]

#: Seconds after which the server itself deletes them.
_LIFE = 60
#: Seconds that deleting them may take.
_CLEANING_LIMIT = 2.0


class Keys:
    """The names of the tour's keys, and of its channel.

    :ivar life: seconds until the keys expire.
    :ivar left_behind: words for what could not be deleted, "" if nothing is left.
    """

    def __init__(self, unique: bool, life: float) -> None:
        """Choose names.

        :param unique: whether others may have keys on the server.
        :param life: seconds that the keys are needed.
        """
        prefix = f"tour-{secrets.token_hex(4)}:" if unique else ""
        self.greeting = f"{prefix}greeting"
        self.visits = f"{prefix}visits"
        self.channel = f"{prefix}news"
        self.life = max(_LIFE, round(life))
        self.left_behind = ""
        self._written = False

    async def writing(self, action: Callable[[], Awaitable[Any]]) -> Any:
        """Do something that writes keys, so that they are deleted in the end; unless it is refused."""
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

    async def delete(self, rc: Any, connect: Callable[[], Deferred[Any]]) -> None:
        """Delete what was written.

        :param rc: the handler of the pool that wrote it.
        :param connect: makes another handler, for when the pool has lost its connections.
        """
        if not self._written:
            return
        self.left_behind = f"its keys could not be deleted; they expire within {self.life} seconds"
        deleting = Deferred.fromCoroutine(self._delete(rc, connect))
        try:
            await deleting.addTimeout(_CLEANING_LIMIT, current_reactor())
        except (ConnectionError, CommandLineError, DeferredTimeoutError):
            return

    async def _delete(self, rc: Any, connect: Callable[[], Deferred[Any]]) -> None:
        if rc._factory.pool:
            await self._delete_on(list(rc._factory.pool))
            return
        spare = await connect()
        try:
            await self._delete_on(list(spare._factory.pool))
        finally:
            spare.disconnect()

    async def _delete_on(self, connections: list[Any]) -> None:
        # On each connection, so that it comes after whatever is still on its way there. One key a command, because
        # a node of a cluster refuses two.
        deleting = [connection.delete(key) for connection in connections for key in (self.greeting, self.visits)]
        results = await DeferredList(deleting, consumeErrors=True)
        refusals = [result.value for success, result in results if not success and result.check(ResponseError)]
        # A key that lives on another node could not be written either.
        refusals = [error for error in refusals if error.code != "MOVED"]
        if refusals:
            self.left_behind = f"{self.left_behind} ({plain(refusals[0])})"
        elif any(success for success, _ in results) or all(result.check(ResponseError) for _, result in results):
            self.left_behind = ""
