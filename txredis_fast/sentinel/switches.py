"""What Sentinels tell unasked: that a service has another master from now on.

A planned fail-over leaves the former master running for some seconds, and what is written there is lost; a master
that hangs answers nobody. Neither shows on the connections, so the Sentinels' own messages are listened to.

This module must not know what is done about it.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.python import log
from twisted.python.failure import Failure

from .._checks import as_text
from ..pubsub import SubscriberProtocol

__all__ = ["SwitchListener"]

#: The channel on which a Sentinel publishes ``service old-host old-port new-host new-port``.
CHANNEL = "+switch-master"


class SwitchListener(SubscriberProtocol):
    """Calls ``factory.on_switch(service)`` for each change of a master. Its replies must be bytes."""

    def connectionMade(self) -> Deferred[None]:
        """Subscribe."""
        made = super().connectionMade()
        self.subscribe(CHANNEL).addErrback(_refused)
        return made

    def messageReceived(self, pattern: Any, channel: Any, message: Any) -> None:
        """A master has changed."""
        self.factory.on_switch(as_text(message).split(" ", 1)[0])


def _refused(failure: Failure) -> None:
    # Without it a fail-over is noticed when connections are lost, as it is by clients that do not listen.
    log.msg(f"Redis: cannot listen to a Sentinel: {failure.getErrorMessage()}")
