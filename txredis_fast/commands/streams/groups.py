"""Commands on consumer groups of streams."""

from __future__ import annotations

import datetime
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Items, Key, Number, Pairs, Text, V
from ...exceptions import InvalidData
from .._parts import (
    Claimed,
    CommandHost,
    Pending,
    PendingEntry,
    blocking_with,
    descriptions,
    errors_to_deferred,
    exclusive,
    flags,
    milliseconds,
    one_or_many,
)
from .arguments import numbered_ids, reading_arguments, reference_arguments
from .replies import claimed, entries, pending, pending_entries, streams_with_claims
from .replies import streams as by_stream

__all__ = ["StreamGroupCommands"]


class StreamGroupCommands(CommandHost[V]):
    """Commands of Redis's group "stream" for consumer groups.

    A group delivers each entry to one of its consumers. The entry is pending until a consumer acknowledges it
    (:meth:`xack`); another consumer can claim it.
    """

    __slots__ = ()

    @blocking_with("block")
    @errors_to_deferred
    def xreadgroup(
        self,
        groupname: Argument,
        consumername: Argument,
        streams: Pairs,
        count: int | None = None,
        block: Number | datetime.timedelta | None = None,
        noack: bool = False,
        *,
        claim_min_idle_time: Number | datetime.timedelta | None = None,
        max_count: int | None = None,
        max_size: int | None = None,
    ) -> Deferred[dict[V, list[tuple[Text, dict[V, V] | None]]] | None]:
        """Read entries as a consumer of a group, of several streams.

        With *block* the command has a connection of its own, and the reply may take *block* and ``replyTimeout``
        seconds (10 if that is None); any time if *block* is 0.

        :param groupname: name of the group.
        :param consumername: name of the consumer, which is created if it does not exist.
        :param streams: a mapping: key -> ``">"`` for entries that no consumer has got yet, or an ID: the consumer's own
            pending entries after it.
        :param count: maximum number of entries of each stream. None: all.
        :param block: milliseconds, or a ``timedelta``, to wait for an entry if there is none; 0: no limit. None: do not
            wait.
        :param noack: the entries need no acknowledgement: they do not become pending.
        :param claim_min_idle_time: first claim entries that are pending and were not delivered for so long:
            milliseconds, or a ``timedelta`` (Redis 8.4). Such an entry is ``(id, {field: value}, idle, deliveries)``.
        :param max_count: maximum number of entries of all streams together (*max_count* and *max_size*: Redis 8.10).
        :param max_size: maximum size of the reply in bytes, about; a first entry may exceed it.
        :returns: fires with a dict: key -> list of entries ``(id, {field: value})``; the fields are None if a pending
            entry was deleted. None if there are no entries. Fails with :exc:`.ResponseError` if the group does not
            exist.

        https://redis.io/commands/xreadgroup/, since 5.0.0
        """
        claim = claim_min_idle_time
        options = reading_arguments(streams, count, block, noack, claim=claim, max_count=max_count, max_size=max_size)
        arguments = ("GROUP", groupname, consumername, *options)
        convert = by_stream if claim is None else streams_with_claims
        if block is None:
            return self.execute_command("XREADGROUP", *arguments, post_proc=convert)
        return self.execute_command("XREADGROUP", *arguments, post_proc=convert, blocking=True, apply_timeout=False)

    def xack(self, key: Key, groupname: Argument, *ids: Argument) -> Deferred[int]:
        """Acknowledge entries: they are no longer pending.

        :param key: key of the stream.
        :param groupname: name of the group.
        :param ids: IDs of the entries.
        :returns: fires with the number of entries that were pending.

        https://redis.io/commands/xack/, since 5.0.0
        """
        return self.execute_command("XACK", key, groupname, *ids)

    @errors_to_deferred
    def xackdel(
        self, key: Key, groupname: Argument, *ids: Argument, ref_policy: str | None = None
    ) -> Deferred[list[int]]:
        """Acknowledge entries, and remove them from the stream (Redis 8.2).

        :param key: key of the stream.
        :param groupname: name of the group.
        :param ids: IDs of the entries, at least one.
        :param ref_policy: as of :meth:`xadd`.
        :returns: fires with a list in the order of the IDs: 1: acknowledged and removed; -1: no such entry; 2:
            acknowledged but kept, because other groups have it pending. Fails with :exc:`.InvalidData` without IDs.

        https://redis.io/commands/xackdel/, since 8.2.0
        """
        arguments = (*reference_arguments(ref_policy), *numbered_ids(key, ids))
        return self.execute_command("XACKDEL", key, groupname, *arguments)

    @errors_to_deferred
    def xnack(
        self,
        key: Key,
        groupname: Argument,
        mode: str,
        *ids: Argument,
        retrycount: int | None = None,
        force: bool = False,
    ) -> Deferred[int]:
        """Give pending entries back: any consumer gets them with its next :meth:`xreadgroup` (Redis 8.8).

        :param key: key of the stream.
        :param groupname: name of the group.
        :param mode: what becomes of an entry's number of deliveries: ``"SILENT"``: one less; ``"FAIL"``: stays;
            ``"FATAL"``: the greatest number.
        :param ids: IDs of the entries, at least one.
        :param retrycount: number of deliveries to note instead.
        :param force: also make entries pending that are not.
        :returns: fires with the number of entries given back. Fails with :exc:`.InvalidData` without IDs, or for
            another *mode*.

        https://redis.io/commands/xnack/, since 8.8.0
        """
        if mode not in ("SILENT", "FAIL", "FATAL"):
            raise InvalidData(f"mode of xnack must be SILENT, FAIL or FATAL, not {mode!r}")
        arguments = numbered_ids(key, ids)
        if retrycount is not None:
            arguments += ("RETRYCOUNT", retrycount)
        return self.execute_command("XNACK", key, groupname, mode, *arguments, *flags(force=force))

    def xgroup_create(
        self,
        key: Key,
        groupname: Argument,
        id: Argument = "$",
        mkstream: bool = False,
        entries_read: int | None = None,
    ) -> Deferred[Text]:
        """Create a consumer group.

        :param key: key of the stream.
        :param groupname: name of the group.
        :param id: ID after which the group begins; ``"$"``: only entries that are added from now on; 0: all.
        :param mkstream: create the stream if it does not exist.
        :param entries_read: number of entries up to *id*, from which the server computes the lag (Redis 7.0).
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the group exists (``BUSYGROUP``).

        https://redis.io/commands/xgroup-create/, since 5.0.0
        """
        options = (*flags(mkstream=mkstream), *_entries_read(entries_read))
        return self.execute_command("XGROUP", "CREATE", key, groupname, id, *options)

    def xgroup_setid(
        self, key: Key, groupname: Argument, id: Argument, entries_read: int | None = None
    ) -> Deferred[Text]:
        """Set the ID after which a group goes on.

        :param key: key of the stream.
        :param groupname: name of the group.
        :param id: the ID; ``"$"``: the last one of the stream.
        :param entries_read: number of entries up to *id*, from which the server computes the lag (Redis 7.0).
        :returns: fires with ``"OK"``.

        https://redis.io/commands/xgroup-setid/, since 5.0.0
        """
        return self.execute_command("XGROUP", "SETID", key, groupname, id, *_entries_read(entries_read))

    def xgroup_destroy(self, key: Key, groupname: Argument) -> Deferred[bool]:
        """Remove a group with its consumers and pending entries.

        :param key: key of the stream.
        :param groupname: name of the group.
        :returns: fires with True, or False if the group does not exist.

        https://redis.io/commands/xgroup-destroy/, since 5.0.0
        """
        return self.execute_command("XGROUP", "DESTROY", key, groupname, post_proc=bool)

    def xgroup_createconsumer(self, key: Key, groupname: Argument, consumername: Argument) -> Deferred[bool]:
        """Create a consumer.

        :param key: key of the stream.
        :param groupname: name of the group.
        :param consumername: name of the consumer.
        :returns: fires with True, or False if the consumer exists.

        https://redis.io/commands/xgroup-createconsumer/, since 6.2.0
        """
        return self.execute_command("XGROUP", "CREATECONSUMER", key, groupname, consumername, post_proc=bool)

    def xgroup_delconsumer(self, key: Key, groupname: Argument, consumername: Argument) -> Deferred[int]:
        """Remove a consumer. Nobody can claim its pending entries afterwards.

        :param key: key of the stream.
        :param groupname: name of the group.
        :param consumername: name of the consumer.
        :returns: fires with the number of entries that it had pending.

        https://redis.io/commands/xgroup-delconsumer/, since 5.0.0
        """
        return self.execute_command("XGROUP", "DELCONSUMER", key, groupname, consumername)

    def xpending(self, key: Key, groupname: Argument) -> Deferred[Pending[V]]:
        """Get a summary of a group's pending entries.

        :param key: key of the stream.
        :param groupname: name of the group.
        :returns: fires with a named tuple ``(total, first, last, consumers)``: the number of pending entries, the
            lowest and the highest ID or None, and a dict of each consumer's number of entries.

        https://redis.io/commands/xpending/, since 5.0.0
        """
        return self.execute_command("XPENDING", key, groupname, post_proc=pending)

    @errors_to_deferred
    def xpending_range(
        self,
        key: Key,
        groupname: Argument,
        min: Argument = "-",
        max: Argument = "+",
        count: int = 10,
        consumername: Argument | None = None,
        idle: Number | datetime.timedelta | None = None,
    ) -> Deferred[list[PendingEntry[V]]]:
        """List a group's pending entries.

        :param key: key of the stream.
        :param groupname: name of the group.
        :param min: the lowest ID, ``"-"``: the first one.
        :param max: the highest ID, ``"+"``: the last one.
        :param count: maximum number of entries.
        :param consumername: only those of this consumer.
        :param idle: only those not delivered for so long: milliseconds, or a ``timedelta`` (Redis 6.2).
        :returns: fires with a list of named tuples ``(id, consumer, idle, deliveries)``; *idle* is the time since the
            last delivery in milliseconds.

        https://redis.io/commands/xpending/, since 5.0.0
        """
        since: tuple[Argument, ...] = () if idle is None else ("IDLE", milliseconds("idle", idle))
        owner = () if consumername is None else (consumername,)
        return self.execute_command(
            "XPENDING", key, groupname, *since, min, max, count, *owner, post_proc=pending_entries
        )

    @errors_to_deferred
    def xclaim(
        self,
        key: Key,
        groupname: Argument,
        consumername: Argument,
        min_idle_time: Number | datetime.timedelta,
        message_ids: Argument | Items,
        idle: Number | datetime.timedelta | None = None,
        time: Number | datetime.datetime | None = None,
        retrycount: int | None = None,
        force: bool = False,
        justid: bool = False,
        *,
        lastid: Argument | None = None,
    ) -> Deferred[list[Any]]:
        """Make pending entries those of another consumer.

        :param key: key of the stream.
        :param groupname: name of the group.
        :param consumername: name of the consumer that gets them.
        :param min_idle_time: only entries not delivered for so long: milliseconds, or a ``timedelta``.
        :param message_ids: one ID or an iterable of IDs.
        :param idle: time since the last delivery to note: milliseconds, or a ``timedelta``. None: 0.
        :param time: moment of the last delivery to note instead: Unix time in milliseconds, or a ``datetime``.
        :param retrycount: number of deliveries to note. None: one more than before.
        :param force: also claim entries that are not pending.
        :param justid: fire with IDs only, and leave the number of deliveries.
        :param lastid: raise the group's last delivered ID to this one.
        :returns: fires with a list of the claimed entries ``(id, {field: value})``; with *justid*, of IDs. Before Redis
            7.0, None stands for an entry that was deleted.

        https://redis.io/commands/xclaim/, since 5.0.0
        """
        exclusive("xclaim", idle=idle is not None, time=time is not None)
        arguments: list[Argument] = [milliseconds("min_idle_time", min_idle_time), *one_or_many(message_ids)]
        if idle is not None:
            arguments += ("IDLE", milliseconds("idle", idle))
        if time is not None:
            arguments += ("TIME", milliseconds("time", time))
        if retrycount is not None:
            arguments += ("RETRYCOUNT", retrycount)
        arguments += flags(force=force, justid=justid)
        if lastid is not None:
            arguments += ("LASTID", lastid)
        return self.execute_command("XCLAIM", key, groupname, consumername, *arguments, post_proc=entries)

    @errors_to_deferred
    def xautoclaim(
        self,
        key: Key,
        groupname: Argument,
        consumername: Argument,
        min_idle_time: Number | datetime.timedelta,
        start_id: Argument = "0-0",
        count: int | None = None,
        justid: bool = False,
    ) -> Deferred[Claimed]:
        """Find pending entries that were not delivered for long, and make them those of another consumer.

        :param key: key of the stream.
        :param groupname: name of the group.
        :param consumername: name of the consumer that gets them.
        :param min_idle_time: only entries not delivered for so long: milliseconds, or a ``timedelta``.
        :param start_id: the lowest ID; the previous call's ``next_id`` goes on from there.
        :param count: maximum number of entries. None: the server's default, 100.
        :param justid: IDs only, and leave the number of deliveries.
        :returns: fires with a named tuple ``(next_id, entries, deleted)``: where to go on, ``"0-0"`` at the end; a list
            of the claimed entries ``(id, {field: value})``, with *justid*, of IDs; a list of the IDs that were pending
            but no longer exist (Redis 7.0, else empty).

        https://redis.io/commands/xautoclaim/, since 6.2.0
        """
        arguments: list[Argument] = [milliseconds("min_idle_time", min_idle_time), start_id]
        if count is not None:
            arguments += ("COUNT", count)
        arguments += flags(justid=justid)
        return self.execute_command("XAUTOCLAIM", key, groupname, consumername, *arguments, post_proc=claimed)

    def xinfo_groups(self, key: Key) -> Deferred[list[dict[str, Any]]]:
        """Describe the groups of a stream.

        :param key: key of the stream.
        :returns: fires with a list of dicts of the server's fields: ``"name"``, ``"consumers"``, ``"pending"``,
            ``"last-delivered-id"`` ... Fails with :exc:`.ResponseError` if the key does not exist.

        https://redis.io/commands/xinfo-groups/, since 5.0.0
        """
        return self.execute_command("XINFO", "GROUPS", key, post_proc=descriptions)

    def xinfo_consumers(self, key: Key, groupname: Argument) -> Deferred[list[dict[str, Any]]]:
        """Describe the consumers of a group.

        :param key: key of the stream.
        :param groupname: name of the group.
        :returns: fires with a list of dicts of the server's fields: ``"name"``, ``"pending"``, ``"idle"``,
            ``"inactive"``, the times in milliseconds.

        https://redis.io/commands/xinfo-consumers/, since 5.0.0
        """
        return self.execute_command("XINFO", "CONSUMERS", key, groupname, post_proc=descriptions)


def _entries_read(number: int | None) -> tuple[Argument, ...]:
    return () if number is None else ("ENTRIESREAD", number)
