"""Commands that create many hashes of the same fields: the names of the fields are sent once."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from ..._types import Argument, Field, Key, Text, V
from .._parts import CommandHost

__all__ = ["NewerHashCommands"]


class NewerHashCommands(CommandHost[V]):
    """Commands of Redis's group "hash" since Redis 8.10.

    The server keeps the names of fields, a *fieldset*, for one connection only. So a handler refuses these commands
    alone: put them in a pipeline, a batch or a transaction, HIMPORT PREPARE first in each. Its commands are executed on
    one connection, without others among them.
    """

    __slots__ = ()

    def himport_prepare(self, fieldset_name: Argument, *fields: Field) -> Deferred[Text]:
        """Define a fieldset: the fields of hashes to come (Redis 8.10).

        :param fieldset_name: its name; a fieldset of this name on the connection is replaced.
        :param fields: names of the fields, each once.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/himport-prepare/, since 8.10.0
        """
        return self.execute_command("HIMPORT", "PREPARE", fieldset_name, *fields)

    def himport_set(self, key: Key, fieldset_name: Argument, *values: Argument) -> Deferred[Text]:
        """Create a hash with the fields of a fieldset (Redis 8.10).

        :param key: key of the hash; an existing value is replaced.
        :param fieldset_name: name of the fieldset.
        :param values: a value for each field, in the order of :meth:`himport_prepare`.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the connection has no such fieldset.

        https://redis.io/commands/himport-set/, since 8.10.0
        """
        return self.execute_command("HIMPORT", "SET", key, fieldset_name, *values)

    def himport_discard(self, fieldset_name: Argument) -> Deferred[int]:
        """Remove a fieldset (Redis 8.10). Its hashes stay.

        :param fieldset_name: its name.
        :returns: fires with 1, or 0 if the connection has no such fieldset.

        https://redis.io/commands/himport-discard/, since 8.10.0
        """
        return self.execute_command("HIMPORT", "DISCARD", fieldset_name)

    def himport_discardall(self) -> Deferred[int]:
        """Remove all fieldsets of the connection (Redis 8.10).

        :returns: fires with their number.

        https://redis.io/commands/himport-discardall/, since 8.10.0
        """
        return self.execute_command("HIMPORT", "DISCARDALL")
