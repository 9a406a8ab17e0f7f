"""``ClusterConnection`` and ``lazyClusterConnection``: the handler of a Redis or Valkey Cluster.

This module must not know how nodes are found.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..cluster import ClusterConnecting, ClusterConnectionHandler, GivenSeeds, open_cluster
from ..options import AllClusterOptions, ClusterOptions, refuse_others, shows_options

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["ClusterConnection", "lazyClusterConnection", "open_cluster_url"]


@shows_options(AllClusterOptions, declaring=ClusterOptions)
def ClusterConnection(hosts: GivenSeeds, **options: Unpack[AllClusterOptions]) -> ClusterConnecting:
    """Connect to a Redis or Valkey Cluster: ``rc = await redis.ClusterConnection(["10.0.0.1:6379", "10.0.0.2:6379"])``.

    :param hosts: nodes to ask for the others: ``"host:port"``, ``("host", port)`` or a list of these. All addresses of
        a name are asked. A function without arguments may return them, or a Deferred or a coroutine of them; it is
        called whenever no known node answers.
    :param options: fields of :class:`~txredis_fast.ClusterOptions`. ``poolsize`` is the number of connections to each
        node.
    :returns: a :class:`ClusterConnecting`, which fires with a :class:`ClusterConnectionHandler` when all masters are
        connected, or when ``connectTimeout`` seconds (10) have passed and one is; ``async with`` closes it. It fails
        with :exc:`ConnectionFailedError`, which names the addresses asked and the reasons.
    :raises ValueError: the addresses or an option are wrong.
    """
    refuse_others("ClusterConnection()", options, AllClusterOptions)
    return open_cluster(hosts, ClusterOptions(**options)).connecting()


@shows_options(AllClusterOptions, declaring=ClusterOptions)
def lazyClusterConnection(hosts: GivenSeeds, **options: Unpack[AllClusterOptions]) -> ClusterConnectionHandler[Any]:
    """Make the handler of a cluster at once, and connect in the background.

    A command waits for its node, as the option ``poolTimeout`` says. Parameters: see :func:`ClusterConnection`.

    :raises ValueError: the addresses or an option are wrong.
    """
    refuse_others("lazyClusterConnection()", options, AllClusterOptions)
    return open_cluster(hosts, ClusterOptions(**options)).handler


def open_cluster_url(hosts: GivenSeeds, options: Any, lazy: bool) -> tuple[Any, Any]:
    """Begin to connect to the cluster of a URL.

    :param options: :class:`~txredis_fast.ClusterOptions`.
    :returns: the handler, and the Deferred that fires with it; None if ``lazy``.
    """
    opened = open_cluster(hosts, options)
    return opened.handler, None if lazy else opened.connecting()
