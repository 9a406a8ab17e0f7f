"""PUBLISH. Subscribing needs a connection of its own: see :class:`.SubscriberProtocol`."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..._types import Argument, V
from .._parts import CommandHost, as_dict

__all__ = ["PubSubCommands"]


class PubSubCommands(CommandHost[V]):
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

    def spublish(self, shard_channel: Argument, message: Argument) -> Deferred[int]:
        """Publish a message to a channel of a cluster's shard.

        :param shard_channel: the channel.
        :param message: the message.
        :returns: fires with the number of subscribers that got it from this node.

        https://redis.io/commands/spublish/, since 7.0.0
        """
        return self.execute_command("SPUBLISH", shard_channel, message)

    def pubsub_channels(self, pattern: Argument | None = None) -> Deferred[list[V]]:
        """List the channels that have subscribers.

        :param pattern: glob-style pattern of their names. None: all.
        :returns: fires with a list of channels.

        https://redis.io/commands/pubsub-channels/, since 2.8.0
        """
        return self.execute_command("PUBSUB", "CHANNELS", *(() if pattern is None else (pattern,)))

    def pubsub_numsub(self, *args: Argument) -> Deferred[dict[V, int]]:
        """Count the subscribers of channels.

        :param args: the channels.
        :returns: fires with a dict: channel -> number.

        https://redis.io/commands/pubsub-numsub/, since 2.8.0
        """
        return self.execute_command("PUBSUB", "NUMSUB", *args, post_proc=as_dict)

    def pubsub_numpat(self) -> Deferred[int]:
        """Count the patterns that have subscribers.

        :returns: fires with the number.

        https://redis.io/commands/pubsub-numpat/, since 2.8.0
        """
        return self.execute_command("PUBSUB", "NUMPAT")

    def pubsub_shardchannels(self, pattern: Argument | None = None) -> Deferred[list[V]]:
        """List the shard channels that have subscribers.

        :param pattern: glob-style pattern of their names. None: all.
        :returns: fires with a list of channels.

        https://redis.io/commands/pubsub-shardchannels/, since 7.0.0
        """
        return self.execute_command("PUBSUB", "SHARDCHANNELS", *(() if pattern is None else (pattern,)))

    def pubsub_shardnumsub(self, *args: Argument) -> Deferred[dict[V, int]]:
        """Count the subscribers of shard channels.

        :param args: the channels.
        :returns: fires with a dict: channel -> number.

        https://redis.io/commands/pubsub-shardnumsub/, since 7.0.0
        """
        return self.execute_command("PUBSUB", "SHARDNUMSUB", *args, post_proc=as_dict)
