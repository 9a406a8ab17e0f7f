"""Several nodes with one keyspace: a Redis or Valkey Cluster, whose commands go to the nodes of their keys."""

from __future__ import annotations

from .handler import ClusterConnectionHandler
from .node import ClusterNode
from .opening import ClusterConnecting, open_cluster
from .topology import GivenSeeds
from .transactions import ClusterTransaction

__all__ = [
    "ClusterConnecting",
    "ClusterConnectionHandler",
    "ClusterNode",
    "ClusterTransaction",
    "GivenSeeds",
    "open_cluster",
]
