"""The publishing half of publish/subscribe; subscribing needs a connection of its own, ``SubscriberProtocol``."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..._types import Argument
from .._parts import CommandHost

__all__ = ["PubSubCommands"]


class PubSubCommands(CommandHost):
    """Commands of Redis's group "pubsub" that any connection may send."""

    __slots__ = ()

    def publish(self, channel: Argument, message: Argument) -> Deferred[int]:
        """Send a message to everyone who is subscribed to a channel now.

        :param channel: name of the channel.
        :param message: the message.
        :returns: fires with the number of clients that were sent it, on this server.

        https://redis.io/commands/publish/, since 2.0.0
        """
        return self.execute_command("PUBLISH", channel, message)
