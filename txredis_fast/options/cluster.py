"""The options of a cluster's handler: those of every connection, and those of the cluster itself.

This module must not know what an option is used for.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias, cast

from .._checks import check_choice, shown
from . import readers
from .checks import count, seconds
from .connection import ConnectionOptions
from .option import documented, option

__all__ = ["AddressMap", "ClusterOptions", "ReadFrom"]

#: See the option ``readFrom``.
ReadFrom: TypeAlias = Literal["master", "replica", "any", "zone"]

#: See the option ``addressMap``.
AddressMap: TypeAlias = Mapping[tuple[str, int], tuple[str, int]] | Callable[[tuple[str, int]], tuple[str, int]] | None


def check_read_from(name: str, value: object) -> ReadFrom:
    """Check the option ``readFrom``."""
    return cast("ReadFrom", check_choice(name, value, ("master", "replica", "any", "zone")))


def check_zone(name: str, value: object) -> str | None:
    """Check the option ``clientZone``."""
    if value is not None and not (isinstance(value, str) and value):
        raise ValueError(f"{name} must be the name of an availability zone, or None, not {shown(value)}")
    return value


def check_address_map(name: str, value: object) -> AddressMap:
    """Check the option ``addressMap``."""
    if value is None or callable(value):
        return cast("AddressMap", value)
    if not isinstance(value, Mapping):
        raise ValueError(f"{name} must be a function, a dict of addresses, or None, not {shown(value)}")
    for address in (*value, *value.values()):
        if not (
            isinstance(address, tuple)
            and len(address) == 2
            and isinstance(address[0], str)
            and type(address[1]) is int
            and 0 < address[1] < 65536
        ):
            raise ValueError(f'{name} needs addresses such as ("10.0.0.1", 6379), not {shown(address)}')
    return dict(value)


@documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class ClusterOptions(ConnectionOptions):
    """The options of a cluster: of its connections, as in ConnectionOptions, and of the cluster itself.

    ``poolsize``, the limits and the times are those of each node. Where these say None, a node's ``connectTimeout`` is
    2 and its ``healthCheckInterval`` is 5 seconds, so that a dead node is left soon.

    :raises ValueError: an option has a wrong type or is out of range; the error names the option.
    """

    readFrom: ReadFrom = option(
        "master",
        check=check_read_from,
        read=readers.read_read_from,
        doc="""Which nodes serve commands that only read. "master": the slot's master. "replica": its replicas in turn,
        and the master if none can. "any": all of them in turn. "zone": those whose zone is ``clientZone``, else as
        "replica". A replica may lag behind its master.""",
    )
    clientZone: str | None = option(
        None,
        check=check_zone,
        read=readers.read_text,
        doc="""Availability zone of this program, for ``readFrom="zone"``; compared with the servers' option
        ``availability-zone`` (Valkey 8.1 and later).""",
    )
    addressMap: AddressMap = option(
        None,
        check=check_address_map,
        doc="""Where nodes are reached at other addresses than they announce, as behind NAT: a dict from the announced
        ``(host, port)`` to the one to connect to, or a function that returns it. None: as announced.""",
    )
    topologyInterval: float = option(
        60.0,
        check=seconds,
        read=readers.read_seconds,
        doc="""Seconds between two requests for the cluster's topology while nothing happens; 0: only when something
        happens, such as a redirection or a lost connection.""",
    )
    maxRedirections: int = option(
        16,
        check=count(1),
        read=readers.read_poolsize,
        doc="""How many times one command follows a redirection (MOVED or ASK) before it fails with that.""",
    )
    nodeGrace: float = option(
        1.0,
        check=seconds,
        read=readers.read_seconds,
        doc="""Seconds that a node which has left the cluster gets for its replies in flight.""",
    )
