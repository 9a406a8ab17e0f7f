"""Deposits in a cluster: one that this program has confirmed is there, once, also if its master dies.

python examples/cluster.py HOST:PORT [HOST:PORT ...]       (any nodes of the cluster)

Kill a master meanwhile, and start it again when its replica has taken its place: the deposits go on.
"""

import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater, react

import txredis_fast as redis

Cluster = redis.ClusterConnectionHandler[Any]

ACCOUNTS = [f"example:account:{number}" for number in range(12)]
DEPOSITS = 40
AMOUNT = 5

#: Errors of a node that has refused a command, because it is not, or not yet, the one to ask.
REFUSALS = (redis.MovedError, redis.AskError, redis.ClusterDownError, redis.LoadingError, redis.ReadOnlyError)


async def deposit(rc: Cluster, account: str, number: int) -> None:
    """Make one deposit. When this returns, the master and a replica have it.

    Each deposit has a field of its own, so repeating one does not double it. That is why an unknown outcome is no
    problem here; INCRBY could not be repeated.
    """
    while True:
        try:
            node = rc.node_for(account)
            # One write on one connection, because WAIT is about the writes of its own connection. A single command
            # would need none of this: `rc` follows the slot by itself.
            made, replicas = await node.batch(
                [("HSET", account, f"deposit {number}", AMOUNT), ("WAIT", 1, 500)], raise_on_error=False
            )
            if isinstance(made, REFUSALS):
                await rc.refresh()  # another node serves the account now
            elif isinstance(made, Exception):
                raise made
            elif isinstance(replicas, int) and replicas > 0:
                return
            # Else only this node has it, and could take it to its grave.
        except redis.MaybeExecutedError:
            pass  # its connection was lost: it was made, or not
        except redis.NotSentError:
            pass  # it was not made: the master is gone, and a replica takes its place soon
        await deferLater(reactor, 0.1)


async def fill(rc: Cluster, account: str) -> int:
    """Make all deposits of one account; returns how many were confirmed."""
    confirmed = 0
    for number in range(DEPOSITS):
        await deposit(rc, account, number)
        confirmed += 1
        await deferLater(reactor, 0.02)
    return confirmed


async def run(seeds: list[str]) -> None:
    async with redis.ClusterConnection(seeds, convertNumbers=False) as rc:
        await rc.delete(ACCOUNTS)  # keys of all slots: one command to each master
        print("ready:", len(rc.masters()), "masters")
        working = [Deferred.fromCoroutine(fill(rc, account)) for account in ACCOUNTS]
        confirmed = sum(await gatherResults(working, consumeErrors=True))
        print("confirmed:", confirmed)
        accounts = [await rc.hvals(account) for account in ACCOUNTS]
        print("found:", sum(map(len, accounts)))
        print("total:", sum(int(amount) for amounts in accounts for amount in amounts))
        await rc.delete(ACCOUNTS)


async def main(_: Any, *seeds: str) -> None:
    try:
        await run(list(seeds))
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to the cluster: {error}") from None


if __name__ == "__main__":
    react(main, sys.argv[1:])
