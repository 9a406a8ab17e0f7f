"""The commands that have no method, each with the reason. The list may only shrink."""

from __future__ import annotations

#: Reason -> names of commands in upper case.
WITHOUT_METHOD = {
    "prints usage text for people": """
        ACL HELP, CLIENT HELP, CLUSTER HELP, COMMAND HELP, COMMANDLOG HELP, CONFIG HELP, FUNCTION HELP, LATENCY HELP,
        MEMORY HELP, MODULE HELP, OBJECT HELP, PUBSUB HELP, SCRIPT HELP, SENTINEL HELP, SLOWLOG HELP, XGROUP HELP,
        XINFO HELP
    """,
    "only servers and their tests send it": """
        ASKING, CLUSTER SYNCSLOTS, DEBUG, PFDEBUG, PFSELFTEST, PSYNC, REPLCONF, RESTORE-ASKING, SENTINEL DEBUG,
        SENTINEL IS-MASTER-DOWN-BY-ADDR, SENTINEL IS-PRIMARY-DOWN-BY-ADDR, SENTINEL SIMULATE-FAILURE, SYNC
    """,
    "transactions, handlers and subscribers have it as a method of their own": """
        DISCARD, EXEC, MONITOR, MULTI, PSUBSCRIBE, PUNSUBSCRIBE, SSUBSCRIBE, SUBSCRIBE, SUNSUBSCRIBE, UNSUBSCRIBE,
        UNWATCH, WATCH
    """,
    "it changes a connection that callers share; the package sends it itself where it needs it": """
        CLIENT CACHING, CLIENT CAPA, CLIENT IMPORT-SOURCE, CLIENT REPLY, CLIENT TRACKING, HELLO, READONLY, READWRITE,
        RESET, SCRIPT DEBUG
    """,
    "the method sends INCRBY and DECRBY, as txredisapi's does": "DECR, INCR",
}

#: All of them.
NAMES = [name.strip() for names in WITHOUT_METHOD.values() for name in names.split(",") if name.strip()]
