"""Commands on the entries of streams: append, read, remove."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._checks import shown
from ..._types import Argument, Key, Number, Pairs, Text, Value
from ...exceptions import InvalidData
from .._parts import CommandHost, blocking_with, errors_to_deferred, flags, flatten
from .arguments import (
    numbered_ids,
    producer_arguments,
    reading_arguments,
    reference_arguments,
    trim_arguments,
)
from .replies import entries, stream_description
from .replies import streams as by_stream

__all__ = ["StreamCommands"]


class StreamCommands(CommandHost):
    """Commands of Redis's group "stream" that need no consumer group.

    An entry has an ID, ``"milliseconds-sequence"``, and fields. It is a tuple ``(id, {field: value})``; of a field that
    occurs twice in an entry the dict has the last value.
    """

    __slots__ = ()

    @errors_to_deferred
    def xadd(
        self,
        key: Key,
        fields: Pairs,
        id: Argument = "*",
        maxlen: int | None = None,
        approximate: bool = True,
        nomkstream: bool = False,
        minid: Argument | None = None,
        limit: int | None = None,
        ref_policy: str | None = None,
        *,
        idmpauto: Argument | None = None,
        idmp: tuple[Argument, Argument] | None = None,
    ) -> Deferred[Text | None]:
        """Append an entry to a stream, which is created if it does not exist; trim the stream, if asked to.

        :param key: key of the stream.
        :param fields: the fields and their values.
        :param id: ID of the entry, above all others of the stream. ``"*"``: the server makes it of its time.
        :param maxlen: number of entries to keep, the newest.
        :param approximate: whether some more entries may be kept, which is much faster.
        :param nomkstream: do not create the stream (Redis 6.2).
        :param minid: the lowest ID to keep, instead of *maxlen* (Redis 6.2).
        :param limit: maximum number of entries to remove; needs *approximate* (Redis 6.2). 0: no limit.
        :param ref_policy: with *maxlen* or *minid*: ``"KEEPREF"`` keeps the references to removed entries in the
            groups' pending entries, ``"DELREF"`` removes them, ``"ACKED"`` keeps entries that are pending (Redis 8.2).
            None: the server's default, KEEPREF.
        :param idmpauto: name of the producer: an entry that it added lately with the same fields is not added again
            (*idmpauto* and *idmp*: Redis 8.6; only with the ID ``"*"``).
        :param idmp: the same with an ID of the program's own, ``(producer, ID)``, in place of the fields.
        :returns: fires with the entry's ID, or None if *nomkstream* prevented it. Fails with :exc:`.InvalidData` if
            *fields* is empty or options contradict each other, with :exc:`.ResponseError` if *id* is too low.

        https://redis.io/commands/xadd/, since 5.0.0
        """
        if not (hasattr(fields, "items") and fields):
            raise InvalidData(f"fields of xadd must be a mapping with at least one field, not {shown(fields)}")
        options = flags(nomkstream=nomkstream)
        trimming = trim_arguments(maxlen, minid, approximate, limit, ref_policy)
        if idmpauto is not None or idmp is not None:
            # The order of the words is the server's: the policy of references, the producer, then what is trimmed.
            at = len(reference_arguments(ref_policy))
            trimming[at:at] = producer_arguments(id, idmpauto, idmp)
        return self.execute_command("XADD", key, *options, *trimming, id, *flatten(fields))

    def xlen(self, key: Key) -> Deferred[int]:
        """Get the number of entries of a stream.

        :param key: key of the stream.
        :returns: fires with the number, 0 if the key does not exist.

        https://redis.io/commands/xlen/, since 5.0.0
        """
        return self.execute_command("XLEN", key)

    def xrange(
        self, key: Key, min: Argument = "-", max: Argument = "+", count: int | None = None
    ) -> Deferred[list[tuple[Text, dict[Value, Value]]]]:
        """Read the entries in a range of IDs, the oldest first.

        :param key: key of the stream.
        :param min: the lowest ID, ``"-"``: the first one; ``"(1-0"`` excludes 1-0 (Redis 6.2).
        :param max: the highest ID, ``"+"``: the last one.
        :param count: maximum number of entries. None: all.
        :returns: fires with a list of entries ``(id, {field: value})``.

        https://redis.io/commands/xrange/, since 5.0.0
        """
        return self._entries("XRANGE", key, min, max, count)

    def xrevrange(
        self, key: Key, max: Argument = "+", min: Argument = "-", count: int | None = None
    ) -> Deferred[list[tuple[Text, dict[Value, Value]]]]:
        """Read the entries in a range of IDs, the newest first. Note that *max* precedes *min*.

        :param key: key of the stream.
        :param max: the highest ID, ``"+"``: the last one.
        :param min: the lowest ID, ``"-"``: the first one.
        :param count: maximum number of entries. None: all.
        :returns: fires with a list of entries ``(id, {field: value})``.

        https://redis.io/commands/xrevrange/, since 5.0.0
        """
        return self._entries("XREVRANGE", key, max, min, count)

    @blocking_with("block")
    @errors_to_deferred
    def xread(
        self,
        streams: Pairs,
        count: int | None = None,
        block: Number | datetime.timedelta | None = None,
        *,
        max_count: int | None = None,
        max_size: int | None = None,
    ) -> Deferred[dict[Value, list[tuple[Text, dict[Value, Value]]]] | None]:
        """Read the entries that follow given IDs, of several streams.

        With *block* the command has a connection of its own, and the reply may take *block* and ``replyTimeout``
        seconds (10 if that is None); any time if *block* is 0.

        :param streams: a mapping: key -> the ID after which to read; ``"$"``: only entries that are added from now on.
        :param count: maximum number of entries of each stream. None: all.
        :param block: milliseconds, or a ``timedelta``, to wait for an entry if there is none; 0: no limit. None: do not
            wait.
        :param max_count: maximum number of entries of all streams together (*max_count* and *max_size*: Redis 8.10).
        :param max_size: maximum size of the reply in bytes, about; a first entry may exceed it.
        :returns: fires with a dict: key -> list of entries ``(id, {field: value})``, without the keys that have none;
            None if no stream has any. Fails with :exc:`.InvalidData` if *streams* is empty.

        https://redis.io/commands/xread/, since 5.0.0
        """
        arguments = reading_arguments(streams, count, block, max_count=max_count, max_size=max_size)
        if block is None:
            return self.execute_command("XREAD", *arguments, post_proc=by_stream)
        return self.execute_command("XREAD", *arguments, post_proc=by_stream, blocking=True, apply_timeout=False)

    @errors_to_deferred
    def xtrim(
        self,
        key: Key,
        maxlen: int | None = None,
        approximate: bool = True,
        minid: Argument | None = None,
        limit: int | None = None,
        ref_policy: str | None = None,
    ) -> Deferred[int]:
        """Remove the oldest entries of a stream.

        :param key: key of the stream.
        :param maxlen: number of entries to keep.
        :param approximate: whether some more entries may be kept, which is much faster.
        :param minid: the lowest ID to keep, instead of *maxlen* (Redis 6.2).
        :param limit: maximum number of entries to remove; needs *approximate* (Redis 6.2). 0: no limit.
        :param ref_policy: as of :meth:`xadd` (Redis 8.2).
        :returns: fires with the number of entries removed. Fails with :exc:`.InvalidData` if options contradict each
            other.

        https://redis.io/commands/xtrim/, since 5.0.0
        """
        arguments = trim_arguments(maxlen, minid, approximate, limit, None)
        return self.execute_command("XTRIM", key, *arguments, *reference_arguments(ref_policy))

    def xdel(self, key: Key, *ids: Argument) -> Deferred[int]:
        """Remove entries of a stream. Consumer groups keep their references to them: see :meth:`xdelex`.

        :param key: key of the stream.
        :param ids: IDs of the entries.
        :returns: fires with the number of entries removed.

        https://redis.io/commands/xdel/, since 5.0.0
        """
        return self.execute_command("XDEL", key, *ids)

    @errors_to_deferred
    def xdelex(self, key: Key, *ids: Argument, ref_policy: str | None = None) -> Deferred[list[int]]:
        """Remove entries of a stream, and say what becomes of the groups' references to them (Redis 8.2).

        :param key: key of the stream.
        :param ids: IDs of the entries, at least one.
        :param ref_policy: as of :meth:`xadd`; ``"ACKED"`` removes only entries that every group has acknowledged.
        :returns: fires with a list in the order of the IDs: 1: removed; -1: no such entry; 2: kept, because it is
            pending. Fails with :exc:`.InvalidData` without IDs.

        https://redis.io/commands/xdelex/, since 8.2.0
        """
        return self.execute_command("XDELEX", key, *reference_arguments(ref_policy), *numbered_ids(key, ids))

    @errors_to_deferred
    def xcfgset(self, key: Key, idmp_duration: int | None = None, idmp_maxsize: int | None = None) -> Deferred[Text]:
        """Set how long, and how many, IDs of producers a stream keeps, and forget those that it has (Redis 8.6).

        :param key: key of the stream.
        :param idmp_duration: seconds, 1 to 86,400.
        :param idmp_maxsize: number of IDs of each producer, 1 to 10,000.
        :returns: fires with ``"OK"``; fails with :exc:`.InvalidData` if neither is given, with :exc:`.ResponseError`
            if the stream does not exist.

        https://redis.io/commands/xcfgset/, since 8.6.0
        """
        arguments: list[Argument] = []
        if idmp_duration is not None:
            arguments += ("IDMP-DURATION", idmp_duration)
        if idmp_maxsize is not None:
            arguments += ("IDMP-MAXSIZE", idmp_maxsize)
        if not arguments:
            raise InvalidData("xcfgset needs idmp_duration or idmp_maxsize")
        return self.execute_command("XCFGSET", key, *arguments)

    def xsetid(
        self, key: Key, last_id: Argument, entries_added: int | None = None, max_deleted_id: Argument | None = None
    ) -> Deferred[Text]:
        """Set the last ID of a stream, as replication does.

        :param key: key of the stream.
        :param last_id: the ID; not below that of the last entry.
        :param entries_added: how many entries were ever added (Redis 7.0).
        :param max_deleted_id: the highest ID that was removed (Redis 7.0).
        :returns: fires with ``"OK"``.

        https://redis.io/commands/xsetid/, since 5.0.0
        """
        arguments: list[Argument] = []
        if entries_added is not None:
            arguments += ("ENTRIESADDED", entries_added)
        if max_deleted_id is not None:
            arguments += ("MAXDELETEDID", max_deleted_id)
        return self.execute_command("XSETID", key, last_id, *arguments)

    def xinfo_stream(self, key: Key, full: bool = False, *, count: int | None = None) -> Deferred[dict[str, Any]]:
        """Describe a stream.

        :param key: key of the stream.
        :param full: with all entries, groups and consumers (Redis 6.0).
        :param count: with *full*, the maximum number of entries and of pending entries. None: 10; 0: all.
        :returns: fires with a dict of the server's fields: ``"length"``, ``"last-generated-id"``, ``"first-entry"``,
            ``"last-entry"`` ...; with *full*, ``"entries"`` and ``"groups"``, the groups and their consumers as dicts.
            Fails with :exc:`.ResponseError` if the key does not exist.

        https://redis.io/commands/xinfo-stream/, since 5.0.0
        """
        if count is not None and not full:
            return self._refuse(InvalidData("count of xinfo_stream needs full"))
        options: tuple[Argument, ...] = () if not full else ("FULL",) if count is None else ("FULL", "COUNT", count)
        return self.execute_command("XINFO", "STREAM", key, *options, post_proc=stream_description)

    def _entries(self, command: str, key: Key, first: Argument, last: Argument, count: int | None) -> Deferred[Any]:
        if count is None:
            return self.execute_command(command, key, first, last, post_proc=entries)
        return self.execute_command(command, key, first, last, "COUNT", count, post_proc=entries)
