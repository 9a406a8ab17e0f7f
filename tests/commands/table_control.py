"""Rows of the commands on clients, configuration, users, functions, clusters, and what servers say of themselves."""

from __future__ import annotations

import datetime

from testbed.wire import NIL, OK, array, bulk, integer, status

from txredis_fast.commands._parts import SlowlogEntry
from txredis_fast.exceptions import InvalidData

from .rows import Refusal, Row
from .table_server import node

CLIENT = "id=3 addr=127.0.0.1:59150 laddr=127.0.0.1:7305 name= db=0"
CLIENT_FIELDS = {"id": "3", "addr": "127.0.0.1:59150", "laddr": "127.0.0.1:7305", "name": "", "db": "0"}
NODE = "07c37dfeb235213a872192d90877d0cd55635b91"
LIBRARY = "#!lua name=lib\nredis.register_function('f', function(keys, args) return args[1] end)"
SHA1 = "f" * 40
ONE_FILTER = "only one of module, category and pattern of command_list can be given"
RANGE = "cluster_slot_stats needs either start_slot and end_slot, or orderby"

#: Method, its arguments, what they send: commands with a plain reply, OK.
PLAIN = [
    ("config_set", ("a", 1, "b", "x"), ("CONFIG", "SET", "a", 1, "b", "x")),
    ("config_rewrite", (), ("CONFIG", "REWRITE")),
    ("config_resetstat", (), ("CONFIG", "RESETSTAT")),
    ("module_load", ("/m.so", "a"), ("MODULE", "LOAD", "/m.so", "a")),
    (
        "module_loadex",
        ("/m.so", {"a": 1, "b": 2}, ["c"]),
        ("MODULE", "LOADEX", "/m.so", "CONFIG", "a", 1, "CONFIG", "b", 2, "ARGS", "c"),
    ),
    ("module_loadex", ("/m.so",), ("MODULE", "LOADEX", "/m.so")),
    ("module_unload", ("m",), ("MODULE", "UNLOAD", "m")),
    ("client_kill", ("127.0.0.1:1",), ("CLIENT", "KILL", "127.0.0.1:1")),
    ("client_setname", ("me",), ("CLIENT", "SETNAME", "me")),
    ("client_setinfo", ("LIB-NAME", "x"), ("CLIENT", "SETINFO", "LIB-NAME", "x")),
    ("client_no_evict", ("OFF",), ("CLIENT", "NO-EVICT", "OFF")),
    ("client_no_touch", ("OFF",), ("CLIENT", "NO-TOUCH", "OFF")),
    ("client_pause", (datetime.timedelta(seconds=0.001),), ("CLIENT", "PAUSE", 1)),
    ("client_pause", (1, False), ("CLIENT", "PAUSE", 1, "WRITE")),
    ("client_unpause", (), ("CLIENT", "UNPAUSE")),
    ("acl_setuser", ("me", "on", ">secret", "~*"), ("ACL", "SETUSER", "me", "on", ">secret", "~*")),
    ("acl_dryrun", ("default", "GET", "k"), ("ACL", "DRYRUN", "default", "GET", "k")),
    ("acl_log_reset", (), ("ACL", "LOG", "RESET")),
    ("acl_load", (), ("ACL", "LOAD")),
    ("acl_save", (), ("ACL", "SAVE")),
    ("function_delete", ("lib",), ("FUNCTION", "DELETE", "lib")),
    ("function_flush", (), ("FUNCTION", "FLUSH")),
    ("function_flush", ("SYNC",), ("FUNCTION", "FLUSH", "SYNC")),
    ("function_kill", (), ("FUNCTION", "KILL")),
    ("function_restore", (b"\xff",), ("FUNCTION", "RESTORE", b"\xff")),
    ("function_restore", (b"\xff", "REPLACE"), ("FUNCTION", "RESTORE", b"\xff", "REPLACE")),
    ("memory_purge", (), ("MEMORY", "PURGE")),
    ("slowlog_reset", (), ("SLOWLOG", "RESET")),
    ("commandlog_reset", ("slow",), ("COMMANDLOG", "RESET", "slow")),
    ("swapdb", (0, 1), ("SWAPDB", 0, 1)),
    ("replicaof", ("NO", "ONE"), ("REPLICAOF", "NO", "ONE")),
    ("slaveof", (), ("SLAVEOF", "NO", "ONE")),
    ("failover", (), ("FAILOVER",)),
    ("cluster_meet", ("127.0.0.1", 7000), ("CLUSTER", "MEET", "127.0.0.1", 7000)),
    ("cluster_meet", ("127.0.0.1", 7000, 17000), ("CLUSTER", "MEET", "127.0.0.1", 7000, 17000)),
    ("cluster_forget", (NODE,), ("CLUSTER", "FORGET", NODE)),
    ("cluster_replicate", (NODE,), ("CLUSTER", "REPLICATE", NODE)),
    ("cluster_failover", (), ("CLUSTER", "FAILOVER")),
    ("cluster_failover", ("FORCE",), ("CLUSTER", "FAILOVER", "FORCE")),
    ("cluster_failover", ("TAKEOVER",), ("CLUSTER", "FAILOVER", "TAKEOVER")),
    ("cluster_reset", (), ("CLUSTER", "RESET", "SOFT")),
    ("cluster_reset", (True,), ("CLUSTER", "RESET", "HARD")),
    ("cluster_save_config", (), ("CLUSTER", "SAVECONFIG")),
    ("cluster_set_config_epoch", (5,), ("CLUSTER", "SET-CONFIG-EPOCH", 5)),
    ("cluster_addslots", (1, 2), ("CLUSTER", "ADDSLOTS", 1, 2)),
    ("cluster_addslotsrange", (1, 5), ("CLUSTER", "ADDSLOTSRANGE", 1, 5)),
    ("cluster_delslots", (1, 2), ("CLUSTER", "DELSLOTS", 1, 2)),
    ("cluster_delslotsrange", (1, 5), ("CLUSTER", "DELSLOTSRANGE", 1, 5)),
    ("cluster_flushslots", (), ("CLUSTER", "FLUSHSLOTS")),
    ("cluster_flushslot", (5,), ("CLUSTER", "FLUSHSLOT", 5)),
    ("cluster_flushslot", (5, "SYNC"), ("CLUSTER", "FLUSHSLOT", 5, "SYNC")),
    ("cluster_setslot", (5, "STABLE"), ("CLUSTER", "SETSLOT", 5, "STABLE")),
    ("cluster_setslot", (5, "MIGRATING", NODE), ("CLUSTER", "SETSLOT", 5, "MIGRATING", NODE)),
    ("cluster_setslot", (5, "IMPORTING", NODE), ("CLUSTER", "SETSLOT", 5, "IMPORTING", NODE)),
    ("cluster_setslot", (5, "NODE", NODE), ("CLUSTER", "SETSLOT", 5, "NODE", NODE)),
    ("cluster_migrateslots", (NODE, 1, 5), ("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", 1, 5, "NODE", NODE)),
    ("cluster_cancelslotmigrations", (), ("CLUSTER", "CANCELSLOTMIGRATIONS")),
    ("sentinel_ckquorum", ("m",), ("SENTINEL", "CKQUORUM", "m")),
    ("sentinel_failover", ("m",), ("SENTINEL", "FAILOVER", "m")),
    ("sentinel_monitor", ("m", "127.0.0.1", 7000, 2), ("SENTINEL", "MONITOR", "m", "127.0.0.1", 7000, 2)),
    ("sentinel_remove", ("m",), ("SENTINEL", "REMOVE", "m")),
    ("sentinel_set", ("m", "quorum", 2, "a", "b"), ("SENTINEL", "SET", "m", "quorum", 2, "a", "b")),
    ("sentinel_flushconfig", (), ("SENTINEL", "FLUSHCONFIG")),
    ("sentinel_config_set", ({"loglevel": "debug"},), ("SENTINEL", "CONFIG", "SET", "loglevel", "debug")),
]

#: The same for commands whose reply is a number.
COUNTED = [
    ("client_id", (), ("CLIENT", "ID")),
    ("client_getredir", (), ("CLIENT", "GETREDIR")),
    ("client_unblock", (5,), ("CLIENT", "UNBLOCK", 5)),
    ("client_unblock", (5, True), ("CLIENT", "UNBLOCK", 5, "ERROR")),
    ("acl_deluser", ("a", "b"), ("ACL", "DELUSER", "a", "b")),
    ("object_freq", ("k",), ("OBJECT", "FREQ", "k")),
    ("object_idletime", ("k",), ("OBJECT", "IDLETIME", "k")),
    ("object_refcount", ("k",), ("OBJECT", "REFCOUNT", "k")),
    ("memory_usage", ("k",), ("MEMORY", "USAGE", "k")),
    ("memory_usage", ("k", 0), ("MEMORY", "USAGE", "k", "SAMPLES", 0)),
    ("slowlog_len", (), ("SLOWLOG", "LEN")),
    ("commandlog_len", ("slow",), ("COMMANDLOG", "LEN", "slow")),
    ("latency_reset", ("command",), ("LATENCY", "RESET", "command")),
    ("command_count", (), ("COMMAND", "COUNT")),
    ("spublish", ("ch", "m"), ("SPUBLISH", "ch", "m")),
    ("pubsub_numpat", (), ("PUBSUB", "NUMPAT")),
    ("cluster_keyslot", ("k",), ("CLUSTER", "KEYSLOT", "k")),
    ("sentinel_reset", ("*",), ("SENTINEL", "RESET", "*")),
    ("cluster_countkeysinslot", (5,), ("CLUSTER", "COUNTKEYSINSLOT", 5)),
    ("cluster_count_failure_report", (NODE,), ("CLUSTER", "COUNT-FAILURE-REPORTS", NODE)),
]

#: The same for commands whose reply is a text.
TEXTS = [
    ("client_getname", (), ("CLIENT", "GETNAME")),
    ("acl_whoami", (), ("ACL", "WHOAMI")),
    ("object_encoding", ("k",), ("OBJECT", "ENCODING", "k")),
    ("memory_doctor", (), ("MEMORY", "DOCTOR")),
    ("memory_malloc_stats", (), ("MEMORY", "MALLOC-STATS")),
    ("latency_doctor", (), ("LATENCY", "DOCTOR")),
    ("latency_graph", ("command",), ("LATENCY", "GRAPH", "command")),
    ("script_show", (SHA1,), ("SCRIPT", "SHOW", SHA1)),
    ("function_load", (LIBRARY,), ("FUNCTION", "LOAD", LIBRARY)),
    ("function_load", (LIBRARY, True), ("FUNCTION", "LOAD", "REPLACE", LIBRARY)),
    ("fcall", ("f", 1, "k", "a"), ("FCALL", "f", 1, "k", "a")),
    ("fcall_ro", ("f", 0, "a"), ("FCALL_RO", "f", 0, "a")),
    ("eval_ro", ("return 1",), ("EVAL_RO", "return 1", 0)),
    ("eval_ro", ("return 1", ["k"], ["a"]), ("EVAL_RO", "return 1", 1, "k", "a")),
    ("evalsha_ro", (SHA1, "k"), ("EVALSHA_RO", SHA1, 1, "k")),
    ("echo", ("text",), ("ECHO", "text")),
    ("lolwut", (), ("LOLWUT",)),
    ("lolwut", (5, 1, 2), ("LOLWUT", "VERSION", 5, 1, 2)),
    ("cluster_nodes", (), ("CLUSTER", "NODES")),
    ("cluster_myid", (), ("CLUSTER", "MYID")),
    ("cluster_myshardid", (), ("CLUSTER", "MYSHARDID")),
    ("cluster_bumpepoch", (), ("CLUSTER", "BUMPEPOCH")),
    ("sentinel_myid", (), ("SENTINEL", "MYID")),
]

#: The same for commands whose reply is a list of texts.
LISTS = [
    ("acl_cat", (), ("ACL", "CAT")),
    ("acl_cat", ("read",), ("ACL", "CAT", "read")),
    ("acl_users", (), ("ACL", "USERS")),
    ("acl_list", (), ("ACL", "LIST")),
    ("latency_latest", (), ("LATENCY", "LATEST")),
    ("latency_history", ("command",), ("LATENCY", "HISTORY", "command")),
    ("command_list", (), ("COMMAND", "LIST")),
    ("command_list", ("m",), ("COMMAND", "LIST", "FILTERBY", "MODULE", "m")),
    ("command_list", (None, "read"), ("COMMAND", "LIST", "FILTERBY", "ACLCAT", "read")),
    ("command_list", (None, None, "z*"), ("COMMAND", "LIST", "FILTERBY", "PATTERN", "z*")),
    ("command_getkeys", ("MSET", "a", 1), ("COMMAND", "GETKEYS", "MSET", "a", 1)),
    ("pubsub_channels", (), ("PUBSUB", "CHANNELS")),
    ("pubsub_channels", ("a*",), ("PUBSUB", "CHANNELS", "a*")),
    ("pubsub_shardchannels", (), ("PUBSUB", "SHARDCHANNELS")),
    ("pubsub_shardchannels", ("a*",), ("PUBSUB", "SHARDCHANNELS", "a*")),
    ("sentinel_get_primary_addr_by_name", ("m",), ("SENTINEL", "GET-PRIMARY-ADDR-BY-NAME", "m")),
    ("cluster_get_keys_in_slot", (5, 10), ("CLUSTER", "GETKEYSINSLOT", 5, 10)),
    ("cluster_replicas", (NODE,), ("CLUSTER", "REPLICAS", NODE)),
    ("cluster_slaves", (NODE,), ("CLUSTER", "SLAVES", NODE)),
]


def rows(calls, answered, value):
    return [
        Row(name, lambda c, name=name, args=args: getattr(c, name)(*args), sent, answered, value)
        for name, args, sent in calls
    ]


ROWS = [
    Row(
        "cluster_slots",
        lambda c: c.cluster_slots(),
        ("CLUSTER", "SLOTS"),
        array(array(integer(0), integer(5), array("h", integer(7000), NODE, array("hostname", "x")))),
        [[0, 5, ["h", 7000, NODE, {"hostname": "x"}]]],
    ),
    Row(
        "cluster_slots",
        lambda c: c.cluster_slots(),
        ("CLUSTER", "SLOTS"),
        array(array(integer(0), integer(5), array("h", integer(7000), NODE, array()), array("i", integer(7001), NODE))),
        [[0, 5, [b"h", 7000, NODE.encode(), {}], [b"i", 7001, NODE.encode()]]],
        None,
    ),
    *rows(PLAIN, OK, "OK"),
    *rows(COUNTED, integer(5), 5),
    *rows(TEXTS, bulk("text"), "text"),
    *rows(LISTS, array("a", "b"), ["a", "b"]),
    Row(
        "config_get",
        lambda c: c.config_get("maxmemory*", "save"),
        ("CONFIG", "GET", "maxmemory*", "save"),
        array("maxmemory", "0", "save", ""),
        {"maxmemory": 0, "save": ""},
    ),
    Row("config_get", lambda c: c.config_get(), ("CONFIG", "GET", "*"), array("save", ""), {"save": b""}, None),
    Row(
        "module_list",
        lambda c: c.module_list(),
        ("MODULE", "LIST"),
        array(array("name", "lua", "ver", integer(1), "path", "lua", "args", array())),
        [{"name": "lua", "ver": 1, "path": "lua", "args": []}],
    ),
    Row(
        "sentinel_failover",
        lambda c: c.sentinel_failover("m", coordinated=True),
        ("SENTINEL", "FAILOVER", "m", "COORDINATED"),
        OK,
        "OK",
        needs=("valkey 9.0",),
    ),
    Row("client_info", lambda c: c.client_info(), ("CLIENT", "INFO"), bulk(f"{CLIENT}\n"), CLIENT_FIELDS, None),
    Row(
        "client_list", lambda c: c.client_list(), ("CLIENT", "LIST"), bulk(f"{CLIENT}\n{CLIENT}\n"), [CLIENT_FIELDS] * 2
    ),
    Row("client_list", lambda c: c.client_list("pubsub"), ("CLIENT", "LIST", "TYPE", "pubsub"), bulk(""), []),
    Row(
        "client_list",
        lambda c: c.client_list(None, [3, 4]),
        ("CLIENT", "LIST", "ID", 3, 4),
        bulk(CLIENT),
        [CLIENT_FIELDS],
    ),
    Row(
        "client_list", lambda c: c.client_list(client_id=3), ("CLIENT", "LIST", "ID", 3), bulk(CLIENT), [CLIENT_FIELDS]
    ),
    Row(
        "client_list",
        lambda c: c.client_list(client_id=bytearray(b"5")),
        ("CLIENT", "LIST", "ID", b"5"),
        bulk(CLIENT),
        [CLIENT_FIELDS],
    ),
    Row(
        "client_list",
        lambda c: c.client_list(user="me", skipme=False, not_id=[1, 2], lib_name="x"),
        ("CLIENT", "LIST", "USER", "me", "SKIPME", "NO", "NOT-ID", 1, 2, "LIB-NAME", "x"),
        bulk(""),
        [],
        needs=("valkey 9.0",),
    ),
    Row(
        "client_kill_filter",
        lambda c: c.client_kill_filter(999999, "normal", "127.0.0.1:1", True, "127.0.0.1:2", "me"),
        (
            *("CLIENT", "KILL", "ID", 999999, "TYPE", "normal", "USER", "me", "ADDR", "127.0.0.1:1"),
            *("LADDR", "127.0.0.1:2", "SKIPME", "YES"),
        ),
        integer(0),
        0,
    ),
    Row(
        "client_kill_filter",
        lambda c: c.client_kill_filter(maxage=999999),
        ("CLIENT", "KILL", "MAXAGE", 999999),
        integer(0),
        0,
        needs=("redis 8.2", "valkey 8.0"),
    ),
    Row(
        "client_kill_filter",
        lambda c: c.client_kill_filter(name="nobody"),
        ("CLIENT", "KILL", "NAME", "nobody"),
        integer(0),
        0,
        needs=("valkey 9.0",),
    ),
    Row(
        "client_trackinginfo",
        lambda c: c.client_trackinginfo(),
        ("CLIENT", "TRACKINGINFO"),
        array("flags", array("off"), "redirect", integer(-1), "prefixes", array()),
        {"flags": ["off"], "redirect": -1, "prefixes": []},
    ),
    Row("acl_genpass", lambda c: c.acl_genpass(32), ("ACL", "GENPASS", 32), bulk("88be30e7"), b"88be30e7", None, False),
    Row(
        "acl_getuser",
        lambda c: c.acl_getuser("me"),
        ("ACL", "GETUSER", "me"),
        array("flags", array("on"), "keys", "~*", "selectors", array(array("commands", "+@all", "keys", "~a"))),
        {"flags": ["on"], "keys": "~*", "selectors": [{"commands": "+@all", "keys": "~a"}]},
    ),
    Row("acl_getuser", lambda c: c.acl_getuser("none"), ("ACL", "GETUSER", "none"), NIL, None),
    Row(
        "acl_log",
        lambda c: c.acl_log(),
        ("ACL", "LOG"),
        array(array("count", integer(1), "reason", "auth", "age-seconds", "0.5", "client-info", CLIENT)),
        [{"count": 1, "reason": "auth", "age-seconds": 0.5, "client-info": CLIENT_FIELDS}],
    ),
    Row("acl_log", lambda c: c.acl_log(5), ("ACL", "LOG", 5), array(), []),
    Row(
        "function_list",
        lambda c: c.function_list(),
        ("FUNCTION", "LIST"),
        array(
            array(
                *("library_name", "lib", "engine", "LUA"),
                *("functions", array(array("name", "f", "description", NIL, "flags", array(status("no-writes"))))),
            )
        ),
        [
            {
                "library_name": b"lib",
                "engine": b"LUA",
                "functions": [{"name": b"f", "description": None, "flags": ["no-writes"]}],
            }
        ],
        None,
    ),
    Row(
        "function_list",
        lambda c: c.function_list("l*", True),
        ("FUNCTION", "LIST", "LIBRARYNAME", "l*", "WITHCODE"),
        array(),
        [],
    ),
    Row(
        "function_stats",
        lambda c: c.function_stats(),
        ("FUNCTION", "STATS"),
        array("running_script", NIL, "engines", array("LUA", array("libraries_count", integer(1)))),
        {"running_script": None, "engines": {"LUA": {"libraries_count": 1}}},
    ),
    Row("function_dump", lambda c: c.function_dump(), ("FUNCTION", "DUMP"), bulk(b"\xf5\xc3"), b"\xf5\xc3"),
    Row(
        "memory_stats",
        lambda c: c.memory_stats(),
        ("MEMORY", "STATS"),
        array(
            "peak.allocated", integer(5), "db.0", array("overhead.hashtable.main", integer(8)), "fragmentation", "1.5"
        ),
        {"peak.allocated": 5, "db.0": {"overhead.hashtable.main": 8}, "fragmentation": 1.5},
    ),
    Row(
        "slowlog_get",
        lambda c: c.slowlog_get(2),
        ("SLOWLOG", "GET", 2),
        array(array(integer(9), integer(1795897731), integer(7), array("GET", "s"), "127.0.0.1:5", "")),
        [SlowlogEntry(9, 1795897731, 7, ["GET", "s"], "127.0.0.1:5", "")],
    ),
    Row("slowlog_get", lambda c: c.slowlog_get(), ("SLOWLOG", "GET"), array(), []),
    Row(
        "commandlog_get",
        lambda c: c.commandlog_get(1, "large-reply"),
        ("COMMANDLOG", "GET", 1, "large-reply"),
        array(array(integer(9), integer(1), integer(7), array("GET"), "127.0.0.1:5", "me")),
        [SlowlogEntry(9, 1, 7, [b"GET"], "127.0.0.1:5", "me")],
        None,
    ),
    Row(
        "latency_histogram",
        lambda c: c.latency_histogram("get"),
        ("LATENCY", "HISTOGRAM", "get"),
        array(
            "get", array("calls", integer(9), "histogram_usec", array(integer(4), integer(1), integer(8), integer(9)))
        ),
        {"get": {"calls": 9, "histogram_usec": {4: 1, 8: 9}}},
    ),
    Row(
        "command_info",
        lambda c: c.command_info("get", "none"),
        ("COMMAND", "INFO", "get", "none"),
        array(
            array(
                *("get", integer(2), array(status("readonly"), status("fast")), integer(1), integer(1), integer(1)),
                *(array(status("@read")), array("nondeterministic_output")),
                array(
                    array(
                        *("flags", array(status("RO")), "begin_search"),
                        *(array("type", "index", "spec", array("index", integer(1))), "find_keys"),
                        array("type", "range", "spec", array("lastkey", integer(0))),
                    )
                ),
                array(),
            ),
            NIL,
        ),
        [
            {
                "name": "get",
                "arity": 2,
                "flags": frozenset({"readonly", "fast"}),
                "first": 1,
                "last": 1,
                "step": 1,
                "acl": frozenset({"@read"}),
                "tips": ["nondeterministic_output"],
                "specs": [
                    {
                        "flags": ["RO"],
                        "begin_search": {"type": "index", "spec": {"index": 1}},
                        "find_keys": {"type": "range", "spec": {"lastkey": 0}},
                    }
                ],
                "sub": [],
            },
            None,
        ],
    ),
    Row(
        "command",
        lambda c: c.command(),
        ("COMMAND",),
        array(array("ping", integer(-1), array(), integer(0), integer(0), integer(0))),
        [
            {
                "name": "ping",
                "arity": -1,
                "flags": frozenset(),
                "first": 0,
                "last": 0,
                "step": 0,
                "acl": frozenset(),
                "tips": [],
                "specs": [],
                "sub": [],
            }
        ],
        None,
    ),
    Row(
        "command_docs",
        lambda c: c.command_docs("get"),
        ("COMMAND", "DOCS", "get"),
        array(
            "get",
            array(
                *("summary", "Gets.", "arguments"),
                array(array("name", "key", "type", "key", "flags", array(status("optional")))),
                *("subcommands", array("get|x", array("summary", "X."))),
            ),
        ),
        {
            "get": {
                "summary": "Gets.",
                "arguments": [{"name": "key", "type": "key", "flags": ["optional"]}],
                "subcommands": {"get|x": {"summary": "X."}},
            }
        },
    ),
    Row(
        "command_getkeysandflags",
        lambda c: c.command_getkeysandflags("SET", "a", 1),
        ("COMMAND", "GETKEYSANDFLAGS", "SET", "a", 1),
        array(array("a", array(status("OW"), status("update")))),
        [("a", frozenset({"OW", "update"}))],
    ),
    Row(
        "pubsub_numsub",
        lambda c: c.pubsub_numsub("a", "b"),
        ("PUBSUB", "NUMSUB", "a", "b"),
        array("a", integer(1), "b", integer(0)),
        {"a": 1, "b": 0},
    ),
    Row("pubsub_shardnumsub", lambda c: c.pubsub_shardnumsub(), ("PUBSUB", "SHARDNUMSUB"), array(), {}),
    Row(
        "failover",
        lambda c: c.failover("127.0.0.1", 7000, force=True, timeout=5),
        ("FAILOVER", "TO", "127.0.0.1", 7000, "FORCE", "TIMEOUT", 5),
        OK,
        "OK",
    ),
    Row("failover", lambda c: c.failover(abort=True), ("FAILOVER", "ABORT"), OK, "OK"),
    Row("script_flush", lambda c: c.script_flush(sync_type="ASYNC"), ("SCRIPT", "FLUSH", "ASYNC"), OK, "OK"),
    Row(
        "cluster_info",
        lambda c: c.cluster_info(),
        ("CLUSTER", "INFO"),
        bulk("cluster_state:ok\r\ncluster_size:1\r\n"),
        {"cluster_state": "ok", "cluster_size": "1"},
        None,
    ),
    Row(
        "cluster_shards",
        lambda c: c.cluster_shards(),
        ("CLUSTER", "SHARDS"),
        array(array("slots", array(integer(0), integer(9)), "nodes", array(array("id", NODE, "port", integer(7))))),
        [{"slots": [0, 9], "nodes": [{"id": NODE, "port": 7}]}],
    ),
    Row(
        "cluster_links",
        lambda c: c.cluster_links(),
        ("CLUSTER", "LINKS"),
        array(array("direction", "to", "send-buffer-used", integer(0))),
        [{"direction": "to", "send-buffer-used": 0}],
    ),
    Row(
        "cluster_slot_stats",
        lambda c: c.cluster_slot_stats(0, 1),
        ("CLUSTER", "SLOT-STATS", "SLOTSRANGE", 0, 1),
        array(array(integer(0), array("key-count", integer(3)))),
        [(0, {"key-count": 3})],
    ),
    Row(
        "cluster_slot_stats",
        lambda c: c.cluster_slot_stats(orderby="key-count", limit=5, sort="ASC"),
        ("CLUSTER", "SLOT-STATS", "ORDERBY", "key-count", "LIMIT", 5, "ASC"),
        array(),
        [],
    ),
    Row(
        "cluster_setslot",
        lambda c: c.cluster_setslot(5, "NODE", NODE, timeout=9),
        ("CLUSTER", "SETSLOT", 5, "NODE", NODE, "TIMEOUT", 9),
        OK,
        "OK",
    ),
    Row(
        "cluster_getslotmigrations",
        lambda c: c.cluster_getslotmigrations(),
        ("CLUSTER", "GETSLOTMIGRATIONS"),
        array(array("name", "x", "state", "success")),
        [{"name": "x", "state": "success"}],
    ),
    *(
        Row(
            f"sentinel_{word}",
            lambda c, word=word: getattr(c, f"sentinel_{word}")("m"),
            ("SENTINEL", word.upper(), "m"),
            array("name", "m", "flags", "master"),
            node({"name": "m", "flags": "master"}, "is_master"),
        )
        for word in ("master", "primary")
    ),
    *(
        Row(
            f"sentinel_{word}",
            lambda c, word=word: getattr(c, f"sentinel_{word}")("m"),
            ("SENTINEL", word.upper(), "m"),
            array(array("name", "r", "flags", "slave")),
            [node({"name": "r", "flags": "slave"}, "is_slave")],
        )
        for word in ("replicas", "sentinels")
    ),
    Row(
        "sentinel_primaries",
        lambda c: c.sentinel_primaries(),
        ("SENTINEL", "PRIMARIES"),
        array(array("name", "m", "flags", "master")),
        {"m": node({"name": "m", "flags": "master"}, "is_master")},
    ),
    Row(
        "sentinel_config_get",
        lambda c: c.sentinel_config_get("log*", "a"),
        ("SENTINEL", "CONFIG", "GET", "log*", "a"),
        array("loglevel", "notice"),
        {"loglevel": "notice"},
    ),
    Row(
        "sentinel_pending_scripts",
        lambda c: c.sentinel_pending_scripts(),
        ("SENTINEL", "PENDING-SCRIPTS"),
        array(array("argv", array("a"), "pid", integer(5))),
        [{"argv": ["a"], "pid": 5}],
    ),
    Row(
        "sentinel_info_cache",
        lambda c: c.sentinel_info_cache("m"),
        ("SENTINEL", "INFO-CACHE", "m"),
        array("m", array(array(integer(8361), "text"), array(integer(5), NIL))),
        {"m": [(8361, "text"), (5, None)]},
    ),
    Row("clusterscan", lambda c: c.clusterscan(), ("CLUSTERSCAN", 0), array("0", array("k")), [0, ["k"]]),
    Row(
        "clusterscan",
        lambda c: c.clusterscan("1-x", "a*", 5, type="hash", slot=7),
        ("CLUSTERSCAN", "1-x", "MATCH", "a*", "COUNT", 5, "TYPE", "hash", "SLOT", 7),
        array("2-y", array()),
        ["2-y", []],
    ),
]

REFUSALS = [
    Refusal("client_pause", lambda c: c.client_pause(None), InvalidData),
    Refusal(
        "command_list",
        lambda c: c.command_list("m", "read"),
        InvalidData,
        "only one of module, category and pattern of command_list can be given",
    ),
    Refusal(
        "cluster_slot_stats",
        lambda c: c.cluster_slot_stats(),
        InvalidData,
        "cluster_slot_stats needs either start_slot and end_slot, or orderby",
    ),
    Refusal("cluster_slot_stats", lambda c: c.cluster_slot_stats(1, 2, orderby="key-count"), InvalidData),
    Refusal("eval_ro", lambda c: c.eval_ro("return 1", 5), TypeError),
]
