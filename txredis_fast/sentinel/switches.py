"""Subscribe to the Sentinels' messages about a new master.

During a planned fail-over the former master runs on for some seconds, and data written to it is lost; a master that
hangs does not answer. In neither case are connections closed, so the Sentinels' own messages are needed.

This module must not know what happens upon a change.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python import log
from twisted.python.failure import Failure

from .._checks import as_text
from ..pubsub import SubscriberProtocol

__all__ = ["SwitchListener"]

#: The channel on which a Sentinel publishes ``service old-host old-port new-host new-port``.
CHANNEL = "+switch-master"


class SwitchListener(SubscriberProtocol):
    """Calls ``factory.on_switch(service)`` for each new master, and ``factory.on_gap()`` if it may have missed one.

    Its replies must be bytes.
    """

    def connectionMade(self) -> Deferred[None]:
        """Subscribe."""
        made = super().connectionMade()
        self.subscribe(CHANNEL).addErrback(_refused)
        return made

    def connectionGap(self, seconds: float, refused: object) -> None:
        """Messages were missed meanwhile: any service may have a new master."""
        self.factory.on_gap()

    def messageReceived(self, pattern: object, channel: object, message: object) -> None:
        """A service has a new master."""
        self.factory.on_switch(as_text(message).split(" ", 1)[0])


def _refused(failure: Failure) -> None:
    # Without the subscription, a fail-over is noticed when connections are lost.
    log.msg(f"Redis: cannot listen to a Sentinel: {failure.getErrorMessage()}")
