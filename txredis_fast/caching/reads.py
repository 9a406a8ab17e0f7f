"""Which commands may be cached: those whose reply changes only when one of their keys is written.

The server tells of writes to keys, so a reply that depends on time, on chance or on anything else must be read each
time. The names are an allow-list; a test compares it with the tables of the servers.

This module must not know how anything is sent or kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from .._types import Reply
from ..commands._parts import BLOCKING, command_name, is_read_only
from ..commands._parts.keys import key_places
from ..exceptions import RedisError

__all__ = [
    "CACHEABLE",
    "CACHEABLE_OF_MODULES",
    "SCRIPT_READS",
    "SIMPLE",
    "Read",
    "changes_shape",
    "is_of_no_key",
    "read_of",
    "refusal_of",
]


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Commands with one key, which is their first argument, and with no option that names another.
SIMPLE: Final = _names(
    """
    ARCOUNT ARGET ARGETRANGE ARGREP ARINFO ARLASTITEMS ARLEN ARMGET ARNEXT AROP BITCOUNT BITFIELD_RO BITPOS DIGEST DUMP
    GEODIST GEOHASH GEOPOS GEORADIUSBYMEMBER_RO GEORADIUS_RO GEOSEARCH GET GETBIT GETRANGE HEXISTS HGET HGETALL HKEYS
    HLEN HMGET HSTRLEN HVALS LINDEX LLEN LPOS LRANGE SCARD SISMEMBER SMEMBERS SMISMEMBER STRLEN SUBSTR TYPE VCARD VDIM
    VEMB VGETATTR VINFO VISMEMBER VLINKS VRANGE VSIM XLEN XRANGE XREVRANGE ZCARD ZCOUNT ZLEXCOUNT ZMSCORE ZRANGE
    ZRANGEBYLEX ZRANGEBYSCORE ZRANK ZREVRANGE ZREVRANGEBYLEX ZREVRANGEBYSCORE ZREVRANK ZSCORE
    """
)

#: All commands of servers that may be cached.
CACHEABLE: Final = SIMPLE | _names(
    "EXISTS LCS MGET PFCOUNT SDIFF SDIFFCARD SINTER SINTERCARD SUNION SUNIONCARD ZDIFF ZINTER ZINTERCARD ZUNION"
)

#: Those of modules.
CACHEABLE_OF_MODULES: Final = _names(
    """
    BF.CARD BF.EXISTS BF.INFO BF.MEXISTS CF.COUNT CF.EXISTS CF.INFO CF.MEXISTS CMS.INFO CMS.QUERY JSON.ARRINDEX
    JSON.ARRLEN JSON.GET JSON.MGET JSON.OBJKEYS JSON.OBJLEN JSON.RESP JSON.STRLEN JSON.TYPE TDIGEST.BYRANK
    TDIGEST.BYREVRANK TDIGEST.CDF TDIGEST.INFO TDIGEST.MAX TDIGEST.MIN TDIGEST.QUANTILE TDIGEST.RANK TDIGEST.REVRANK
    TDIGEST.TRIMMED_MEAN TOPK.COUNT TOPK.INFO TOPK.LIST TOPK.QUERY TS.GET TS.INFO TS.RANGE TS.REVRANGE
    """
)

#: Those that run a script: cached only if the program says so.
SCRIPT_READS: Final = _names("EVALSHA_RO EVAL_RO FCALL_RO")

#: Commands that read keys, and whose reply changes without a write.
_BY_THEMSELVES: Final = _names(
    "TTL PTTL EXPIRETIME PEXPIRETIME HTTL HPTTL HEXPIRETIME HPEXPIRETIME TOUCH OBJECT MEMORY XINFO XPENDING"
)


#: Commands that, with LATEST, compute the newest bucket of a compaction from the series that it is made of.
_WITH_LATEST: Final = _names("TS.GET TS.RANGE TS.REVRANGE")

#: Advice for a command that cannot be cached.
_ADVICE: Final = "call it on the handler itself"

#: Commands whose reply is a list of integers, which are 0 for a key that does not exist.
_LISTS_OF_INTEGERS: Final = _names("BITFIELD_RO SMISMEMBER")

#: Of the types of replies, those whose false value stands for a key that does not exist.
_TYPES_OF_REPLIES: Final = frozenset({type(None), bool, float, dict, set, frozenset, tuple})

#: Strings that stand for a key that does not exist.
_STRINGS_OF_NO_KEY: Final = {"TYPE": ("none", b"none"), "GETRANGE": ("", b""), "SUBSTR": ("", b"")}


class Read(NamedTuple):
    """A command that may be cached."""

    name: str
    #: Indices of its keys among the arguments, its name included.
    places: Sequence[int]


def read_of(args: Sequence[Any], with_scripts: bool) -> Read | RedisError:
    """Look at a command.

    :param args: its name and arguments.
    :param with_scripts: whether scripts that only read may be cached.
    :returns: where its keys are; an error that says why it cannot be cached.
    :raises InvalidData: the number of keys, which is one of the arguments, is wrong.
    """
    name = command_name(args)
    if name in SIMPLE and len(args) > 1:
        return Read(name, (1,))
    if name in CACHEABLE or name in CACHEABLE_OF_MODULES or (with_scripts and name in SCRIPT_READS):
        places = key_places(args)
        if not places:
            return RedisError(f"{name} without a key cannot be cached")
        if name in _WITH_LATEST and any(command_name((each,)) == "LATEST" for each in args[places[-1] + 1 :]):
            return RedisError(f"{name} cannot be cached: with LATEST it reads other keys; {_ADVICE}")
        return Read(name, places)
    return refusal_of(args, name)


@cache
def changes_shape(name: str) -> bool:
    """Whether the reply to a command, not converted, is another one under RESP3.

    That of a script is not, unless the script itself asks for RESP3.
    """
    if name in SCRIPT_READS:
        return False
    from ..commands._parts.facts import command_facts

    facts = command_facts(name)
    return facts is None or not facts.replies or facts.replies != facts.replies3


def is_of_no_key(name: str, reply: Reply) -> bool:
    """Whether a reply is that for a key that does not exist, or the same.

    An empty string is not, for one, because GET gives it for a key that exists; nor is a 0 that was a string; nor
    anything that a program's class has made of a reply.
    """
    if type(reply) is int:
        return reply == 0 and _gives_integers(name)
    if isinstance(reply, list):
        return all(each is None or (type(each) is int and each == 0 and name in _LISTS_OF_INTEGERS) for each in reply)
    if isinstance(reply, (str, bytes)):
        return reply in _STRINGS_OF_NO_KEY.get(name, ())
    return type(reply) in _TYPES_OF_REPLIES and not reply


@cache
def _gives_integers(name: str) -> bool:
    from ..commands._parts.facts import command_facts

    facts = command_facts(name)
    return facts is not None and "$" not in facts.replies + facts.replies3


def refusal_of(args: Sequence[Any], name: str) -> RedisError:
    """The error of a command that cannot be cached."""
    if not name:
        why = "a command needs at least its name"
    elif name in SCRIPT_READS:
        why = "a script may depend on more than its keys, unless ClientCache(cacheable_scripts=True) says it does not"
    elif name in BLOCKING:
        why = "it may block"
    elif not is_read_only(args):
        why = "it may write"
    elif name == "SORT_RO":
        why = "its patterns may read other keys"
    elif name in _BY_THEMSELVES or not key_places(args):
        why = "its reply changes without a write to a key"
    else:
        why = "its reply depends on chance, or on a cursor"
    return RedisError(f"{name or 'This command'} cannot be cached: {why}; {_ADVICE}")
