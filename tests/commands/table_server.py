"""Rows of the commands on the connection, the server, its channels and its Sentinels."""

from __future__ import annotations

from testbed.wire import NIL_ARRAY, OK, array, bulk, integer, status

from .rows import Row

FLUSH = "redis.flush() has been deprecated, use redis.flushdb() or redis.flushall() instead"

INFO = "# Memory\r\nused_memory:1024\r\nused_memory_human:1.00K\r\nmem_allocator:jemalloc:5\r\n\r\n"
INFO_FIELDS = {"used_memory": "1024", "used_memory_human": "1.00K", "mem_allocator": "jemalloc:5"}

MASTER = array("name", "mymaster", "ip", "127.0.0.1", "port", "6379", "flags", "master,s_down")
REPLICA = array("name", "127.0.0.1:6380", "port", "6380", "flags", "slave,disconnected")


def node(fields, *true):
    """Fields of a node with the bools that are added to them."""
    added = [
        "is_master",
        "is_slave",
        "is_sdown",
        "is_odown",
        "is_sentinel",
        "is_disconnected",
        "is_master_down",
    ]
    return {**fields, **{name: name in true for name in added}}


ROWS = [
    Row("quit", lambda c: c.quit(), ("QUIT",), OK, "OK", stops_trying=True),
    Row("auth", lambda c: c.auth("secret"), ("AUTH", "secret"), OK, "OK"),
    Row("auth", lambda c: c.auth("secret", "user"), ("AUTH", "user", "secret"), OK, "OK"),
    Row("auth", lambda c: c.auth("secret", ""), ("AUTH", "secret"), OK, "OK"),
    Row("ping", lambda c: c.ping(), ("PING",), status("PONG"), "PONG"),
    Row("ping", lambda c: c.ping(), ("PING",), status("PONG"), b"PONG", None),
    Row("ping", lambda c: c.ping(message="hello"), ("PING", "hello"), bulk("hello"), "hello"),
    Row("select", lambda c: c.select(3), ("SELECT", 3), OK, "OK"),
    Row("dbsize", lambda c: c.dbsize(), ("DBSIZE",), integer(12), 12),
    Row("flush", lambda c: c.flush(), ("FLUSHDB",), OK, "OK", warning=FLUSH),
    Row("flush", lambda c: c.flush(True), ("FLUSHALL",), OK, "OK", warning=FLUSH),
    Row("flushdb", lambda c: c.flushdb(), ("FLUSHDB",), OK, "OK"),
    Row("flushall", lambda c: c.flushall(), ("FLUSHALL",), OK, "OK"),
    Row("time", lambda c: c.time(), ("TIME",), array("1700000000", "42"), [1700000000, 42]),
    Row("save", lambda c: c.save(), ("SAVE",), OK, "OK"),
    Row(
        "bgsave",
        lambda c: c.bgsave(),
        ("BGSAVE",),
        status("Background saving started"),
        "Background saving started",
    ),
    Row("lastsave", lambda c: c.lastsave(), ("LASTSAVE",), integer(1700000000), 1700000000),
    Row("shutdown", lambda c: c.shutdown(), ("SHUTDOWN",), OK, "OK", stops_trying=True),
    Row("bgrewriteaof", lambda c: c.bgrewriteaof(), ("BGREWRITEAOF",), status("started"), "started"),
    Row("info", lambda c: c.info(), ("INFO",), bulk(INFO), INFO),
    Row("info", lambda c: c.info(), ("INFO",), bulk(INFO), INFO.encode(), None),
    Row("info", lambda c: c.info("memory"), ("INFO", "memory"), bulk(INFO), INFO_FIELDS),
    Row("info", lambda c: c.info("memory"), ("INFO", "memory"), bulk(INFO), INFO_FIELDS, None),
    Row("info", lambda c: c.info("nothing"), ("INFO", "nothing"), bulk(""), {}),
    Row(
        "info",
        lambda c: c.info("server"),
        ("INFO", "server"),
        bulk(b"config_file:/etc/\xff.conf\r\n"),
        {"config_file": "/etc/\udcff.conf"},
    ),
    Row("role", lambda c: c.role(), ("ROLE",), array("master", integer(0), array()), ["master", 0, []]),
    Row("publish", lambda c: c.publish("ch", "msg"), ("PUBLISH", "ch", "msg"), integer(2), 2),
    Row(
        "sentinel_masters",
        lambda c: c.sentinel_masters(),
        ("SENTINEL", "MASTERS"),
        array(MASTER),
        {
            "mymaster": node(
                {"name": "mymaster", "ip": "127.0.0.1", "port": 6379, "flags": "master,s_down"},
                "is_master",
                "is_sdown",
            )
        },
    ),
    Row(
        "sentinel_masters",
        lambda c: c.sentinel_masters(),
        ("SENTINEL", "MASTERS"),
        array(MASTER),
        {
            b"mymaster": node(
                {"name": b"mymaster", "ip": b"127.0.0.1", "port": b"6379", "flags": b"master,s_down"},
                "is_master",
                "is_sdown",
            )
        },
        None,
        False,
    ),
    Row(
        "sentinel_slaves",
        lambda c: c.sentinel_slaves("mymaster"),
        ("SENTINEL", "SLAVES", "mymaster"),
        array(REPLICA),
        [
            node(
                {"name": "127.0.0.1:6380", "port": 6380, "flags": "slave,disconnected"},
                "is_slave",
                "is_disconnected",
            )
        ],
    ),
    Row("sentinel_slaves", lambda c: c.sentinel_slaves("m"), ("SENTINEL", "SLAVES", "m"), array(), []),
    Row(
        "sentinel_get_master_addr_by_name",
        lambda c: c.sentinel_get_master_addr_by_name("mymaster"),
        ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "mymaster"),
        array("127.0.0.1", "6379"),
        ["127.0.0.1", 6379],
    ),
    Row(
        "sentinel_get_master_addr_by_name",
        lambda c: c.sentinel_get_master_addr_by_name("other"),
        ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "other"),
        NIL_ARRAY,
        None,
    ),
]
