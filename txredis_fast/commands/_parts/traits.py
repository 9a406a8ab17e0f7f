"""Traits of commands by their names: which commands only read, and which ones may block.

The names are those with the flags ``readonly`` and ``blocking`` in COMMAND of Redis 7.0, Redis 8.2 and Valkey 9.1; a
test compares them with the servers' tables. This module must not know how a command is sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

__all__ = ["BLOCKING", "READ_ONLY", "SCRIPTS", "command_name", "is_read_only", "longest_wait"]

_READ_ONLY = """
    BITCOUNT BITFIELD_RO BITPOS CLUSTERSCAN DBSIZE DUMP EVALSHA_RO EVAL_RO EXISTS EXPIRETIME FCALL_RO GEODIST
    GEOHASH GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXISTS HEXPIRETIME HGET
    HGETALL HKEYS HLEN HMGET HPEXPIRETIME HPTTL HRANDFIELD HSCAN HSTRLEN HTTL HVALS KEYS LCS LINDEX LLEN LOLWUT
    LPOS LRANGE MGET PEXPIRETIME PFCOUNT PTTL RANDOMKEY SCAN SCARD SDIFF SINTER SINTERCARD SISMEMBER SMEMBERS
    SMISMEMBER SORT_RO SRANDMEMBER SSCAN STRLEN SUBSTR SUNION TOUCH TTL TYPE VCARD VDIM VEMB VGETATTR VINFO
    VISMEMBER VLINKS VRANDMEMBER VSIM XLEN XPENDING XRANGE XREAD XREVRANGE ZCARD ZCOUNT ZDIFF ZINTER ZINTERCARD
    ZLEXCOUNT ZMSCORE ZRANDMEMBER ZRANGE ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX
    ZREVRANGEBYSCORE ZREVRANK ZSCAN ZSCORE ZUNION
"""

#: Commands of two words.
_READ_ONLY_PAIRS = """
    MEMORY USAGE, OBJECT ENCODING, OBJECT FREQ, OBJECT IDLETIME, OBJECT REFCOUNT, XINFO CONSUMERS, XINFO GROUPS,
    XINFO STREAM
"""

#: Names in upper case. A command of two words has one name: ``"OBJECT ENCODING"``.
READ_ONLY = frozenset(_READ_ONLY.split()) | frozenset(
    name.strip() for name in _READ_ONLY_PAIRS.replace("\n", ",").split(",") if name.strip()
)

_BLOCKING = """
    BLMOVE BLMPOP BLPOP BRPOP BRPOPLPUSH BZMPOP BZPOPMAX BZPOPMIN WAIT WAITAOF XREAD XREADGROUP
"""

#: Commands whose reply the server may delay. XREAD and XREADGROUP block only with their option BLOCK.
BLOCKING = frozenset(_BLOCKING.split())

#: Commands that run a program's script, which may reply with any error after it has written something.
SCRIPTS = frozenset({"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"})

#: Blocking command -> index of the argument with its time limit, and units per second.
_LIMITS = {
    "BLMOVE": (-1, 1),
    "BLMPOP": (1, 1),
    "BLPOP": (-1, 1),
    "BRPOP": (-1, 1),
    "BRPOPLPUSH": (-1, 1),
    "BZMPOP": (1, 1),
    "BZPOPMAX": (-1, 1),
    "BZPOPMIN": (-1, 1),
    "WAIT": (2, 1000),
    "WAITAOF": (3, 1000),
}


def command_name(args: Sequence[Any]) -> str:
    """Return the command's name in upper case; "" if it is not text."""
    return _text(args[0]) if args else ""


def _text(argument: object) -> str:
    # With the methods of the base types, as the encoder does: a subclass may override them.
    if isinstance(argument, bytes | bytearray | memoryview):
        return str(memoryview(argument), "ascii", "replace").upper()
    return str.upper(argument) if isinstance(argument, str) else ""


def is_read_only(args: Sequence[Any]) -> bool:
    """Tell whether the command only reads, so that it may be sent again after a lost reply."""
    name = command_name(args)
    return name in READ_ONLY or (len(args) > 1 and f"{name} {_text(args[1])}" in READ_ONLY)


def longest_wait(args: Sequence[Any], name: str | None = None) -> float | None:
    """Return the time limit of a blocking command in seconds.

    :param name: the command's name in upper case, if the caller knows it.
    :returns: None for a command that does not block; ``math.inf`` for a blocking command without a time limit; 0 for a
        malformed time limit, because the server refuses it at once.
    """
    name = command_name(args) if name is None else name
    if name not in BLOCKING:
        return None
    if name in _LIMITS:
        place, units = _LIMITS[name]
        return _seconds(args, place, units)
    # XREAD [COUNT n] [BLOCK ms] STREAMS ...; XREADGROUP GROUP group consumer [COUNT n] [BLOCK ms] [NOACK] STREAMS ...
    place = 4 if name == "XREADGROUP" else 1
    while place < len(args):
        option = _text(args[place])
        if option == "BLOCK":
            return _seconds(args, place + 1, 1000)
        if option == "STREAMS":
            return None
        place += 2 if option == "COUNT" else 1
    return None


def _seconds(args: Sequence[Any], place: int, units: int) -> float:
    try:
        seconds = float(args[place]) / units
    except (IndexError, TypeError, ValueError):
        return 0.0
    return math.inf if seconds == 0 or math.isnan(seconds) else max(seconds, 0.0)
