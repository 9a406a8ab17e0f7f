"""Commands on the server itself: its data on disk, its state, its databases as a whole."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Text
from .._parts import deprecated, errors_to_deferred, info_fields
from .connection import StopsTrying

__all__ = ["ServerCommands"]


class ServerCommands(StopsTrying):
    """Commands of Redis's group "server"."""

    __slots__ = ()

    def dbsize(self) -> Deferred[int]:
        """Tell the number of keys of the database.

        :returns: fires with the number.

        https://redis.io/commands/dbsize/, since 1.0.0
        """
        return self.execute_command("DBSIZE")

    @errors_to_deferred
    def flush(self, all_dbs: bool = False) -> Deferred[Text]:
        """Remove all keys. Deprecated: use :meth:`flushdb` or :meth:`flushall`.

        :param all_dbs: of all databases, not of this one only.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/flushdb/, since 1.0.0
        """
        deprecated("redis.flush() has been deprecated, use redis.flushdb() or redis.flushall() instead")
        return self.flushall() if all_dbs else self.flushdb()

    def flushdb(self) -> Deferred[Text]:
        """Remove all keys of the database.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/flushdb/, since 1.0.0
        """
        return self.execute_command("FLUSHDB")

    def flushall(self) -> Deferred[Text]:
        """Remove all keys of all databases.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/flushall/, since 1.0.0
        """
        return self.execute_command("FLUSHALL")

    def time(self) -> Deferred[list[Any]]:
        """Tell the server's time.

        :returns: fires with ``[seconds, microseconds]``: the Unix time, and the part of a second besides.

        https://redis.io/commands/time/, since 2.6.0
        """
        return self.execute_command("TIME")

    def save(self) -> Deferred[Text]:
        """Save the data to disk; the server serves nobody meanwhile.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/save/, since 1.0.0
        """
        return self.execute_command("SAVE")

    def bgsave(self) -> Deferred[Text]:
        """Begin to save the data to disk in the background.

        :returns: fires with ``"Background saving started"``; fails with :exc:`.ResponseError` if the server is
            saving already.

        https://redis.io/commands/bgsave/, since 1.0.0
        """
        return self.execute_command("BGSAVE")

    def lastsave(self) -> Deferred[int]:
        """Tell when the data was last saved with success.

        :returns: fires with the Unix time in seconds.

        https://redis.io/commands/lastsave/, since 1.0.0
        """
        return self.execute_command("LASTSAVE")

    def shutdown(self) -> Deferred[Any]:
        """Let the server save its data and end; this client does not connect again.

        :returns: fails with :exc:`.ConnectionError` when the connection is lost, which is success; fails with
            :exc:`.ResponseError` if the server cannot save.

        https://redis.io/commands/shutdown/, since 1.0.0
        """
        self._stop_trying()
        return self.execute_command("SHUTDOWN")

    def bgrewriteaof(self) -> Deferred[Text]:
        """Begin to rewrite the append-only file in the background.

        :returns: fires with a line saying that it began or is scheduled.

        https://redis.io/commands/bgrewriteaof/, since 1.0.0
        """
        return self.execute_command("BGREWRITEAOF")

    def info(self, type: Argument | None = None) -> Deferred[Any]:
        """Read what the server tells of itself.

        :param type: the section, such as ``"memory"``. None means the usual ones.
        :returns: fires with a dict of a section's fields, names and values as ``str``; without a section, with
            the whole text as it is.

        https://redis.io/commands/info/, since 1.0.0
        """
        if type is None:
            return self.execute_command("INFO")
        return self.execute_command("INFO", type, post_proc=info_fields)

    def role(self) -> Deferred[list[Any]]:
        """Tell the server's part in replication.

        :returns: fires with ``["master", offset, [[host, port, offset], ...]]``,
            ``["slave", host, port, state, offset]`` or ``["sentinel", [name, ...]]``.

        https://redis.io/commands/role/, since 2.8.12
        """
        return self.execute_command("ROLE")
