"""Where the keys of the commands of a scripted node are, and which commands read only."""

from __future__ import annotations

from collections.abc import Callable

READS = frozenset(
    (
        b"GET",
        b"MGET",
        b"EXISTS",
        b"STRLEN",
        b"TYPE",
        b"LRANGE",
        b"LLEN",
        b"TOUCH",
        b"PTTL",
        b"WATCH",
        b"SSUBSCRIBE",
        b"SPUBLISH",
    )
)
WRITES_WITHOUT_KEYS = frozenset((b"FLUSHALL", b"FLUSHDB"))
#: What a node answers while it loads its data; CLIENT and CLUSTER are here as the newer servers have them.
WHILE_LOADING = frozenset(
    b"AUTH CLIENT CLUSTER DISCARD ECHO EXEC HELLO INFO MULTI PSUBSCRIBE PUBLISH PUNSUBSCRIBE READONLY READWRITE ROLE "
    b"SELECT SPUBLISH SSUBSCRIBE SUBSCRIBE SUNSUBSCRIBE UNSUBSCRIBE UNWATCH WATCH".split()
)
#: Their channels have slots as keys have, and do not move one by one.
OF_CHANNELS = frozenset((b"SSUBSCRIBE", b"SPUBLISH"))

_NO_KEYS: list[bytes] = []
_FIRST = (
    b"GET SET SETNX GETDEL INCR INCRBY APPEND STRLEN TYPE LPUSH RPUSH LPOP LRANGE LLEN EXPIRE PTTL SPUBLISH".split()
)
_ALL = b"MGET DEL UNLINK EXISTS TOUCH WATCH SSUBSCRIBE".split()


def _numbered(args: list[bytes]) -> list[bytes]:
    return args[3 : 3 + int(args[2])] if len(args) > 2 and args[2].isdigit() else _NO_KEYS


_PLACES: dict[bytes, Callable[[list[bytes]], list[bytes]]] = {
    **dict.fromkeys(_FIRST, lambda args: args[1:2]),
    **dict.fromkeys(_ALL, lambda args: args[1:]),
    b"MSET": lambda args: args[1::2],
    b"BLPOP": lambda args: args[1:-1],
    b"EVAL": _numbered,
    b"EVALSHA": _numbered,
}


def keys_of(name: bytes, args: list[bytes]) -> list[bytes]:
    """The keys of a command, or its channels of shards."""
    place = _PLACES.get(name)
    return _NO_KEYS if place is None else place(args)
