"""PUBLISH. Subscribing needs a connection of its own: see :class:`.SubscriberProtocol`."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..._types import Argument
from .._parts import CommandHost

__all__ = ["PubSubCommands"]


class PubSubCommands(CommandHost):
    """Commands of Redis's group "pubsub" that are allowed on a shared connection."""

    __slots__ = ()

    def publish(self, channel: Argument, message: Argument) -> Deferred[int]:
        """Publish a message to the present subscribers of a channel.

        :param channel: name of the channel.
        :param message: the message.
        :returns: fires with the number of subscribers on this server that the message was sent to.

        https://redis.io/commands/publish/, since 2.0.0
        """
        return self.execute_command("PUBLISH", channel, message)
