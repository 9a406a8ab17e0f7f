"""A process that consumes a stream until somebody kills it: ``python -m testbed.worker PORT NAME CLAIM_IDLE POISON``.

It notes each entry that it has worked on as a member of the set ``done``, and then acknowledges it. It dies at once of
an entry whose field ``n`` is POISON. Its group is ``g``, of the stream ``s``; dead letters go to ``dead``.
"""

from __future__ import annotations

import os
import signal
import sys

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

import txredis_fast as redis

reactor: object = _reactor


async def work(port: int, name: str, claim_idle: int, poison: str) -> None:
    """Consume for ever."""
    rc = await redis.ConnectionPool("127.0.0.1", port, poolsize=2)
    poisoned = {"max_deliveries": 3, "dead_letter": "dead"}
    consuming = rc.consume("s", "g", name, count=5, block=500, claim_idle=claim_idle, **poisoned)
    async with consuming as entries:
        async for entry in entries:
            if str(entry.fields["n"]) == poison:
                os.kill(os.getpid(), signal.SIGKILL)
            await rc.sadd("done", entry.id)
            await entry.ack()


def _failed(failure: Failure) -> None:
    failure.printTraceback(sys.stderr)
    os._exit(1)


if __name__ == "__main__":
    number, name, claim_idle, poison = sys.argv[1:]
    Deferred.fromCoroutine(work(int(number), name, int(claim_idle), poison)).addErrback(_failed)
    reactor.run()  # type: ignore[attr-defined]
