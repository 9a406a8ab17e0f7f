"""Commands on the connections of a server: the list of clients, and their treatment."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Number, Text, V
from .._parts import (
    CommandHost,
    client_fields,
    clients_fields,
    described_flags,
    errors_to_deferred,
    milliseconds,
    one_or_many,
)

__all__ = ["ClientCommands"]


class ClientCommands(CommandHost[V]):
    """Subcommands of CLIENT.

    On a pool, what concerns "this connection" concerns the one that the command happens to be sent on; name connections
    by the option ``clientName``. Subcommands that change how replies come are no methods.
    """

    __slots__ = ()

    def client_id(self) -> Deferred[int]:
        """Get the ID of this connection.

        :returns: fires with the number, which the server never uses again.

        https://redis.io/commands/client-id/, since 5.0.0
        """
        return self.execute_command("CLIENT", "ID")

    def client_info(self) -> Deferred[dict[str, str]]:
        """Describe this connection.

        :returns: fires with a dict of the server's fields, names and values as ``str``: ``"id"``, ``"addr"`` ...

        https://redis.io/commands/client-info/, since 6.2.0
        """
        return self.execute_command("CLIENT", "INFO", post_proc=client_fields)

    @errors_to_deferred
    def client_list(
        self,
        _type: Text | None = None,
        client_id: Argument | Iterable[Argument] = (),
        **filters: Argument | bool | list[Argument] | tuple[Argument, ...],
    ) -> Deferred[list[dict[str, str]]]:
        """Describe the connections of the server.

        :param _type: ``"normal"``, ``"master"``, ``"replica"`` or ``"pubsub"``: only these (Redis 5.0).
        :param client_id: IDs of connections: only these (Redis 6.2).
        :param filters: of Valkey 8.1: *addr*, *laddr*, *user*, *maxage* (seconds), *skipme* (a bool); of Valkey 9.0:
            *ip*, *name*, *flags*, *idle* (seconds), *lib_name*, *lib_ver*, *db*, *capa*, and the opposite ``not_id``,
            ``not_type``, ``not_addr`` ... of all but *maxage*, *idle* and *skipme*. A list is several IDs.
        :returns: fires with a list of dicts of the server's fields, names and values as ``str``.

        https://redis.io/commands/client-list/, since 2.4.0
        """
        ids = (client_id,) if isinstance(client_id, int) else one_or_many(client_id)
        arguments = _filters({"type": _type, "id": ids or None, **filters})
        return self.execute_command("CLIENT", "LIST", *arguments, post_proc=clients_fields)

    def client_kill(self, address: Text) -> Deferred[Text]:
        """Close the connection from an address.

        :param address: ``"host:port"``.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if there is no such connection.

        https://redis.io/commands/client-kill/, since 2.4.0
        """
        return self.execute_command("CLIENT", "KILL", address)

    @errors_to_deferred
    def client_kill_filter(
        self,
        _id: Argument | None = None,
        _type: Text | None = None,
        addr: Text | None = None,
        skipme: bool | None = None,
        laddr: Text | None = None,
        user: Argument | None = None,
        maxage: int | None = None,
        **filters: Argument | bool | list[Argument] | tuple[Argument, ...],
    ) -> Deferred[int]:
        """Close the connections that match all filters.

        :param _id: the connection's ID.
        :param _type: ``"normal"``, ``"master"``, ``"replica"`` or ``"pubsub"``.
        :param addr: its address, ``"host:port"``.
        :param skipme: False: this connection, too. None: not this one.
        :param laddr: the server's own address of it (Redis 6.2).
        :param user: its ACL user (Redis 6.0).
        :param maxage: seconds since it was made, at least (Redis 7.4).
        :param filters: of Valkey 9.0, those of :meth:`client_list`, such as ``name="x"``, ``not_id=[1, 2]``.
        :returns: fires with the number of connections closed.

        https://redis.io/commands/client-kill/, since 2.8.12
        """
        given = {"id": _id, "type": _type, "user": user, "addr": addr, "laddr": laddr, "skipme": skipme}
        arguments = _filters({**given, "maxage": maxage, **filters})
        return self.execute_command("CLIENT", "KILL", *arguments)

    def client_getname(self) -> Deferred[Text | None]:
        """Get the name of this connection.

        :returns: fires with the name, or None.

        https://redis.io/commands/client-getname/, since 2.6.9
        """
        return self.execute_command("CLIENT", "GETNAME")

    def client_setname(self, name: Argument) -> Deferred[Text]:
        """Name this connection. For a pool, use its option ``clientName``.

        :param name: the name, without spaces.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/client-setname/, since 2.6.9
        """
        return self.execute_command("CLIENT", "SETNAME", name)

    def client_setinfo(self, attr: Text, value: Argument) -> Deferred[Text]:
        """Name the library of this connection, for :meth:`client_list`.

        :param attr: ``"LIB-NAME"`` or ``"LIB-VER"``.
        :param value: the text, without spaces.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/client-setinfo/, since 7.2.0
        """
        return self.execute_command("CLIENT", "SETINFO", attr, value)

    def client_getredir(self) -> Deferred[int]:
        """Get the connection that gets the invalidations of this one's tracking.

        :returns: fires with its ID; 0: this one, -1: tracking is off.

        https://redis.io/commands/client-getredir/, since 6.0.0
        """
        return self.execute_command("CLIENT", "GETREDIR")

    def client_trackinginfo(self) -> Deferred[dict[str, Any]]:
        """Describe the tracking of this connection.

        :returns: fires with a dict with ``"flags"``, ``"redirect"`` and ``"prefixes"``.

        https://redis.io/commands/client-trackinginfo/, since 6.2.0
        """
        return self.execute_command("CLIENT", "TRACKINGINFO", post_proc=described_flags)

    def client_no_evict(self, mode: Text) -> Deferred[Text]:
        """Except this connection from being closed where the server lacks memory for clients.

        :param mode: ``"ON"`` or ``"OFF"``.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/client-no-evict/, since 7.0.0
        """
        return self.execute_command("CLIENT", "NO-EVICT", mode)

    def client_no_touch(self, mode: Text) -> Deferred[Text]:
        """Let commands of this connection not count as uses of keys, for the server's eviction.

        :param mode: ``"ON"`` or ``"OFF"``.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/client-no-touch/, since 7.2.0
        """
        return self.execute_command("CLIENT", "NO-TOUCH", mode)

    @errors_to_deferred
    def client_pause(self, timeout: Number | datetime.timedelta, all: bool = True) -> Deferred[Text]:
        """Let the server execute no commands of clients for a while.

        :param timeout: milliseconds, or a ``timedelta``.
        :param all: False: only commands that write wait (Redis 6.2).
        :returns: fires with ``"OK"``.

        https://redis.io/commands/client-pause/, since 3.0.0
        """
        mode = () if all else ("WRITE",)
        return self.execute_command("CLIENT", "PAUSE", milliseconds("timeout", timeout), *mode)

    def client_unpause(self) -> Deferred[Text]:
        """End :meth:`client_pause`.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/client-unpause/, since 6.2.0
        """
        return self.execute_command("CLIENT", "UNPAUSE")

    def client_unblock(self, client_id: int, error: bool = False) -> Deferred[int]:
        """End the waiting of another connection's blocking command.

        :param client_id: the other connection's ID.
        :param error: the command fails, else it ends as after its timeout.
        :returns: fires with 1, or 0 if that connection does not wait.

        https://redis.io/commands/client-unblock/, since 5.0.0
        """
        return self.execute_command("CLIENT", "UNBLOCK", client_id, *(("ERROR",) if error else ()))


def _filters(given: dict[str, Any]) -> list[Argument]:
    arguments: list[Argument] = []
    for name, value in given.items():
        if value is None:
            continue
        arguments.append(name.upper().replace("_", "-"))
        if isinstance(value, bool):
            arguments.append("YES" if value else "NO")
        elif isinstance(value, (list, tuple)):
            arguments += value
        else:
            arguments.append(value)
    return arguments
