"""Commands that show how the server stores keys, uses memory and spends time."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Items, Key, Text, V
from ...exceptions import InvalidData
from .._parts import (
    CommandHost,
    SlowlogEntry,
    errors_to_deferred,
    hot_keys,
    latency_histograms,
    memory_state,
    one_or_many,
    slowlog_entries,
)

__all__ = ["InspectionCommands"]


class InspectionCommands(CommandHost[V]):
    """Subcommands of OBJECT, MEMORY, SLOWLOG, COMMANDLOG, LATENCY and HOTKEYS."""

    __slots__ = ()

    def object_encoding(self, key: Key) -> Deferred[Text | None]:
        """Get how a key's value is stored.

        :param key: the key.
        :returns: fires with ``"listpack"``, ``"hashtable"`` ..., or None if the key does not exist.

        https://redis.io/commands/object-encoding/, since 2.2.3
        """
        return self.execute_command("OBJECT", "ENCODING", key)

    def object_freq(self, key: Key) -> Deferred[int | None]:
        """Get how often a key is used, logarithmically.

        :param key: the key.
        :returns: fires with 0 to 255, or None if the key does not exist; fails with :exc:`.ResponseError` unless the
            server evicts the keys that are used least frequently.

        https://redis.io/commands/object-freq/, since 4.0.0
        """
        return self.execute_command("OBJECT", "FREQ", key)

    def object_idletime(self, key: Key) -> Deferred[int | None]:
        """Get the time since the last use of a key.

        :param key: the key.
        :returns: fires with seconds, or None if the key does not exist; fails with :exc:`.ResponseError` if the server
            evicts the keys that are used least frequently.

        https://redis.io/commands/object-idletime/, since 2.2.3
        """
        return self.execute_command("OBJECT", "IDLETIME", key)

    def object_refcount(self, key: Key) -> Deferred[int | None]:
        """Get the number of references to a key's value.

        :param key: the key.
        :returns: fires with the number, or None if the key does not exist.

        https://redis.io/commands/object-refcount/, since 2.2.3
        """
        return self.execute_command("OBJECT", "REFCOUNT", key)

    def memory_usage(self, key: Key, samples: int | None = None) -> Deferred[int | None]:
        """Estimate the memory of a key and its value.

        :param key: the key.
        :param samples: number of elements to measure; 0: all. None: 5.
        :returns: fires with bytes, or None if the key does not exist.

        https://redis.io/commands/memory-usage/, since 4.0.0
        """
        some: tuple[Argument, ...] = () if samples is None else ("SAMPLES", samples)
        return self.execute_command("MEMORY", "USAGE", key, *some)

    def memory_stats(self) -> Deferred[dict[str, Any]]:
        """Describe the server's use of memory.

        :returns: fires with a dict of the server's fields, bytes or ratios; of each database ``"db.0"`` ... a dict.

        https://redis.io/commands/memory-stats/, since 4.0.0
        """
        return self.execute_command("MEMORY", "STATS", post_proc=memory_state)

    def memory_doctor(self) -> Deferred[Text]:
        """Get advice on the server's use of memory.

        :returns: fires with a text.

        https://redis.io/commands/memory-doctor/, since 4.0.0
        """
        return self.execute_command("MEMORY", "DOCTOR")

    def memory_malloc_stats(self) -> Deferred[Text]:
        """Get the report of the server's allocator.

        :returns: fires with a text.

        https://redis.io/commands/memory-malloc-stats/, since 4.0.0
        """
        return self.execute_command("MEMORY", "MALLOC-STATS")

    def memory_purge(self) -> Deferred[Text]:
        """Let the server's allocator give memory back to the system.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/memory-purge/, since 4.0.0
        """
        return self.execute_command("MEMORY", "PURGE")

    def slowlog_get(self, num: int | None = None) -> Deferred[list[SlowlogEntry[V]]]:
        """Get the commands that took long.

        :param num: maximum number of entries; -1: all. None: 10.
        :returns: fires with a list of named tuples ``(id, start_time, duration, command, client_address,
            client_name)``, the latest first: Unix time in seconds, microseconds, the command as a list.

        https://redis.io/commands/slowlog-get/, since 2.2.12
        """
        return self.execute_command("SLOWLOG", "GET", *(() if num is None else (num,)), post_proc=slowlog_entries)

    def slowlog_len(self) -> Deferred[int]:
        """Get the number of entries of :meth:`slowlog_get`.

        :returns: fires with the number.

        https://redis.io/commands/slowlog-len/, since 2.2.12
        """
        return self.execute_command("SLOWLOG", "LEN")

    def slowlog_reset(self) -> Deferred[Text]:
        """Empty the log of :meth:`slowlog_get`.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/slowlog-reset/, since 2.2.12
        """
        return self.execute_command("SLOWLOG", "RESET")

    def commandlog_get(self, count: int, type: Text) -> Deferred[list[SlowlogEntry[V]]]:
        """Get the commands that were slow or large (Valkey 8.1).

        :param count: maximum number of entries; -1: all.
        :param type: ``"slow"``, ``"large-request"`` or ``"large-reply"``.
        :returns: fires with a list of named tuples as :meth:`slowlog_get`; *duration* is in microseconds,
            or a size in bytes.

        https://valkey.io/commands/commandlog-get/, since 8.1.0
        """
        return self.execute_command("COMMANDLOG", "GET", count, type, post_proc=slowlog_entries)

    def commandlog_len(self, type: Text) -> Deferred[int]:
        """Get the number of entries of :meth:`commandlog_get` (Valkey 8.1).

        :param type: ``"slow"``, ``"large-request"`` or ``"large-reply"``.
        :returns: fires with the number.

        https://valkey.io/commands/commandlog-len/, since 8.1.0
        """
        return self.execute_command("COMMANDLOG", "LEN", type)

    def commandlog_reset(self, type: Text) -> Deferred[Text]:
        """Empty a log of :meth:`commandlog_get` (Valkey 8.1).

        :param type: ``"slow"``, ``"large-request"`` or ``"large-reply"``.
        :returns: fires with ``"OK"``.

        https://valkey.io/commands/commandlog-reset/, since 8.1.0
        """
        return self.execute_command("COMMANDLOG", "RESET", type)

    def latency_latest(self) -> Deferred[list[list[Any]]]:
        """Get the latest delays of each kind.

        :returns: fires with a list of lists ``[event, Unix time in seconds, milliseconds, greatest milliseconds]``;
            Valkey 8.1 adds the sum and the number of the delays.

        https://redis.io/commands/latency-latest/, since 2.8.13
        """
        return self.execute_command("LATENCY", "LATEST")

    def latency_history(self, event: Text) -> Deferred[list[list[int]]]:
        """Get the delays of one kind.

        :param event: the kind.
        :returns: fires with a list of lists ``[Unix time in seconds, milliseconds]``.

        https://redis.io/commands/latency-history/, since 2.8.13
        """
        return self.execute_command("LATENCY", "HISTORY", event)

    def latency_histogram(self, *commands: Text) -> Deferred[dict[str, dict[str, Any]]]:
        """Get how long commands took.

        :param commands: names of commands. None: all that were executed.
        :returns: fires with a dict: command -> ``{"calls": number, "histogram_usec": {microseconds: number}}``; each
            number counts the calls that took at most so long.

        https://redis.io/commands/latency-histogram/, since 7.0.0
        """
        return self.execute_command("LATENCY", "HISTOGRAM", *commands, post_proc=latency_histograms)

    def latency_reset(self, *events: Text) -> Deferred[int]:
        """Forget delays.

        :param events: their kinds. None: all.
        :returns: fires with the number of kinds forgotten.

        https://redis.io/commands/latency-reset/, since 2.8.13
        """
        return self.execute_command("LATENCY", "RESET", *events)

    def latency_graph(self, event: Text) -> Deferred[Text]:
        """Draw the delays of one kind.

        :param event: the kind.
        :returns: fires with a text; fails with :exc:`.ResponseError` if there are no delays of this kind.

        https://redis.io/commands/latency-graph/, since 2.8.13
        """
        return self.execute_command("LATENCY", "GRAPH", event)

    def latency_doctor(self) -> Deferred[Text]:
        """Get advice on delays.

        :returns: fires with a text.

        https://redis.io/commands/latency-doctor/, since 2.8.13
        """
        return self.execute_command("LATENCY", "DOCTOR")

    @errors_to_deferred
    def hotkeys_start(
        self,
        metrics: Text | Items,
        count: int | None = None,
        duration: int | None = None,
        sample_ratio: int | None = None,
        slots: Items | None = None,
    ) -> Deferred[Text]:
        """Begin to look for the keys that cost most (Redis 8.6).

        :param metrics: what is measured: ``"CPU"``, ``"NET"``, or both in an iterable.
        :param count: number of keys to find of each.
        :param duration: seconds to look. None: until :meth:`hotkeys_stop`.
        :param sample_ratio: look at one of so many commands. None: at all.
        :param slots: only keys of these hash slots.
        :returns: fires with ``"OK"``. Fails with :exc:`.InvalidData` without *metrics*, with :exc:`.ResponseError` if
            the server looks already.

        https://redis.io/commands/hotkeys-start/, since 8.6.0
        """
        names = one_or_many(metrics)
        if not names:
            raise InvalidData("hotkeys_start needs metrics: CPU, NET or both")
        arguments: list[Argument] = ["METRICS", len(names), *names]
        for word, number in (("COUNT", count), ("DURATION", duration), ("SAMPLE", sample_ratio)):
            if number is not None:
                arguments += (word, number)
        if slots is not None:
            chosen = tuple(slots)
            arguments += ("SLOTS", len(chosen), *chosen)
        return self.execute_command("HOTKEYS", "START", *arguments)

    def hotkeys_stop(self) -> Deferred[Text]:
        """End what :meth:`hotkeys_start` began; its result stays (Redis 8.6).

        :returns: fires with ``"OK"``.

        https://redis.io/commands/hotkeys-stop/, since 8.6.0
        """
        return self.execute_command("HOTKEYS", "STOP")

    def hotkeys_get(self) -> Deferred[dict[str, Any] | None]:
        """Get what :meth:`hotkeys_start` has found until now (Redis 8.6).

        :returns: fires with a dict of the server's fields: ``"tracking-active"`` ...; ``"by-cpu-time-us"`` and
            ``"by-net-bytes"`` are dicts: key -> number, the greatest first. None if nothing was begun.

        https://redis.io/commands/hotkeys-get/, since 8.6.0
        """
        return self.execute_command("HOTKEYS", "GET", post_proc=hot_keys)

    def hotkeys_reset(self) -> Deferred[Text]:
        """Remove the result of :meth:`hotkeys_start` (Redis 8.6).

        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` while the server looks.

        https://redis.io/commands/hotkeys-reset/, since 8.6.0
        """
        return self.execute_command("HOTKEYS", "RESET")
