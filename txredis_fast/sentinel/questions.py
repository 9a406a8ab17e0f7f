"""Ask one Sentinel for a master or for replicas, with commands that its user may run and its version has.

The user for clients in the Sentinels' documentation may run MASTER, REPLICAS and GET-MASTER-ADDR-BY-NAME, but neither
MASTERS nor SLAVES; other users may run only these two. REPLICAS exists since Redis 5.0. So when a Sentinel refuses a
command, the next one is tried, and the command that succeeded is the first one the next time.

This module must not know what the answers are used for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias, TypeVar
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred

from .._checks import as_text
from .._types import Argument, Reply
from ..client import ConnectionHandler
from ..exceptions import AuthenticationError, MasterNotFoundError, ResponseError
from .answers import node_of, nodes_of

__all__ = ["Questions"]

_Description = TypeVar("_Description")
_Question: TypeAlias = Callable[[ConnectionHandler, Argument], Awaitable[_Description]]


class Questions:
    """The commands that a group of Sentinels accepts."""

    def __init__(self) -> None:
        #: By Sentinel and kind of question: the index of the command that succeeded.
        self._answered: WeakKeyDictionary[ConnectionHandler, dict[str, int]] = WeakKeyDictionary()

    def master(self, sentinel: ConnectionHandler, service: Argument, counts: bool) -> Deferred[dict[str, Any]]:
        """Ask for the description of a service's master.

        :param counts: whether the number of other Sentinels is needed. Where the user may only ask for the address,
            that takes one more command.
        :returns: fires with the description; fails with :exc:`.MasterNotFoundError` if the Sentinel does not know the
        service.
        """
        address = _address_and_count if counts else _address
        return self._ask(sentinel, service, "master", (_master, _masters, address))

    def replicas(self, sentinel: ConnectionHandler, service: Argument) -> Deferred[list[dict[str, Any]]]:
        """Ask for the descriptions of a service's replicas."""
        return self._ask(sentinel, service, "replicas", (_replicas, _slaves))

    def _ask(
        self, sentinel: ConnectionHandler, service: Argument, kind: str, questions: Sequence[_Question[_Description]]
    ) -> Deferred[_Description]:
        return Deferred.fromCoroutine(self._ask_in_turn(sentinel, service, kind, questions))

    async def _ask_in_turn(
        self, sentinel: ConnectionHandler, service: Argument, kind: str, questions: Sequence[_Question[_Description]]
    ) -> _Description:
        answered = self._answered.setdefault(sentinel, {})
        first = answered.get(kind, 0)
        refused: Exception | None = None
        for number in sorted(range(len(questions)), key=lambda number: (number != first, number)):
            try:
                answer = await questions[number](sentinel, service)
            except _UnknownServiceError:
                raise
            except AuthenticationError:
                raise
            except (ResponseError, MasterNotFoundError) as error:
                refused = refused or error
            else:
                answered[kind] = number
                return answer
        raise refused or MasterNotFoundError("was not asked")


_UNKNOWN = "does not know this service"


class _UnknownServiceError(MasterNotFoundError):
    """The Sentinel does not know the service: other commands would not help."""


async def _told(sentinel: ConnectionHandler, subcommand: str, service: Argument) -> Reply:
    try:
        return await sentinel.execute_command("SENTINEL", subcommand, service)
    except ResponseError as error:
        if "No such master" in str(error):
            raise _UnknownServiceError(_UNKNOWN) from None
        raise


async def _master(sentinel: ConnectionHandler, service: Argument) -> dict[str, Any]:
    return node_of(await _told(sentinel, "MASTER", service))


async def _masters(sentinel: ConnectionHandler, service: Argument) -> dict[str, Any]:
    # Replies have names as bytes without a charset, and as numbers where they look like numbers.
    wanted = as_text(service)
    for state in nodes_of(await sentinel.execute_command("SENTINEL", "MASTERS")):
        if as_text(state.get("name")) == wanted:
            return state
    raise _UnknownServiceError(_UNKNOWN)


async def _address(sentinel: ConnectionHandler, service: Argument) -> dict[str, Any]:
    reply = await _told(sentinel, "GET-MASTER-ADDR-BY-NAME", service)
    if reply is None:
        raise _UnknownServiceError(_UNKNOWN)
    if not isinstance(reply, list) or len(reply) != 2:
        raise MasterNotFoundError("its answer is no host and port")
    return node_of(["name", service, "ip", reply[0], "port", reply[1], "flags", "master", "num-other-sentinels", 0])


async def _address_and_count(sentinel: ConnectionHandler, service: Argument) -> dict[str, Any]:
    state = await _address(sentinel, service)
    state["num-other-sentinels"] = len(nodes_of(await _told(sentinel, "SENTINELS", service)))
    return state


async def _replicas(sentinel: ConnectionHandler, service: Argument) -> list[dict[str, Any]]:
    return nodes_of(await _told(sentinel, "REPLICAS", service))


async def _slaves(sentinel: ConnectionHandler, service: Argument) -> list[dict[str, Any]]:
    return nodes_of(await _told(sentinel, "SLAVES", service))
