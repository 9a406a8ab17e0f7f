"""A cluster of scripted nodes inside the test process: for models and races, without a server.

::

    network = Network()                                    # a reactor in memory, whose clock the test turns
    txredis_fast.reactor = network
    cluster = ScriptedCluster(network, masters=3, replicas=1)     # cluster.addresses
    async with listening_cluster(masters=3) as cluster:           # the same over real sockets

    cluster.begin_move(slot, to); cluster.migrate_keys(slot, 1); cluster.finish_move(slot)
    cluster.move_slots(slots, to); cluster.failover(replica); cluster.down = True
    node.lose_connection(before=b"INCR"); node.lose_connection(after=b"SET"); node.refuse_next(b"TRYAGAIN ...")
    node.pause(); node.resume(); node.kill(); node.restart(); node.unreachable = True; node.freeze(); node.slices = 3

All nodes have one truth: what the replicas have is never behind. It keeps which write was executed how often, by the
number that each carries (:func:`marked`), and :class:`Judge` compares that with what the client was told.
:class:`Storm` lets anything happen, the same for the same seed. Knows nothing of the code under test.
"""

from .cluster import ScriptedCluster
from .judge import Judge
from .network import Network, listening_cluster
from .node import ScriptedNode
from .storm import Storm
from .truth import Truth, marked, number_in

__all__ = [
    "Judge",
    "Network",
    "ScriptedCluster",
    "ScriptedNode",
    "Storm",
    "Truth",
    "listening_cluster",
    "marked",
    "number_in",
]
