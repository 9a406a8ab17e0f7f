"""Rows of further words of options: each is sent by some row; see :mod:`.test_option_tokens`."""

from __future__ import annotations

from testbed.wire import NIL_ARRAY, OK, array, bulk, integer

from txredis_fast.exceptions import InvalidData

from .rows import Refusal, Row

MOMENT = 4102444800
NODE = "07c37dfeb235213a872192d90877d0cd55635b91"
ONE = array(integer(1))
REFERENCES = ("redis 8.2",)
HASH_FIELDS = ("redis 7.4", "valkey 9.0")
FILTERS = ("valkey 9.0",)

#: Filters of CLIENT LIST and CLIENT KILL on Valkey 9.0, as keywords, and what they send.
CLIENT_FILTERS = {
    "addr": "127.0.0.1:1",
    "not_addr": "127.0.0.1:2",
    "laddr": "127.0.0.1:3",
    "not_laddr": "127.0.0.1:4",
    "ip": "127.0.0.9",
    "not_ip": "127.0.0.8",
    "user": "default",
    "not_user": "nobody",
    "name": "n",
    "not_name": "m",
    "lib_name": "l",
    "not_lib_name": "k",
    "lib_ver": "1",
    "not_lib_ver": "2",
    "db": 5,
    "not_db": 6,
    "flags": "N",
    "not_flags": "M",
    "capa": "r",
    "not_capa": "r",
    "idle": 999999,
    "maxage": 999999,
    "not_type": "pubsub",
    "not_id": [999998, 999999],
}
#: The order in which ``client_kill_filter`` sends those that it has as parameters.
FIRST = ("user", "addr", "laddr", "maxage")


def filter_words(names):
    return [
        word
        for name in names
        for value in (CLIENT_FILTERS[name],)
        for word in (name.upper().replace("_", "-"), *(value if isinstance(value, list) else [value]))
    ]


def counted(name, args, options, sent, needs=()):
    """A row whose reply is a number."""
    return Row(name, lambda c: getattr(c, name)(*args, **options), sent, integer(1), 1, needs=needs)


def plain(name, args, options, sent, needs=()):
    """A row whose reply is OK."""
    return Row(name, lambda c: getattr(c, name)(*args, **options), sent, OK, "OK", needs=needs)


def listed(name, args, options, sent, needs=()):
    """A row whose reply is an empty list."""
    return Row(name, lambda c: getattr(c, name)(*args, **options), sent, array(), [], needs=needs)


def on_field(name, args, options, sent, needs=HASH_FIELDS):
    """A row whose reply is a list of one number."""
    return Row(name, lambda c: getattr(c, name)(*args, **options), sent, ONE, [1], needs=needs)


ALL_OF_A_PLACE = {"withdist": True, "withcoord": True, "withhash": True, "count": 5, "any": True, "read_only": True}
ALL_WORDS = ("WITHDIST", "WITHCOORD", "WITHHASH", "COUNT", 5, "ANY")

ROWS = [
    counted("bitcount", ("k", 0, 1), {"unit": "BYTE"}, ("BITCOUNT", "k", 0, 1, "BYTE")),
    counted("bitcount", ("k", 5, -1), {}, ("BITCOUNT", "k", 5, -1)),
    counted("bitpos", ("k", 1, 0, -1, "BYTE"), {}, ("BITPOS", "k", 1, 0, -1, "BYTE")),
    on_field(
        "bitfield",
        ("k", ("SET", "u8", 0, 1)),
        {"overflow": "WRAP"},
        ("BITFIELD", "k", "OVERFLOW", "WRAP", "SET", "u8", 0, 1),
        (),
    ),
    Row(
        "blmpop",
        lambda c: c.blmpop(1, 1, "k", direction="RIGHT"),
        ("BLMPOP", 1, 1, "k", "RIGHT"),
        NIL_ARRAY,
        None,
        blocking=True,
    ),
    counted("linsert", ("k", "AFTER", "a", "b"), {}, ("LINSERT", "k", "AFTER", "a", "b")),
    *(
        counted(name, ("k", MOMENT), {word: True}, (name.upper(), "k", MOMENT, word.upper()))
        for name in ("expireat", "pexpire", "pexpireat")
        for word in ("nx", "xx", "gt", "lt")
    ),
    *(
        on_field(name, ("k", MOMENT, "f"), {word: True}, (name.upper(), "k", MOMENT, word.upper(), "FIELDS", 1, "f"))
        for name in ("hpexpire", "hexpireat", "hpexpireat")
        for word in ("nx", "xx", "gt", "lt")
    ),
    Row(
        "hsetex",
        lambda c: c.hsetex("k", "f", 1, exat=MOMENT),
        ("HSETEX", "k", "EXAT", MOMENT, "FIELDS", 1, "f", 1),
        integer(1),
        True,
        needs=("redis 8.0", "valkey 9.0"),
    ),
    *(
        counted("xtrim", ("k", 5, False), {"ref_policy": word}, ("XTRIM", "k", "MAXLEN", "=", 5, word), REFERENCES)
        for word in ("KEEPREF", "DELREF", "ACKED")
    ),
    *(
        Row(
            "xadd",
            lambda c, word=word: c.xadd("k", {"f": 1}, maxlen=5, ref_policy=word),
            ("XADD", "k", word, "MAXLEN", "~", 5, "*", "f", 1),
            bulk("1-1"),
            "1-1",
            needs=REFERENCES,
        )
        for word in ("KEEPREF", "DELREF", "ACKED")
    ),
    *(
        row
        for word in ("KEEPREF", "DELREF", "ACKED")
        for row in (
            on_field("xdelex", ("k", "1-1"), {"ref_policy": word}, ("XDELEX", "k", word, "IDS", 1, "1-1"), REFERENCES),
            on_field(
                "xackdel",
                ("k", "g", "1-1"),
                {"ref_policy": word},
                ("XACKDEL", "k", "g", word, "IDS", 1, "1-1"),
                REFERENCES,
            ),
        )
    ),
    *(
        listed(name, ({"k": 1, "l": 2}, word), {}, (name.upper(), 2, "k", "l", "WEIGHTS", 1, 2, "AGGREGATE", word))
        for name in ("zunion", "zinter")
        for word in ("MIN", "MAX", "SUM")
    ),
    *(
        counted(name, ("d", ["k"], word), {}, (name.upper(), "d", 1, "k", "AGGREGATE", word))
        for name in ("zunionstore", "zinterstore")
        for word in ("MIN", "MAX", "SUM")
    ),
    *(
        Row(
            "geodist",
            lambda c, unit=unit: c.geodist("k", "a", "b", unit),
            ("GEODIST", "k", "a", "b", unit),
            bulk("1.5"),
            1.5,
        )
        for unit in ("m", "ft", "mi")
    ),
    *(
        row
        for unit in ("m", "km", "ft", "mi")
        for row in (
            listed(
                "geosearch",
                ("k", "a"),
                {"radius": 2, "unit": unit},
                ("GEOSEARCH", "k", "FROMMEMBER", "a", "BYRADIUS", 2, unit),
            ),
            counted(
                "geosearchstore",
                ("d", "k"),
                {"longitude": 1, "latitude": 2, "width": 3, "height": 4, "unit": unit},
                ("GEOSEARCHSTORE", "d", "k", "FROMLONLAT", 1, 2, "BYBOX", 3, 4, unit),
            ),
            counted("georadius", ("k", 1, 2, 3, unit), {"store": "d"}, ("GEORADIUS", "k", 1, 2, 3, unit, "STORE", "d")),
            counted(
                "georadiusbymember",
                ("k", "a", 3, unit),
                {"store": "d"},
                ("GEORADIUSBYMEMBER", "k", "a", 3, unit, "STORE", "d"),
            ),
            listed("georadius", ("k", 1, 2, 3, unit), {"read_only": True}, ("GEORADIUS_RO", "k", 1, 2, 3, unit)),
            listed(
                "georadiusbymember",
                ("k", "a", 3, unit),
                {"read_only": True},
                ("GEORADIUSBYMEMBER_RO", "k", "a", 3, unit),
            ),
        )
    ),
    *(
        row
        for sort in ("ASC", "DESC")
        for row in (
            counted(
                "geosearchstore",
                ("d", "k", "a"),
                {"radius": 1, "sort": sort, "count": 2, "any": True},
                ("GEOSEARCHSTORE", "d", "k", "FROMMEMBER", "a", "BYRADIUS", 1, "m", sort, "COUNT", 2, "ANY"),
            ),
            listed(
                "georadius",
                ("k", 1, 2, 3),
                {**ALL_OF_A_PLACE, "sort": sort},
                ("GEORADIUS_RO", "k", 1, 2, 3, "m", *ALL_WORDS, sort),
            ),
            listed(
                "georadiusbymember",
                ("k", "a", 3),
                {**ALL_OF_A_PLACE, "sort": sort},
                ("GEORADIUSBYMEMBER_RO", "k", "a", 3, "m", *ALL_WORDS, sort),
            ),
            listed(
                "georadius",
                ("k", 1, 2, 3),
                {**ALL_OF_A_PLACE, "sort": sort, "read_only": False},
                ("GEORADIUS", "k", 1, 2, 3, "m", *ALL_WORDS, sort),
            ),
            listed(
                "georadiusbymember",
                ("k", "a", 3),
                {**ALL_OF_A_PLACE, "sort": sort, "read_only": False},
                ("GEORADIUSBYMEMBER", "k", "a", 3, "m", *ALL_WORDS, sort),
            ),
        )
    ),
    counted("georadius", ("k", 1, 2, 3), {"store_dist": "d"}, ("GEORADIUS", "k", 1, 2, 3, "m", "STOREDIST", "d")),
    counted(
        "geosearchstore",
        ("d", "k"),
        {"polygon": [1, 1, 2, 2, 1, 2]},
        ("GEOSEARCHSTORE", "d", "k", "BYPOLYGON", 3, 1, 1, 2, 2, 1, 2),
        ("valkey 9.0",),
    ),
    *(
        Row("client_list", lambda c, word=word: c.client_list(word), ("CLIENT", "LIST", "TYPE", word), bulk(""), [])
        for word in ("normal", "master", "replica")
    ),
    Row(
        "client_list",
        lambda c: c.client_list(**CLIENT_FILTERS, skipme=True),
        ("CLIENT", "LIST", *filter_words(CLIENT_FILTERS), "SKIPME", "YES"),
        bulk(""),
        [],
        needs=FILTERS,
    ),
    *(
        counted("client_kill_filter", (), {"_type": word}, ("CLIENT", "KILL", "TYPE", word))
        for word in ("master", "slave", "replica", "pubsub")
    ),
    counted("client_kill_filter", (), {"_type": "primary"}, ("CLIENT", "KILL", "TYPE", "primary"), ("valkey 8.0",)),
    counted(
        "client_kill_filter",
        (),
        {"_id": 999999, "skipme": False},
        ("CLIENT", "KILL", "ID", 999999, "SKIPME", "NO"),
    ),
    counted(
        "client_kill_filter",
        (),
        CLIENT_FILTERS,
        ("CLIENT", "KILL", *filter_words([*FIRST, *(name for name in CLIENT_FILTERS if name not in FIRST)])),
        FILTERS,
    ),
    plain("client_no_evict", ("ON",), {}, ("CLIENT", "NO-EVICT", "ON")),
    plain("client_no_evict", ("OFF",), {}, ("CLIENT", "NO-EVICT", "OFF")),
    plain("client_no_touch", ("ON",), {}, ("CLIENT", "NO-TOUCH", "ON")),
    plain("client_no_touch", ("OFF",), {}, ("CLIENT", "NO-TOUCH", "OFF")),
    plain("client_setinfo", ("LIB-VER", "1"), {}, ("CLIENT", "SETINFO", "LIB-VER", "1")),
    plain("cluster_flushslot", (5, "ASYNC"), {}, ("CLUSTER", "FLUSHSLOT", 5, "ASYNC")),
    plain("cluster_replicate", (), {"no_one": True}, ("CLUSTER", "REPLICATE", "NO", "ONE"), ("valkey 9.0",)),
    *(
        listed(
            "cluster_slot_stats",
            (),
            {"orderby": "key-count", "sort": word},
            ("CLUSTER", "SLOT-STATS", "ORDERBY", "key-count", word),
        )
        for word in ("ASC", "DESC")
    ),
    *(
        row
        for log in ("slow", "large-request", "large-reply")
        for row in (
            listed("commandlog_get", (5, log), {}, ("COMMANDLOG", "GET", 5, log)),
            counted("commandlog_len", (log,), {}, ("COMMANDLOG", "LEN", log)),
            plain("commandlog_reset", (log,), {}, ("COMMANDLOG", "RESET", log)),
        )
    ),
    *(
        plain(name, (), {"asynchronous": wanted}, (name.upper(), word))
        for name in ("flushdb", "flushall")
        for wanted, word in ((True, "ASYNC"), (False, "SYNC"))
    ),
    *(
        row
        for mode in ("ASYNC", "SYNC")
        for row in (
            plain("function_flush", (mode,), {}, ("FUNCTION", "FLUSH", mode)),
            plain("script_flush", (), {"sync_type": mode}, ("SCRIPT", "FLUSH", mode)),
        )
    ),
    *(
        plain("function_restore", (b"\xff", policy), {}, ("FUNCTION", "RESTORE", b"\xff", policy))
        for policy in ("APPEND", "FLUSH")
    ),
    *(
        Row(
            "shutdown",
            lambda c, options=options: c.shutdown(**dict.fromkeys(options, True)),
            ("SHUTDOWN", *map(str.upper, options)),
            OK,
            "OK",
            stops_trying=True,
            needs=("valkey 9.0",),
        )
        for options in (("save", "safe"), ("nosave", "now", "force", "failover"))
    ),
]

#: Method, arguments, options that it refuses together, the error.
TOGETHER = [
    ("bgsave", (), {"schedule": True, "cancel": True}, "schedule and cancel of bgsave cannot be given together"),
    *(
        (name, ("k", 5, *more), dict.fromkeys(words, True), f"{' and '.join(words)} of {name} cannot be given together")
        for name, more in [
            *(("expire", ()), ("pexpire", ()), ("expireat", ()), ("pexpireat", ())),
            *(("hexpire", ("f",)), ("hpexpire", ("f",)), ("hexpireat", ("f",)), ("hpexpireat", ("f",))),
            ("zadd", ("m",)),
        ]
        for words in (("nx", "xx"), ("nx", "gt"), ("nx", "lt"), ("gt", "lt"))
    ),
    ("zadd", ("k", {"a": 1, "b": 2}), {"incr": True}, "incr of zadd needs one member, not several"),
    ("geoadd", ("k", (1, 2, "a")), {"nx": True, "xx": True}, "nx and xx of geoadd cannot be given together"),
    ("lcs", ("a", "b"), {"len": True, "idx": True}, "len and idx of lcs cannot be given together"),
    ("lcs", ("a", "b"), {"minmatchlen": 2}, "minmatchlen and withmatchlen of lcs need idx"),
    ("lcs", ("a", "b"), {"withmatchlen": True}, "minmatchlen and withmatchlen of lcs need idx"),
    ("hsetex", ("k", "f", 1), {"nx": True, "xx": True}, "nx and xx of hsetex cannot be given together"),
    ("hsetex", ("k", "f", 1), {"fnx": True, "fxx": True}, "fnx and fxx of hsetex cannot be given together"),
    ("msetex", ({"a": 1},), {"nx": True, "xx": True}, "nx and xx of msetex cannot be given together"),
    ("zrange", ("k",), {"byscore": True, "bylex": True}, "byscore and bylex of zrange cannot be given together"),
    ("zrange", ("k",), {"bylex": True, "withscores": True}, "bylex and withscores of zrange cannot be given together"),
    ("zrange", ("k",), {"offset": 0, "num": 2}, "a limit of zrange needs byscore or bylex"),
    (
        "zrangestore",
        ("d", "k", 0, 1),
        {"byscore": True, "bylex": True},
        "byscore and bylex of zrangestore cannot be given together",
    ),
    ("zrangestore", ("d", "k", 0, 1), {"offset": 0, "num": 2}, "a limit of zrangestore needs byscore or bylex"),
    (
        "georadius",
        ("k", 1, 2, 3),
        {"read_only": True, "store": "d"},
        "read_only and store of georadius cannot be given together",
    ),
    (
        "georadiusbymember",
        ("k", "a", 3),
        {"store": "d", "store_dist": "e"},
        "store and store_dist of georadiusbymember cannot be given together",
    ),
    ("xclaim", ("k", "g", "c", 0, "1-1"), {"idle": 1, "time": 2}, "idle and time of xclaim cannot be given together"),
    ("xinfo_stream", ("k",), {"count": 3}, "count of xinfo_stream needs full"),
    (
        "restore",
        ("k", 0, b""),
        {"idletime": 1, "frequency": 2},
        "idletime and frequency of restore cannot be given together",
    ),
    ("failover", ("h",), {}, "host of failover needs port, and port needs host"),
    ("failover", (), {"force": True}, "force of failover needs host, port and timeout"),
    ("failover", ("h", 1), {"abort": True}, "abort of failover can be given only alone"),
]

REFUSALS = [
    *(
        Refusal(
            name,
            lambda c, name=name, args=args, options=options: getattr(c, name)(*args, **options),
            InvalidData,
            text,
        )
        for name, args, options, text in TOGETHER
    ),
    Refusal("bitcount", lambda c: c.bitcount("k", unit="BIT"), InvalidData, "unit of bitcount needs start and end"),
    Refusal(
        "cluster_replicate",
        lambda c: c.cluster_replicate(),
        InvalidData,
        "cluster_replicate needs either target_node_id or no_one",
    ),
    Refusal(
        "cluster_replicate",
        lambda c: c.cluster_replicate(NODE, no_one=True),
        InvalidData,
        "cluster_replicate needs either target_node_id or no_one",
    ),
    Refusal(
        "shutdown",
        lambda c: c.shutdown(save=True, nosave=True),
        InvalidData,
        "save and nosave of shutdown cannot be given together",
    ),
    Refusal(
        "shutdown",
        lambda c: c.shutdown(abort=True, now=True),
        InvalidData,
        "abort of shutdown can be given only alone",
    ),
]
