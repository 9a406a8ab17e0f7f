"""Converters of servers' reports on themselves: clients, users, functions, memory, delays, commands, shards.

Names of fields, and words of the protocol, are ``str``, whatever the charset. See :mod:`.replies` for what holds of all
converters. This module must not know arguments.
"""

from __future__ import annotations

import sys
from operator import itemgetter
from typing import Any

from ..._types import Reply
from .replies import as_dict, as_float_always, described, described_flags, descriptions, text_of, words
from .results import SlowlogEntry

__all__ = [
    "acl_entries",
    "acl_user",
    "client_fields",
    "clients_fields",
    "command_descriptions",
    "command_documents",
    "function_libraries",
    "function_state",
    "hot_keys",
    "info_caches",
    "keys_and_flags",
    "latency_histograms",
    "memory_state",
    "shard_descriptions",
    "slot_ranges",
    "slot_statistics",
    "slowlog_entries",
]

#: The ends of the names of MEMORY STATS' fractions.
_RATIOS = ("percentage", "ratio", "fragmentation")

#: Fields of a command's description, in the order of the reply; older servers send fewer.
_COMMAND_FIELDS = ("name", "arity", "flags", "first", "last", "step", "acl", "tips", "specs", "sub")


def client_fields(reply: Reply) -> Reply:
    """Convert a line of ``name=value`` words to a dict of str."""
    if reply is None:
        return None
    return dict(word.partition("=")[::2] for word in text_of(reply).split())


def clients_fields(reply: Reply) -> Reply:
    """Convert lines of ``name=value`` words to a list of dicts of str."""
    return None if reply is None else [client_fields(line) for line in text_of(reply).splitlines() if line]


def acl_user(reply: Reply) -> Reply:
    """Convert a user's description to a dict; its selectors to dicts, too."""
    user = described_flags(reply)
    if isinstance(user, dict) and "selectors" in user:
        user["selectors"] = descriptions(user["selectors"])
    return user


def acl_entries(reply: Reply) -> Reply:
    """Convert entries of ACL LOG to dicts, their client to a dict, their age to a float."""
    entries = descriptions(reply)
    for entry in entries if isinstance(entries, list) else ():
        if "age-seconds" in entry:
            entry["age-seconds"] = as_float_always(entry["age-seconds"])
        if "client-info" in entry:
            entry["client-info"] = client_fields(entry["client-info"])
    return entries


def function_libraries(reply: Reply) -> Reply:
    """Convert libraries to dicts, and their functions to dicts."""
    libraries = descriptions(reply)
    for library in libraries if isinstance(libraries, list) else ():
        library["functions"] = descriptions(library["functions"])
        for function in library["functions"]:
            function["flags"] = words(function["flags"])
    return libraries


def function_state(reply: Reply) -> Reply:
    """Convert the reply of FUNCTION STATS to a dict of dicts."""
    state = described(reply)
    if isinstance(state, dict):
        state["running_script"] = described(state["running_script"])
        state["engines"] = {name: described(engine) for name, engine in described(state["engines"]).items()}
    return state


def slowlog_entries(reply: Reply) -> Reply:
    """Convert entries of SLOWLOG to a list of :class:`.SlowlogEntry`."""
    if not isinstance(reply, list):
        return reply
    return [SlowlogEntry(*entry[:4], *(map(text_of, entry[4:6]) if len(entry) > 4 else ("", ""))) for entry in reply]


def hot_keys(reply: Reply) -> Reply:
    """Convert the reply of HOTKEYS GET to a dict; the keys in it to dicts: key -> number.

    Its documentation shows a list of names and values; clients know it within a list of one element.
    """
    if isinstance(reply, list) and len(reply) == 1:
        reply = reply[0]
    found = described(reply)
    if isinstance(found, dict):
        for name in ("by-cpu-time-us", "by-net-bytes"):
            if name in found:
                found[name] = as_dict(found[name])
    return found


def memory_state(reply: Reply) -> Reply:
    """Convert the reply of MEMORY STATS to a dict, those of the databases in it to dicts, and ratios to floats."""
    state = described(reply)
    if isinstance(state, dict):
        for name, value in state.items():
            if isinstance(value, (list, dict)):
                state[name] = described(value)
            elif name.endswith(_RATIOS):
                state[name] = as_float_always(value)
    return state


def latency_histograms(reply: Reply) -> Reply:
    """Convert histograms to a dict: command -> number of calls, and a dict of the numbers by microseconds."""
    histograms = described(reply)
    if not isinstance(histograms, dict):
        return histograms
    converted = {name: described(histogram) for name, histogram in histograms.items()}
    for histogram in converted.values():
        usec = histogram["histogram_usec"]
        pairs = usec.items() if isinstance(usec, dict) else zip(usec[::2], usec[1::2], strict=True)
        histogram["histogram_usec"] = {int(limit): number for limit, number in pairs}
    return converted


def command_descriptions(reply: Reply) -> Reply:
    """Convert descriptions of commands to dicts; None where there is no such command."""
    return [None if each is None else _command(each) for each in reply] if isinstance(reply, list) else reply


def _command(reply: Reply) -> dict[str, Any]:
    command = dict(zip(_COMMAND_FIELDS, reply, strict=False))
    command["name"] = text_of(command["name"])
    command["flags"] = frozenset(map(text_of, command["flags"]))
    command["acl"] = frozenset(map(text_of, command.get("acl", ())))
    command["tips"] = words(command.get("tips", ()))
    # In RESP3 these are a set; a server describes the keys from the left to the right.
    command["specs"] = sorted(map(_key_spec, command.get("specs", ())), key=_beginning_of_keys)
    command["sub"] = sorted(map(_command, command.get("sub", ())), key=itemgetter("name"))
    return command


def _key_spec(reply: Reply) -> dict[str, Any]:
    spec: dict[str, Any] = described(reply)
    for name, value in spec.items():
        if name == "flags":
            spec[name] = words(value)
        elif isinstance(value, (list, dict, tuple)):
            spec[name] = _key_spec(value)
        elif isinstance(value, bytes):
            spec[name] = text_of(value)
    return spec


def _beginning_of_keys(spec: dict[str, Any]) -> tuple[int, str]:
    """The sort key of key specs: the index from which on the keys are, or are searched for."""
    beginning = spec.get("begin_search", {}).get("spec", {})
    return beginning.get("index", beginning.get("startfrom", sys.maxsize)), repr(sorted(spec.items()))


def command_documents(reply: Reply) -> Reply:
    """Convert the documentation of commands to a dict of dicts, and their arguments to dicts."""
    documents = described(reply)
    if not isinstance(documents, dict):
        return documents
    return {name: _document(document) for name, document in documents.items()}


def _document(reply: Reply) -> dict[str, Any]:
    document: dict[str, Any] = described(reply)
    if "arguments" in document:
        document["arguments"] = [_document(argument) for argument in document["arguments"]]
    if "subcommands" in document:
        document["subcommands"] = command_documents(document["subcommands"])
    for name in ("flags", "doc_flags"):
        if name in document:
            document[name] = words(document[name])
    if "history" in document:
        document["history"] = sorted(list(map(text_of, change)) for change in document["history"])
    return document


def keys_and_flags(reply: Reply) -> Reply:
    """Convert keys and their flags to a list of tuples ``(key, frozenset)``."""
    if not isinstance(reply, list):
        return reply
    return [(key, frozenset(map(text_of, flags))) for key, flags in reply]


def shard_descriptions(reply: Reply) -> Reply:
    """Convert shards to dicts, and their nodes to dicts."""
    shards = descriptions(reply)
    for shard in shards if isinstance(shards, list) else ():
        shard["nodes"] = descriptions(shard["nodes"])
    return shards


def slot_ranges(reply: Reply) -> Reply:
    """Convert the details of each node of CLUSTER SLOTS to a dict; before Redis 7.0 a node has none."""
    if not isinstance(reply, list):
        return reply
    return [[first, last, *map(_slot_node, nodes)] for first, last, *nodes in reply]


def _slot_node(node: list[Reply]) -> list[Reply]:
    return [*node[:3], *map(described, node[3:])]


def slot_statistics(reply: Reply) -> Reply:
    """Convert statistics of slots to a list of tuples ``(slot, dict)``."""
    return [(slot, described(numbers)) for slot, numbers in reply] if isinstance(reply, list) else reply


def info_caches(reply: Reply) -> Reply:
    """Convert the texts that a Sentinel has kept to a dict: service -> list of tuples ``(age, text)``."""
    caches = as_dict(reply)
    return {name: list(map(tuple, texts)) for name, texts in caches.items()} if isinstance(caches, dict) else caches
