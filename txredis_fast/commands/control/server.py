"""Commands on the server as a whole: persistence, state, databases."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Text
from ...exceptions import InvalidData
from .._parts import deprecated, errors_to_deferred, exclusive, flags, info_fields
from .connection import StopsTrying

__all__ = ["ServerCommands"]


class ServerCommands(StopsTrying):
    """Commands of Redis's group "server"."""

    __slots__ = ()

    def dbsize(self) -> Deferred[int]:
        """Get the number of keys of the database.

        :returns: fires with the number.

        https://redis.io/commands/dbsize/, since 1.0.0
        """
        return self.execute_command("DBSIZE")

    @errors_to_deferred
    def flush(self, all_dbs: bool = False) -> Deferred[Text]:
        """Remove all keys. Deprecated: use :meth:`flushdb` or :meth:`flushall`.

        :param all_dbs: True: the keys of all databases; False: those of the selected database.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/flushdb/, since 1.0.0
        """
        deprecated("redis.flush() has been deprecated, use redis.flushdb() or redis.flushall() instead")
        return self.flushall() if all_dbs else self.flushdb()

    def flushdb(self, *, asynchronous: bool | None = None) -> Deferred[Text]:
        """Remove all keys of the database.

        :param asynchronous: True: the server frees the memory in the background (Redis 4.0); False: at once (Redis
            6.2). None: as the server is configured.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/flushdb/, since 1.0.0
        """
        return self.execute_command("FLUSHDB", *_freeing(asynchronous))

    def flushall(self, *, asynchronous: bool | None = None) -> Deferred[Text]:
        """Remove all keys of all databases.

        :param asynchronous: as of :meth:`flushdb`.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/flushall/, since 1.0.0
        """
        return self.execute_command("FLUSHALL", *_freeing(asynchronous))

    def time(self) -> Deferred[list[Any]]:
        """Get the server's time.

        :returns: fires with ``[seconds, microseconds]``: the Unix time, and the microseconds of the current second.

        https://redis.io/commands/time/, since 2.6.0
        """
        return self.execute_command("TIME")

    def save(self) -> Deferred[Text]:
        """Save the data to disk. The server executes no other command until it is done.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/save/, since 1.0.0
        """
        return self.execute_command("SAVE")

    @errors_to_deferred
    def bgsave(self, *, schedule: bool = False, cancel: bool = False) -> Deferred[Text]:
        """Start to save the data to disk in the background.

        :param schedule: if the append-only file is being rewritten, save after that (Redis 3.2.2).
        :param cancel: stop the saving in progress, or the scheduled one, instead (Valkey 8.1).
        :returns: fires with ``"Background saving started"``; fails with :exc:`.ResponseError` if the server is
            already saving.

        https://redis.io/commands/bgsave/, since 1.0.0
        """
        exclusive("bgsave", schedule=schedule, cancel=cancel)
        return self.execute_command("BGSAVE", *flags(schedule=schedule, cancel=cancel))

    def lastsave(self) -> Deferred[int]:
        """Get the time of the last successful save.

        :returns: fires with the Unix time in seconds.

        https://redis.io/commands/lastsave/, since 1.0.0
        """
        return self.execute_command("LASTSAVE")

    @errors_to_deferred
    def shutdown(
        self,
        *,
        save: bool = False,
        nosave: bool = False,
        now: bool = False,
        force: bool = False,
        abort: bool = False,
        safe: bool = False,
        failover: bool = False,
    ) -> Deferred[Any]:
        """Save the data and stop the server. The client does not reconnect.

        :param save: save even if no points of saving are configured.
        :param nosave: do not save.
        :param now: do not wait for replicas that lag (*now*, *force* and *abort*: Redis 7.0).
        :param force: stop even if saving fails.
        :param abort: stop the shutdown in progress instead; the client goes on reconnecting.
        :param safe: only if it is safe: not a cluster's primary that has slots (*safe* and *failover*: Valkey 9.0).
        :param failover: of a cluster's primary, hand over to a replica before.
        :returns: fails with :exc:`.ConnectionError` when the server has closed the connection, which is success;
            fails with :exc:`.ResponseError` if the server cannot save. With *abort*, fires with ``"OK"``. Fails with
            :exc:`.InvalidData` for *save* and *nosave*, and for *abort* and another option.

        https://redis.io/commands/shutdown/, since 1.0.0
        """
        options = flags(save=save, nosave=nosave, now=now, force=force, safe=safe, failover=failover, abort=abort)
        exclusive("shutdown", save=save, nosave=nosave)
        if abort and len(options) > 1:
            raise InvalidData("abort of shutdown can be given only alone")
        if not abort:
            self._stop_trying()
        return self.execute_command("SHUTDOWN", *options)

    def bgrewriteaof(self) -> Deferred[Text]:
        """Start to rewrite the append-only file in the background.

        :returns: fires with a line of text: the rewrite has started or is scheduled.

        https://redis.io/commands/bgrewriteaof/, since 1.0.0
        """
        return self.execute_command("BGREWRITEAOF")

    def info(self, type: Argument | None = None, *sections: Argument) -> Deferred[Any]:
        """Get information and statistics about the server.

        :param type: name of a section, such as ``"memory"``. None: the server's default sections.
        :param sections: names of further sections (Redis 7.0).
        :returns: fires with a dict of the sections' fields, names and values as ``str``; if *type* is None, with
            the unparsed text.

        https://redis.io/commands/info/, since 1.0.0
        """
        if type is None:
            return self.execute_command("INFO")
        return self.execute_command("INFO", type, *sections, post_proc=info_fields)

    def role(self) -> Deferred[list[Any]]:
        """Get the server's role in replication.

        :returns: fires with ``["master", offset, [[host, port, offset], ...]]``,
            ``["slave", host, port, state, offset]`` or ``["sentinel", [name, ...]]``.

        https://redis.io/commands/role/, since 2.8.12
        """
        return self.execute_command("ROLE")

    def lolwut(self, version: int | None = None, *args: Argument) -> Deferred[Text]:
        """Get a drawing, and the server's version.

        :param version: of the drawing. None: the newest.
        :param args: its parameters.
        :returns: fires with a text.

        https://redis.io/commands/lolwut/, since 5.0.0
        """
        which: tuple[Argument, ...] = () if version is None else ("VERSION", version)
        return self.execute_command("LOLWUT", *which, *args)

    def swapdb(self, first: int, second: int) -> Deferred[Text]:
        """Exchange two databases, for all connections.

        :param first: number of a database.
        :param second: number of the other one.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/swapdb/, since 4.0.0
        """
        return self.execute_command("SWAPDB", first, second)

    def replicaof(self, host: Argument, port: Argument) -> Deferred[Text]:
        """Make the server a replica, or, with ``"NO"`` and ``"ONE"``, a primary.

        :param host: the primary's address, or ``"NO"``.
        :param port: its port, or ``"ONE"``.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/replicaof/, since 5.0.0
        """
        return self.execute_command("REPLICAOF", host, port)

    def slaveof(self, host: Argument = "NO", port: Argument = "ONE") -> Deferred[Text]:
        """Make the server a replica, or a primary; an old name of :meth:`replicaof`.

        :param host: the primary's address, or ``"NO"``.
        :param port: its port, or ``"ONE"``.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/slaveof/, since 1.0.0
        """
        return self.execute_command("SLAVEOF", host, port)

    @errors_to_deferred
    def failover(
        self,
        host: Text | None = None,
        port: int | None = None,
        *,
        force: bool = False,
        abort: bool = False,
        timeout: int | None = None,
    ) -> Deferred[Text]:
        """Make a replica the primary, and this server its replica.

        :param host: address of the replica. None: any one.
        :param port: its port.
        :param force: after *timeout*, without waiting for the replica; needs *host* and *timeout*.
        :param abort: stop the change in progress instead.
        :param timeout: milliseconds to wait for the replica.
        :returns: fires with ``"OK"`` when it has begun. Fails with :exc:`.InvalidData` if options contradict each
            other.

        https://redis.io/commands/failover/, since 6.2.0
        """
        if (host is None) != (port is None):
            raise InvalidData("host of failover needs port, and port needs host")
        if force and (host is None or timeout is None):
            raise InvalidData("force of failover needs host, port and timeout")
        if abort and (host is not None or timeout is not None):
            raise InvalidData("abort of failover can be given only alone")
        arguments: list[Argument] = []
        if host is not None and port is not None:
            arguments += ("TO", host, port, *flags(force=force))
        arguments += flags(abort=abort)
        if timeout is not None:
            arguments += ("TIMEOUT", timeout)
        return self.execute_command("FAILOVER", *arguments)


def _freeing(asynchronous: bool | None) -> tuple[str, ...]:
    return () if asynchronous is None else ("ASYNC",) if asynchronous else ("SYNC",)
