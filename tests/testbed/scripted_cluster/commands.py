"""What the commands of a scripted node do."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..slots import slot_of
from ..wire import OK, aggregate, bulk, error, integer
from .publishing import count_of_all, count_of_shards, publish, spublish, subscribing
from .replies import Reply, matches, nil, no_array

if TYPE_CHECKING:
    from .session import NodeSession


def _value(session: NodeSession, value: Any) -> bytes:
    return nil(session) if value is None else bulk(value)


def _text(session: NodeSession, key: bytes) -> bytes | None:
    value = session.truth.data.get(key)
    if isinstance(value, list):
        raise ValueError("WRONGTYPE Operation against a key holding the wrong kind of value")
    return value


def _list(session: NodeSession, key: bytes) -> list[bytes]:
    value = session.truth.data.get(key, [])
    if not isinstance(value, list):
        raise ValueError("WRONGTYPE Operation against a key holding the wrong kind of value")
    return value


# -- connections


def _ping(session: NodeSession, *text: bytes) -> Reply:
    if session.protocol == 2 and session.subscribed:
        return aggregate([bulk(b"pong"), bulk(b"".join(text))])
    return bulk(text[0]) if text else b"+PONG\r\n"


def _echo(session: NodeSession, text: bytes) -> Reply:
    return bulk(text)


def _auth(session: NodeSession, *login: bytes) -> Reply:
    if session.node.cluster.password != login[-1]:
        return error("WRONGPASS invalid username-password pair or user is disabled.")
    session.logged_in = True
    return OK


def _hello(session: NodeSession, version: bytes = b"", *more: bytes) -> Reply:
    if b"AUTH" in (word.upper() for word in more):
        refusal = _auth(session, more[2])
        if refusal != OK:
            return refusal
    if not session.logged_in:
        return error("NOAUTH HELLO must be called with the client already authenticated")
    if version not in (b"", b"2", b"3"):
        return error("NOPROTO unsupported protocol version")
    session.protocol = int(version or session.protocol)
    fields: dict[str, bytes] = {
        "server": bulk("redis"),
        "version": bulk("7.4.0"),
        "proto": integer(session.protocol),
        "id": integer(session.number),
        "mode": bulk("cluster"),
        "role": bulk("master" if session.node.is_master else "replica"),
        "modules": aggregate([]),
    }
    parts = [part for name, value in fields.items() for part in (bulk(name), value)]
    return b"%%%d\r\n%b" % (len(fields), b"".join(parts)) if session.protocol == 3 else aggregate(parts)


def _select(session: NodeSession, number: bytes) -> Reply:
    return OK if number == b"0" else error("ERR SELECT is not allowed in cluster mode")


def _asking(session: NodeSession) -> Reply:
    session.ask()
    return OK


def _readonly(session: NodeSession) -> Reply:
    session.readonly = True
    return OK


def _readwrite(session: NodeSession) -> Reply:
    session.readonly = False
    return OK


def _client(session: NodeSession, what: bytes, *more: bytes) -> Reply:
    what = what.upper()
    if what == b"ID":
        return integer(session.number)
    if what == b"SETNAME":
        session.name = more[0]
    if what == b"GETNAME":
        return bulk(session.name)
    known = [each for each in session.node.sessions if not more or b"%d" % each.number in more]
    if what == b"LIST":
        return bulk(b"".join(b"id=%d name=%b cmd=none\n" % (each.number, each.name) for each in known))
    if what == b"CACHING":
        session.cache_next()
    if what == b"UNBLOCK":
        blocked = [each for each in known if each.waits_for]
        for each in blocked:
            told = b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n"
            each.unblock(told if b"ERROR" in more else no_array(each))
        return integer(len(blocked))
    return OK


# -- the node


def _cluster(session: NodeSession, what: bytes, *more: bytes) -> Reply:
    node, what = session.node, what.upper()
    if what == b"SLOTS":
        return node.slots_reply(session.protocol)
    if what == b"NODES":
        return node.cluster.nodes_reply(node)
    if what == b"MYID":
        return bulk(node.id)
    if what == b"KEYSLOT":
        return integer(slot_of(more[0]))
    if what == b"INFO":
        return bulk("cluster_state:" + ("fail" if node.cluster.down else "ok") + "\r\n")
    return error(f"ERR unknown subcommand '{what.decode()}'")


def _info(session: NodeSession, *sections: bytes) -> Reply:
    role = "master" if session.node.is_master else "slave"
    return bulk(f"redis_version:7.4.0\r\nredis_mode:cluster\r\nrole:{role}\r\ncluster_enabled:1\r\n")


def _role(session: NodeSession) -> Reply:
    master = session.node.master
    if master is None:
        return aggregate([bulk(b"master"), integer(0), aggregate([])])
    return aggregate([bulk(b"slave"), bulk(master.host), integer(master.port), bulk(b"connected"), integer(0)])


def _own_keys(session: NodeSession) -> list[bytes]:
    node, cluster = session.node, session.node.cluster
    found = []
    for key in session.truth.data:
        slot = slot_of(key)
        move = cluster.moves.get(slot)
        owner = cluster.owners[slot] if move is None or key not in move.moved else move.target
        if owner is not None and owner in (node, node.master):
            found.append(key)
    return found


def _dbsize(session: NodeSession) -> Reply:
    return integer(len(_own_keys(session)))


def _keys(session: NodeSession, pattern: bytes) -> Reply:
    return aggregate(map(bulk, (key for key in _own_keys(session) if matches(key, pattern))))


def _scan(session: NodeSession, cursor: bytes, *more: bytes) -> Reply:
    """Slot by slot: the cursor is the next one."""
    options = {name.upper(): value for name, value in zip(more[::2], more[1::2], strict=True)}
    count, pattern = int(options.get(b"COUNT", b"10")), options.get(b"MATCH", b"*")
    by_slot: dict[int, list[bytes]] = {}
    for key in _own_keys(session):
        if slot_of(key) >= int(cursor):
            by_slot.setdefault(slot_of(key), []).append(key)
    found: list[bytes] = []
    for slot in sorted(by_slot):
        if len(found) >= count:
            return aggregate([bulk(slot), aggregate(map(bulk, filter(lambda key: matches(key, pattern), found)))])
        found += by_slot[slot]
    return aggregate([bulk(0), aggregate(map(bulk, filter(lambda key: matches(key, pattern), found)))])


def _flushall(session: NodeSession, *how: bytes) -> Reply:
    for key in _own_keys(session):
        session.truth.put(key, None)
    return OK


def _script(session: NodeSession, what: bytes, *more: bytes) -> Reply:
    scripts, what = session.node.scripts, what.upper()
    if what == b"LOAD":
        return bulk(_learn(session, more[0]))
    if what == b"EXISTS":
        return aggregate(integer(each in scripts) for each in more)
    if what == b"FLUSH":
        scripts.clear()
    return OK


# -- strings


def _get(session: NodeSession, key: bytes) -> Reply:
    return _value(session, _text(session, key))


def _set(session: NodeSession, key: bytes, value: bytes, *options: bytes) -> Reply:
    if b"NX" in options and key in session.truth.data:
        return nil(session)
    session.truth.note(value)
    session.truth.put(key, value)
    return OK


def _setnx(session: NodeSession, key: bytes, value: bytes) -> Reply:
    return integer(_set(session, key, value, b"NX") == OK)


def _getdel(session: NodeSession, key: bytes) -> Reply:
    value = _text(session, key)
    if value is not None:
        session.truth.put(key, None)
    return _value(session, value)


def _incrby(session: NodeSession, key: bytes, by: bytes = b"1") -> Reply:
    number = int(_text(session, key) or b"0") + int(by)
    session.truth.counted[key] += 1
    session.truth.put(key, b"%d" % number)
    return integer(number)


def _incr(session: NodeSession, key: bytes) -> Reply:
    return _incrby(session, key)


def _append(session: NodeSession, key: bytes, value: bytes) -> Reply:
    whole = (_text(session, key) or b"") + value
    session.truth.note(value)
    session.truth.put(key, whole)
    return integer(len(whole))


def _strlen(session: NodeSession, key: bytes) -> Reply:
    return integer(len(_text(session, key) or b""))


def _mget(session: NodeSession, *keys: bytes) -> Reply:
    values = map(session.truth.data.get, keys)
    return aggregate(_value(session, None if isinstance(value, list) else value) for value in values)


def _mset(session: NodeSession, *pairs: bytes) -> Reply:
    for key, value in zip(pairs[::2], pairs[1::2], strict=True):
        _set(session, key, value)
    return OK


def _del(session: NodeSession, *keys: bytes) -> Reply:
    there = [key for key in dict.fromkeys(keys) if key in session.truth.data]
    for key in there:
        session.truth.put(key, None)
    return integer(len(there))


def _exists(session: NodeSession, *keys: bytes) -> Reply:
    return integer(sum(key in session.truth.data for key in keys))


def _type(session: NodeSession, key: bytes) -> Reply:
    value = session.truth.data.get(key)
    return b"+none\r\n" if value is None else b"+list\r\n" if isinstance(value, list) else b"+string\r\n"


def _pttl(session: NodeSession, key: bytes) -> Reply:
    return integer(-1 if key in session.truth.data else -2)


def _expire(session: NodeSession, key: bytes, *more: bytes) -> Reply:
    return integer(key in session.truth.data)


# -- lists


def _push(session: NodeSession, key: bytes, values: tuple[bytes, ...], left: bool) -> Reply:
    items = [*_list(session, key)]
    for value in values:
        session.truth.note(value)
        items = [value, *items] if left else [*items, value]
    session.truth.put(key, items)
    _serve(session, key)
    return integer(len(items))


def _lpush(session: NodeSession, key: bytes, *values: bytes) -> Reply:
    return _push(session, key, values, True)


def _rpush(session: NodeSession, key: bytes, *values: bytes) -> Reply:
    return _push(session, key, values, False)


def _serve(session: NodeSession, key: bytes) -> None:
    """Serve who waits here for an element, in the order in which they came."""
    if not any(each.waits_for for each in session.node.sessions):
        return
    for waiting in sorted(session.node.sessions, key=lambda each: each.number):
        if key in waiting.waits_for:
            item = _pop(session, key)
            if item is None:
                return
            waiting.unblock(aggregate([bulk(key), bulk(item)]))


def _pop(session: NodeSession, key: bytes) -> bytes | None:
    items = _list(session, key)
    if not items:
        return None
    session.truth.put(key, items[1:] or None)
    session.truth.note_popped(items[0])
    return items[0]


def _lpop(session: NodeSession, key: bytes) -> Reply:
    return _value(session, _pop(session, key))


def _blpop(session: NodeSession, *args: bytes) -> Reply:
    for key in args[:-1]:
        item = _pop(session, key)
        if item is not None:
            return aggregate([bulk(key), bulk(item)])
    if session.queued is None and session.can_wait:
        session.block(list(args[:-1]), float(args[-1]))
        return None
    return no_array(session)


def _llen(session: NodeSession, key: bytes) -> Reply:
    return integer(len(_list(session, key)))


def _lrange(session: NodeSession, key: bytes, first: bytes, last: bytes) -> Reply:
    items, end = _list(session, key), int(last)
    return aggregate(map(bulk, items[int(first) : end + 1 if end != -1 else None]))


# -- scripts and transactions


def _learn(session: NodeSession, source: bytes) -> bytes:
    name = hashlib.sha1(source, usedforsecurity=False).hexdigest().encode()
    session.node.scripts.add(name)
    return name


def _eval(session: NodeSession, source: bytes, number: bytes, *args: bytes) -> Reply:
    """Any script sets its first key to its last argument, if it has both, and returns its arguments."""
    _learn(session, source)
    return _run(session, int(number), args)


def _evalsha(session: NodeSession, name: bytes, number: bytes, *args: bytes) -> Reply:
    if name.lower() not in session.node.scripts:
        return error("NOSCRIPT No matching script. Please use EVAL.")
    return _run(session, int(number), args)


def _run(session: NodeSession, number: int, args: tuple[bytes, ...]) -> Reply:
    if number and len(args) > number:
        _set(session, args[0], args[-1])
    return aggregate(map(bulk, args[number:]))


def _watch(session: NodeSession, *keys: bytes) -> Reply:
    if session.queued is not None:
        return error("ERR WATCH inside MULTI is not allowed")
    for key in keys:
        session.watched.setdefault(key, session.truth.changes.get(key, 0))
    return OK


def _unwatch(session: NodeSession) -> Reply:
    session.watched.clear()
    return OK


def _spec(command: Callable[..., Reply]) -> tuple[Callable[..., Reply], int, int]:
    """A command with the least and the greatest number of its arguments."""
    parameters = list(inspect.signature(command).parameters.values())[1:]
    required = sum(each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty for each in parameters)
    endless = any(each.kind is each.VAR_POSITIONAL for each in parameters)
    return command, required, 1000000 if endless else len(parameters)


def _multi(session: NodeSession) -> Reply:
    return session.begin()


def _exec(session: NodeSession) -> Reply:
    return session.commit()


def _discard(session: NodeSession) -> Reply:
    return session.discard()


_BY_NAME: dict[str, Callable[..., Reply]] = {
    # connections
    "PING": _ping,
    "ECHO": _echo,
    "AUTH": _auth,
    "HELLO": _hello,
    "SELECT": _select,
    "ASKING": _asking,
    "READONLY": _readonly,
    "READWRITE": _readwrite,
    "CLIENT": _client,
    # the node
    "CLUSTER": _cluster,
    "INFO": _info,
    "ROLE": _role,
    "DBSIZE": _dbsize,
    "KEYS": _keys,
    "SCAN": _scan,
    "FLUSHALL": _flushall,
    "SCRIPT": _script,
    # strings
    "GET": _get,
    "SET": _set,
    "SETNX": _setnx,
    "GETDEL": _getdel,
    "INCR": _incr,
    "INCRBY": _incrby,
    "APPEND": _append,
    "STRLEN": _strlen,
    "MGET": _mget,
    "MSET": _mset,
    "DEL": _del,
    "UNLINK": _del,
    "EXISTS": _exists,
    "TOUCH": _exists,
    "TYPE": _type,
    "EXPIRE": _expire,
    "PTTL": _pttl,
    # lists
    "LPUSH": _lpush,
    "RPUSH": _rpush,
    "LPOP": _lpop,
    "BLPOP": _blpop,
    "LLEN": _llen,
    "LRANGE": _lrange,
    # scripts and transactions
    "EVAL": _eval,
    "EVALSHA": _evalsha,
    "WATCH": _watch,
    "UNWATCH": _unwatch,
    "MULTI": _multi,
    "EXEC": _exec,
    "DISCARD": _discard,
    # publishing
    "PUBLISH": publish,
    "SPUBLISH": spublish,
    "SUBSCRIBE": subscribing(b"subscribe", "channels", count_of_all, True),
    "UNSUBSCRIBE": subscribing(b"unsubscribe", "channels", count_of_all, False),
    "PSUBSCRIBE": subscribing(b"psubscribe", "patterns", count_of_all, True),
    "PUNSUBSCRIBE": subscribing(b"punsubscribe", "patterns", count_of_all, False),
    "SSUBSCRIBE": subscribing(b"ssubscribe", "shard_channels", count_of_shards, True),
    "SUNSUBSCRIBE": subscribing(b"sunsubscribe", "shard_channels", count_of_shards, False),
}
#: Each command, and the least and the greatest number of its arguments.
COMMANDS: dict[bytes, tuple[Callable[..., Reply], int, int]] = {
    name.encode(): _spec(command) for name, command in _BY_NAME.items()
}


def is_arity_right(name: bytes, args: list[bytes]) -> bool:
    """Whether a command has a number of arguments that it may have."""
    _, least, most = COMMANDS[name]
    return least <= len(args) - 1 <= most
