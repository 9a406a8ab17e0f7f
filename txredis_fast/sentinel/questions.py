"""How one Sentinel is asked for a master or for replicas, with what its user may run and its version knows.

The user that the Sentinels' documentation makes for clients may run MASTER, REPLICAS and GET-MASTER-ADDR-BY-NAME, but
neither MASTERS nor SLAVES; others may run only these. Before Redis 5.0 there is no REPLICAS. So a question that is
refused is put in other words, and what a Sentinel has answered is what it is asked first from then on.

This module must not know what the answers are good for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from twisted.internet.defer import Deferred

from .._checks import as_text
from .._types import Argument
from ..exceptions import AuthenticationError, MasterNotFoundError, ResponseError
from .answers import node_of, nodes_of

__all__ = ["Questions"]

_Question = Callable[[Any, Argument], Awaitable[Any]]


class Questions:
    """What a group of Sentinels is asked."""

    def __init__(self) -> None:
        #: By Sentinel and kind of question: the one that it answered.
        self._answered: WeakKeyDictionary[Any, dict[str, int]] = WeakKeyDictionary()

    def master(self, sentinel: Any, service: Argument, counts: bool) -> Deferred[dict[str, Any]]:
        """Ask for the description of a service's master.

        :param counts: whether the number of other Sentinels counts. It is asked for where the address is all that
            the user may know.
        :returns: fires with it; fails with :exc:`.MasterNotFoundError` if the Sentinel does not know the service.
        """
        address = _address_and_count if counts else _address
        return self._ask(sentinel, service, "master", (_master, _masters, address))

    def replicas(self, sentinel: Any, service: Argument) -> Deferred[list[dict[str, Any]]]:
        """Ask for the descriptions of a service's replicas."""
        return self._ask(sentinel, service, "replicas", (_replicas, _slaves))

    def _ask(self, sentinel: Any, service: Argument, kind: str, questions: Sequence[_Question]) -> Deferred[Any]:
        return Deferred.fromCoroutine(self._ask_in_turn(sentinel, service, kind, questions))

    async def _ask_in_turn(self, sentinel: Any, service: Argument, kind: str, questions: Sequence[_Question]) -> Any:
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
    """The Sentinel does not know the service: to ask otherwise is of no use."""


async def _told(sentinel: Any, subcommand: str, service: Argument) -> Any:
    try:
        return await sentinel.execute_command("SENTINEL", subcommand, service)
    except ResponseError as error:
        if "No such master" in str(error):
            raise _UnknownServiceError(_UNKNOWN) from None
        raise


async def _master(sentinel: Any, service: Argument) -> dict[str, Any]:
    return node_of(await _told(sentinel, "MASTER", service))


async def _masters(sentinel: Any, service: Argument) -> dict[str, Any]:
    # Names come back as bytes without a charset, and as numbers where they look like some.
    wanted = as_text(service)
    for state in nodes_of(await sentinel.execute_command("SENTINEL", "MASTERS")):
        if as_text(state.get("name")) == wanted:
            return state
    raise _UnknownServiceError(_UNKNOWN)


async def _address(sentinel: Any, service: Argument) -> dict[str, Any]:
    reply = await _told(sentinel, "GET-MASTER-ADDR-BY-NAME", service)
    if reply is None:
        raise _UnknownServiceError(_UNKNOWN)
    if not isinstance(reply, list) or len(reply) != 2:
        raise MasterNotFoundError("its answer is no host and port")
    return node_of(["name", service, "ip", reply[0], "port", reply[1], "flags", "master", "num-other-sentinels", 0])


async def _address_and_count(sentinel: Any, service: Argument) -> dict[str, Any]:
    state = await _address(sentinel, service)
    state["num-other-sentinels"] = len(nodes_of(await _told(sentinel, "SENTINELS", service)))
    return state


async def _replicas(sentinel: Any, service: Argument) -> list[dict[str, Any]]:
    return nodes_of(await _told(sentinel, "REPLICAS", service))


async def _slaves(sentinel: Any, service: Argument) -> list[dict[str, Any]]:
    return nodes_of(await _told(sentinel, "SLAVES", service))
