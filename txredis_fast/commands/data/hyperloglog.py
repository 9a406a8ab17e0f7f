"""Commands on HyperLogLogs, which estimate the number of distinct elements added to them."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..._types import Argument, Items, Key, Keys, Text, V
from .._parts import CommandHost, errors_to_deferred, list_or_args

__all__ = ["HyperLogLogCommands"]


class HyperLogLogCommands(CommandHost[V]):
    """Commands of Redis's group "hyperloglog"."""

    __slots__ = ()

    @errors_to_deferred
    def pfadd(self, key: Key, elements: Argument | Items, *args: Argument) -> Deferred[int]:
        """Add elements to a HyperLogLog, which is created if it does not exist.

        :param key: key of the HyperLogLog.
        :param elements: one element or an iterable of elements.
        :param args: further elements. Deprecated: give an iterable instead.
        :returns: fires with 1 if the estimate may have changed, else 0.

        https://redis.io/commands/pfadd/, since 2.8.9
        """
        return self.execute_command("PFADD", key, *list_or_args("pfadd", elements, args))

    @errors_to_deferred
    def pfcount(self, keys: Keys, *args: Key) -> Deferred[int]:
        """Estimate the number of distinct elements of one HyperLogLog, or of the union of several.

        :param keys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with the estimate; its standard error is 0.81 %.

        https://redis.io/commands/pfcount/, since 2.8.9
        """
        return self.execute_command("PFCOUNT", *list_or_args("pfcount", keys, args))

    @errors_to_deferred
    def pfmerge(self, destKey: Key, sourceKeys: Keys, *args: Key) -> Deferred[Text]:
        """Merge HyperLogLogs into one.

        :param destKey: key of the result. An existing HyperLogLog is merged, too.
        :param sourceKeys: one key or an iterable of keys.
        :param args: further keys. Deprecated: give an iterable instead.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/pfmerge/, since 2.8.9
        """
        return self.execute_command("PFMERGE", destKey, *list_or_args("pfmerge", sourceKeys, args))
