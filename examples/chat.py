"""A chat: what one person types, all others in the same room read, also after a restart of the server.

python examples/chat.py [URL [NAME [ROOM]]]       (default URL: $REDIS_URL, else redis://localhost:6379)

Start it in several terminals. It ends on Ctrl-D.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Generator
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.internet.stdio import StandardIO
from twisted.internet.task import react
from twisted.protocols.basic import LineReceiver

import txredis_fast as redis

URL, NAME, ROOM = [*sys.argv[1:4], *("", getpass.getuser(), "lobby")[len(sys.argv[1:4]) :]]
CHANNEL = f"example:chat:{ROOM}"


def show(text: str) -> None:
    print(text, flush=True)


class Keyboard(LineReceiver):
    """Publishes each line that is typed; ``ended`` fires at the end of the input."""

    delimiter = b"\n"

    def __init__(self, rc: redis.ConnectionHandler) -> None:
        self.rc = rc
        self.ended: Deferred[None] = Deferred()

    def lineReceived(self, line: bytes) -> None:
        self.say(line.decode(errors="replace"))

    @inlineCallbacks
    def say(self, text: str) -> Generator[Deferred[int], int, None]:
        try:
            readers = yield self.rc.publish(CHANNEL, f"{NAME}: {text}")
        except redis.NotSentError as error:
            show(f"(not sent: {error})")
        except redis.ConnectionError as error:
            show(f"(perhaps not sent: {error})")
        else:
            if not readers:
                show("(nobody was there)")

    def connectionLost(self, reason: Any = None) -> None:
        if not self.ended.called:
            self.ended.callback(None)


def on_gap(seconds: float, refused: list[redis.Refused]) -> None:
    show(f"(back again; messages of the last {seconds:.1f} seconds may be missing)")


async def read(sub: redis.Subscriber) -> None:
    """Show what is said in the room, until the subscriber disconnects."""
    async for message in sub:
        show(str(message.data))


async def main(reactor: Any) -> None:
    try:
        async with redis.connect(URL or None) as rc, rc.subscriber(on_gap=on_gap) as sub:
            await sub.subscribe(CHANNEL)
            reading = Deferred.fromCoroutine(read(sub))
            keyboard = Keyboard(rc)
            StandardIO(keyboard)  # pyright: ignore[reportArgumentType]  # pyright does not know zope.interface
            show(f"({NAME} is in {ROOM})")
            await keyboard.ended
            await sub.disconnect()
            await reading
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
