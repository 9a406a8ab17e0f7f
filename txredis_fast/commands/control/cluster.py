"""Commands on the nodes and slots of a cluster, sent to one node."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Key, Text, Value
from ...exceptions import InvalidData
from .._parts import (
    CommandHost,
    descriptions,
    errors_to_deferred,
    info_fields,
    scan_arguments,
    scanned,
    shard_descriptions,
    slot_ranges,
    slot_statistics,
)

__all__ = ["ClusterCommands"]


class ClusterCommands(CommandHost):
    """Subcommands of CLUSTER, and CLUSTERSCAN. A slot is a number from 0 to 16383."""

    __slots__ = ()

    def cluster_info(self) -> Deferred[dict[str, str]]:
        """Describe the cluster's state.

        :returns: fires with a dict of the server's fields, names and values as ``str``.

        https://redis.io/commands/cluster-info/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "INFO", post_proc=info_fields)

    def cluster_nodes(self) -> Deferred[Text]:
        """Describe the nodes, one line each.

        :returns: fires with a text; :meth:`cluster_shards` is easier to read.

        https://redis.io/commands/cluster-nodes/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "NODES")

    def cluster_shards(self) -> Deferred[list[dict[str, Any]]]:
        """Describe the shards.

        :returns: fires with a list of dicts with ``"slots"``, a list of first and last slots, alternating, and
            ``"nodes"``, a list of dicts.

        https://redis.io/commands/cluster-shards/, since 7.0.0
        """
        return self.execute_command("CLUSTER", "SHARDS", post_proc=shard_descriptions)

    def cluster_slots(self) -> Deferred[list[list[Any]]]:
        """Get which nodes have which slots.

        :returns: fires with a list of lists ``[first, last, [host, port, ID, details], ...]``: the primary, its
            replicas. The details are a dict of further addresses, such as ``"hostname"`` (Redis 7.0).

        https://redis.io/commands/cluster-slots/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "SLOTS", post_proc=slot_ranges)

    def cluster_links(self) -> Deferred[list[dict[str, Any]]]:
        """Describe the node's connections to other nodes.

        :returns: fires with a list of dicts of the server's fields.

        https://redis.io/commands/cluster-links/, since 7.0.0
        """
        return self.execute_command("CLUSTER", "LINKS", post_proc=descriptions)

    def cluster_myid(self) -> Deferred[Text]:
        """Get the node's ID.

        :returns: fires with hexadecimal digits.

        https://redis.io/commands/cluster-myid/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "MYID")

    def cluster_myshardid(self) -> Deferred[Text]:
        """Get the ID of the node's shard.

        :returns: fires with hexadecimal digits.

        https://redis.io/commands/cluster-myshardid/, since 7.2.0
        """
        return self.execute_command("CLUSTER", "MYSHARDID")

    def cluster_keyslot(self, key: Key) -> Deferred[int]:
        """Get a key's slot.

        :param key: the key.
        :returns: fires with the slot.

        https://redis.io/commands/cluster-keyslot/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "KEYSLOT", key)

    def cluster_countkeysinslot(self, slot_id: int) -> Deferred[int]:
        """Count the node's keys in a slot.

        :param slot_id: the slot.
        :returns: fires with the number.

        https://redis.io/commands/cluster-countkeysinslot/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "COUNTKEYSINSLOT", slot_id)

    def cluster_get_keys_in_slot(self, slot: int, num_keys: int) -> Deferred[list[Value]]:
        """List the node's keys in a slot.

        :param slot: the slot.
        :param num_keys: maximum number of keys.
        :returns: fires with a list of keys.

        https://redis.io/commands/cluster-getkeysinslot/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "GETKEYSINSLOT", slot, num_keys)

    @errors_to_deferred
    def cluster_slot_stats(
        self,
        start_slot: int | None = None,
        end_slot: int | None = None,
        *,
        orderby: Text | None = None,
        limit: int | None = None,
        sort: Text | None = None,
    ) -> Deferred[list[tuple[int, dict[str, int]]]]:
        """Get statistics of the node's slots (Redis 8.2, Valkey 8.0).

        :param start_slot: first slot of a range; or *orderby*.
        :param end_slot: last slot, included.
        :param orderby: ``"key-count"``, ``"cpu-usec"`` ...: slots with the greatest values.
        :param limit: with *orderby*, maximum number of slots.
        :param sort: with *orderby*, ``"ASC"`` or ``"DESC"``. None: DESC.
        :returns: fires with a list of tuples ``(slot, {name: value})``. Fails with :exc:`.InvalidData` unless a range
            or *orderby* is given.

        https://redis.io/commands/cluster-slot-stats/, since 8.2.0
        """
        if (orderby is None) == (start_slot is None or end_slot is None):
            raise InvalidData("cluster_slot_stats needs either start_slot and end_slot, or orderby")
        arguments: list[Any] = ["SLOTSRANGE", start_slot, end_slot] if orderby is None else ["ORDERBY", orderby]
        if limit is not None:
            arguments += ("LIMIT", limit)
        if sort is not None:
            arguments.append(sort)
        return self.execute_command("CLUSTER", "SLOT-STATS", *arguments, post_proc=slot_statistics)

    def cluster_replicas(self, node_id: Text) -> Deferred[list[Text]]:
        """Describe the replicas of a node, one line each, as :meth:`cluster_nodes`.

        :param node_id: the primary's ID.
        :returns: fires with a list of lines.

        https://redis.io/commands/cluster-replicas/, since 5.0.0
        """
        return self.execute_command("CLUSTER", "REPLICAS", node_id)

    def cluster_slaves(self, node_id: Text) -> Deferred[list[Text]]:
        """Describe the replicas of a node; an old name of :meth:`cluster_replicas`.

        :param node_id: the primary's ID.
        :returns: fires with a list of lines.

        https://redis.io/commands/cluster-slaves/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "SLAVES", node_id)

    def cluster_count_failure_report(self, node_id: Text) -> Deferred[int]:
        """Count the reports that a node fails.

        :param node_id: the node's ID.
        :returns: fires with the number.

        https://redis.io/commands/cluster-count-failure-reports/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "COUNT-FAILURE-REPORTS", node_id)

    def cluster_meet(self, host: Text, port: int, bus_port: int | None = None) -> Deferred[Text]:
        """Let the node meet another one: both are then of one cluster.

        :param host: the other node's address.
        :param port: its port.
        :param bus_port: its port for nodes (Redis 4.0). None: *port* + 10000.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-meet/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "MEET", host, port, *(() if bus_port is None else (bus_port,)))

    def cluster_forget(self, node_id: Text) -> Deferred[Text]:
        """Let the node forget another one.

        :param node_id: the other node's ID.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-forget/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "FORGET", node_id)

    @errors_to_deferred
    def cluster_replicate(self, target_node_id: Text | None = None, *, no_one: bool = False) -> Deferred[Text]:
        """Make the node a replica, or a primary without slots and data.

        :param target_node_id: the primary's ID; or *no_one*.
        :param no_one: replicate no node any more; removes the node's data (Valkey 9.0).
        :returns: fires with ``"OK"``. Fails with :exc:`.InvalidData` unless exactly one of them is given.

        https://redis.io/commands/cluster-replicate/, since 3.0.0
        """
        if no_one == (target_node_id is not None):
            raise InvalidData("cluster_replicate needs either target_node_id or no_one")
        primary = ("NO", "ONE") if target_node_id is None else (target_node_id,)
        return self.execute_command("CLUSTER", "REPLICATE", *primary)

    def cluster_failover(self, option: Text | None = None) -> Deferred[Text]:
        """Make the node, a replica, the primary.

        :param option: ``"FORCE"``: without the primary's consent, ``"TAKEOVER"``: without that of the other nodes.
        :returns: fires with ``"OK"`` when it has begun.

        https://redis.io/commands/cluster-failover/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "FAILOVER", *(() if option is None else (option,)))

    def cluster_reset(self, hard: bool = False) -> Deferred[Text]:
        """Let the node leave the cluster.

        :param hard: also give it a new ID.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-reset/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "RESET", "HARD" if hard else "SOFT")

    def cluster_save_config(self) -> Deferred[Text]:
        """Write the node's file of the cluster.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-saveconfig/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "SAVECONFIG")

    def cluster_bumpepoch(self) -> Deferred[Text]:
        """Raise the node's configuration epoch.

        :returns: fires with ``"BUMPED"`` or ``"STILL"`` and the epoch.

        https://redis.io/commands/cluster-bumpepoch/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "BUMPEPOCH")

    def cluster_set_config_epoch(self, epoch: int) -> Deferred[Text]:
        """Set the configuration epoch of a node that knows no other one.

        :param epoch: the number.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-set-config-epoch/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "SET-CONFIG-EPOCH", epoch)

    def cluster_addslots(self, *slots: int) -> Deferred[Text]:
        """Give slots to the node.

        :param slots: the slots.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-addslots/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "ADDSLOTS", *slots)

    def cluster_addslotsrange(self, *slots: int) -> Deferred[Text]:
        """Give ranges of slots to the node.

        :param slots: first and last slots, alternating.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-addslotsrange/, since 7.0.0
        """
        return self.execute_command("CLUSTER", "ADDSLOTSRANGE", *slots)

    def cluster_delslots(self, *slots: int) -> Deferred[Text]:
        """Let the node forget which node has slots.

        :param slots: the slots.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-delslots/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "DELSLOTS", *slots)

    def cluster_delslotsrange(self, *slots: int) -> Deferred[Text]:
        """Let the node forget which node has ranges of slots.

        :param slots: first and last slots, alternating.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-delslotsrange/, since 7.0.0
        """
        return self.execute_command("CLUSTER", "DELSLOTSRANGE", *slots)

    def cluster_flushslots(self) -> Deferred[Text]:
        """Let the node forget which node has which slots. Its database must be empty.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-flushslots/, since 3.0.0
        """
        return self.execute_command("CLUSTER", "FLUSHSLOTS")

    def cluster_flushslot(self, slot: int, mode: Text | None = None) -> Deferred[Text]:
        """Remove the node's keys in a slot (Valkey 9.0).

        :param slot: the slot.
        :param mode: ``"ASYNC"`` or ``"SYNC"``. None: as the server is configured.
        :returns: fires with ``"OK"``.

        https://valkey.io/commands/cluster-flushslot/, since 9.0.0
        """
        return self.execute_command("CLUSTER", "FLUSHSLOT", slot, *(() if mode is None else (mode,)))

    @errors_to_deferred
    def cluster_setslot(
        self, slot_id: int, state: Text, node_id: Text | None = None, *, timeout: int | None = None
    ) -> Deferred[Text]:
        """Set the state of a slot, while it moves to another node.

        :param slot_id: the slot.
        :param state: ``"IMPORTING"``, ``"MIGRATING"`` or ``"NODE"`` with *node_id*; ``"STABLE"``.
        :param node_id: the other node's ID.
        :param timeout: milliseconds to wait for replicas (Valkey 8.0).
        :returns: fires with ``"OK"``.

        https://redis.io/commands/cluster-setslot/, since 3.0.0
        """
        node = () if node_id is None else (node_id,)
        limit: tuple[Argument, ...] = () if timeout is None else ("TIMEOUT", timeout)
        return self.execute_command("CLUSTER", "SETSLOT", slot_id, state, *node, *limit)

    def cluster_migrateslots(self, node_id: Text, *slots: int) -> Deferred[Text]:
        """Move ranges of slots to another node (Valkey 9.0).

        :param node_id: the other node's ID.
        :param slots: first and last slots, alternating.
        :returns: fires with ``"OK"`` when it has begun; see :meth:`cluster_getslotmigrations`.

        https://valkey.io/commands/cluster-migrateslots/, since 9.0.0
        """
        return self.execute_command("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", *slots, "NODE", node_id)

    def cluster_getslotmigrations(self) -> Deferred[list[dict[str, Any]]]:
        """Describe the moves of slots, those in progress and the latest (Valkey 9.0).

        :returns: fires with a list of dicts of the server's fields.

        https://valkey.io/commands/cluster-getslotmigrations/, since 9.0.0
        """
        return self.execute_command("CLUSTER", "GETSLOTMIGRATIONS", post_proc=descriptions)

    def cluster_cancelslotmigrations(self) -> Deferred[Text]:
        """Stop all moves of slots that this node has begun (Valkey 9.0).

        :returns: fires with ``"OK"``.

        https://valkey.io/commands/cluster-cancelslotmigrations/, since 9.0.0
        """
        return self.execute_command("CLUSTER", "CANCELSLOTMIGRATIONS")

    def clusterscan(
        self,
        cursor: Argument = 0,
        match: Argument | None = None,
        count: int | None = None,
        *,
        type: Argument | None = None,
        slot: int | None = None,
    ) -> Deferred[list[Any]]:
        """Iterate over the keys of a cluster, some at each call (Valkey 9.1).

        :param cursor: 0 to start, then the cursor that the previous call returned, which names a node.
        :param match: glob-style pattern that the keys must match.
        :param count: hint for the number of elements per call. None: the server's default, 10.
        :param type: data type of the keys, as :meth:`type` names it.
        :param slot: only the keys of this slot.
        :returns: fires with ``[cursor, keys]``. The iteration ends with the cursor 0.

        https://valkey.io/commands/clusterscan/, since 9.1.0
        """
        arguments = scan_arguments(cursor, match, count, type)
        if slot is not None:
            arguments += ("SLOT", slot)
        return self.execute_command("CLUSTERSCAN", *arguments, post_proc=scanned)
