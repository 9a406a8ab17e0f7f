"""Servers' facts about their commands: one line for each command and subcommand.

Written by ``python -m tests.testbed.command_table`` from COMMAND INFO and COMMAND DOCS of Redis 7.0, Redis 8.2 and
Valkey 9.1, and for newer commands from their documentation; do not edit it. :mod:`._parts.facts` says what the columns
mean, and reads them. This module holds text only: nothing is parsed before it is asked for.
"""

from __future__ import annotations

__all__ = ["TABLE"]

#: name|since|arity|flags|key specs|request policy|response policy|replies under RESP2|replies under RESP3
TABLE = """\
ACL CAT|6.0.0|-2|loading noscript stale||||$*-|$*-
ACL DELUSER|6.0.0|-3|admin loading noscript stale||all_nodes|all_succeeded|:|:
ACL DRYRUN|7.0.0|-4|admin loading noscript stale||||$+|$+
ACL GENPASS|6.0.0|-2|loading noscript stale||||$|$
ACL GETUSER|6.0.0|3|admin loading noscript stale||||*_|%_
ACL HELP|6.0.0|2|loading stale||||*|*
ACL LIST|6.0.0|2|admin loading noscript stale||||$*|$*
ACL LOAD|6.0.0|2|admin loading noscript stale||||+|+
ACL LOG|6.0.0|-2|admin loading noscript stale||||$*+|$*+
ACL SAVE|6.0.0|2|admin loading noscript stale||all_nodes|all_succeeded|+|+
ACL SETUSER|6.0.0|-3|admin loading noscript stale||all_nodes|all_succeeded|+|+
ACL USERS|6.0.0|2|admin loading noscript stale||||*|*
ACL WHOAMI|6.0.0|2|loading noscript stale||||$|$
APPEND|2.0.0|3|denyoom fast write|RWi@1:0,1,0|||:|:
ARCOUNT|8.8.0|2|fast readonly|ROa@1:0,1,0|||:|:
ARDELRANGE|8.8.0|-4|write|RWd@1:0,1,0|||:|:
ARDEL|8.8.0|-3|fast write|RWd@1:0,1,0|||:|:
ARGETRANGE|8.8.0|4|readonly|ROa@1:0,1,0|||*|*
ARGET|8.8.0|3|fast readonly|ROa@1:0,1,0|||$_|$_
ARGREP|8.8.0|-6|readonly|ROa@1:0,1,0|||*|*
ARINFO|8.8.0|-2|readonly|ROa@1:0,1,0|||*|%
ARINSERT|8.8.0|-3|denyoom fast write|RWu@1:0,1,0|||:|:
ARLASTITEMS|8.8.0|-3|readonly|ROa@1:0,1,0|||*|*
ARLEN|8.8.0|2|fast readonly|ROa@1:0,1,0|||:|:
ARMGET|8.8.0|-3|fast readonly|ROa@1:0,1,0|||*|*
ARMSET|8.8.0|-4|denyoom fast write|RWu@1:0,1,0|||:|:
ARNEXT|8.8.0|2|fast readonly|ROa@1:0,1,0|||:_|:_
AROP|8.8.0|-5|readonly|ROa@1:0,1,0|||$:_|$:_
ARRING|8.8.0|-4|denyoom write|RWu@1:0,1,0|||:|:
ARSCAN|8.8.0|-4|readonly|ROa@1:0,1,0|||*|*
ARSEEK|8.8.0|3|fast write|RWu@1:0,1,0|||:|:
ARSET|8.8.0|-4|denyoom fast write|RWu@1:0,1,0|||:|:
ASKING|3.0.0|1|fast||||+|+
AUTH|1.0.0|-2|allow_busy fast loading no_auth noscript stale||||+|+
BGREWRITEAOF|1.0.0|1|admin no_async_loading noscript||||+|$
BGSAVE|1.0.0|-1|admin no_async_loading noscript||||+|+
BITCOUNT|2.6.0|-2|readonly|ROa@1:0,1,0|||:|:
BITFIELD_RO|6.0.0|-2|fast readonly|ROa@1:0,1,0|||*|*
BITFIELD|3.2.0|-2|denyoom write|RWauv@1:0,1,0|||*_|*_
BITOP|2.6.0|-4|denyoom write|OWu@2:0,1,0 ROa@3:-1,1,0|||:|:
BITPOS|2.8.7|-3|readonly|ROa@1:0,1,0|||:|:
BLMOVEM|8.10.0|-6|blocking denyoom write|RWad@1:0,1,0 RWi@2:0,1,0|||*_|*_
BLMOVE|6.2.0|6|blocking denyoom write|RWad@1:0,1,0 RWi@2:0,1,0|||$_|$_
BLMPOP|7.0.0|-5|blocking movablekeys write|RWad@2:#0,1,1|||*_|*_
BLPOP|2.0.0|-3|blocking write|RWad@1:-2,1,0|||*_|*_
BRPOPLPUSH|2.2.0|4|blocking denyoom write|RWad@1:0,1,0 RWi@2:0,1,0|||$_|$_
BRPOP|2.0.0|-3|blocking write|RWad@1:-2,1,0|||*_|*_
BZMPOP|7.0.0|-5|blocking movablekeys write|RWad@2:#0,1,1|||*_|*_
BZPOPMAX|5.0.0|-3|blocking fast write|RWad@1:-2,1,0|||*_|*_
BZPOPMIN|5.0.0|-3|blocking fast write|RWad@1:-2,1,0|||*_|*_
CLIENT CACHING|6.0.0|3|loading noscript stale||||+|+
CLIENT CAPA|8.0.0|-3|allow_busy loading noscript stale||||+|+
CLIENT GETNAME|2.6.9|2|loading noscript stale||||$_|$_
CLIENT GETREDIR|6.0.0|2|loading noscript stale||||:|:
CLIENT HELP|5.0.0|2|loading stale||||*|*
CLIENT ID|5.0.0|2|loading noscript stale||||:|:
CLIENT IMPORT-SOURCE|8.1.0|3|loading noscript stale||||+|+
CLIENT INFO|6.2.0|2|loading noscript stale||||$|$
CLIENT KILL|2.4.0|-3|admin loading noscript stale||||+:|+:
CLIENT LIST|2.4.0|-2|admin loading noscript stale||||$|$
CLIENT NO-EVICT|7.0.0|3|admin loading noscript stale||||+-|+-
CLIENT NO-TOUCH|7.2.0|3|loading noscript stale||||+-|+-
CLIENT PAUSE|3.0.0|-3|admin loading noscript stale||||+|+
CLIENT REPLY|3.2.0|3|loading noscript stale||||+|+
CLIENT SETINFO|7.2.0|4|loading noscript stale||all_nodes|all_succeeded|+|+
CLIENT SETNAME|2.6.9|3|loading noscript stale||all_nodes|all_succeeded|+|+
CLIENT TRACKINGINFO|6.2.0|2|loading noscript stale||||*|%
CLIENT TRACKING|6.0.0|-3|loading noscript stale||||+|+
CLIENT UNBLOCK|5.0.0|-3|admin loading noscript stale||||:|:
CLIENT UNPAUSE|6.2.0|2|admin loading noscript stale||||+|+
CLUSTER ADDSLOTSRANGE|7.0.0|-4|admin no_async_loading stale||||+|+
CLUSTER ADDSLOTS|3.0.0|-3|admin no_async_loading stale||||+|+
CLUSTER BUMPEPOCH|3.0.0|2|admin no_async_loading stale||||$|$
CLUSTER CANCELSLOTMIGRATIONS|9.0.0|2|admin no_async_loading stale|||||
CLUSTER COUNT-FAILURE-REPORTS|3.0.0|3|admin stale||||:|:
CLUSTER COUNTKEYSINSLOT|3.0.0|3|stale||||:|:
CLUSTER DELSLOTSRANGE|7.0.0|-4|admin no_async_loading stale||||+|+
CLUSTER DELSLOTS|3.0.0|-3|admin no_async_loading stale||||+|+
CLUSTER FAILOVER|3.0.0|-2|admin no_async_loading stale||||+|+
CLUSTER FLUSHSLOTS|3.0.0|2|admin no_async_loading stale||||+|+
CLUSTER FLUSHSLOT|9.0.0|-3|admin no_async_loading write|||||
CLUSTER FORGET|3.0.0|3|admin no_async_loading stale||||+|+
CLUSTER GETKEYSINSLOT|3.0.0|4|stale||||*|*
CLUSTER GETSLOTMIGRATIONS|9.0.0|2|admin no_async_loading stale|||||
CLUSTER HELP|5.0.0|2|loading stale||||*|*
CLUSTER INFO|3.0.0|2|stale||||$|$
CLUSTER KEYSLOT|3.0.0|3|stale||||:|:
CLUSTER LINKS|7.0.0|2|stale||||*|%*
CLUSTER MEET|3.0.0|-4|admin no_async_loading stale||||+|+
CLUSTER MIGRATESLOTS|9.0.0|-4|admin no_async_loading stale|||||
CLUSTER MYID|3.0.0|2|stale||||$|$
CLUSTER MYSHARDID|7.2.0|2|stale||||$|$
CLUSTER NODES|3.0.0|2|stale||||$|$
CLUSTER REPLICAS|5.0.0|3|admin stale||||*|*
CLUSTER REPLICATE|3.0.0|3|admin no_async_loading stale||||+|+
CLUSTER RESET|3.0.0|-2|admin noscript stale||||+|+
CLUSTER SAVECONFIG|3.0.0|2|admin no_async_loading stale||||+|+
CLUSTER SET-CONFIG-EPOCH|3.0.0|3|admin no_async_loading stale||||+|+
CLUSTER SETSLOT|3.0.0|-4|admin no_async_loading stale||||+|+
CLUSTER SHARDS|7.0.0|2|loading stale||||*|%*
CLUSTER SLAVES|3.0.0|3|admin stale||||*|*
CLUSTER SLOT-STATS|8.2.0|-4|loading stale||all_shards||*-|*-
CLUSTER SLOTS|3.0.0|2|loading stale||||*|*
CLUSTER SYNCSLOTS|9.0.0|-3|admin no_async_loading stale|||||
CLUSTERSCAN|9.1.0|-2|readonly|n@1:0,1,0|special|special|$*|$*
COMMAND COUNT|2.8.13|2|loading stale||||:|:
COMMAND DOCS|7.0.0|-2|loading stale||||*|%
COMMAND GETKEYSANDFLAGS|7.0.0|-3|loading stale||||*|*
COMMAND GETKEYS|2.8.13|-3|loading stale||||*|*
COMMAND HELP|5.0.0|2|loading stale||||*|*
COMMAND INFO|2.8.13|-2|loading stale||||*|*
COMMAND LIST|7.0.0|-2|loading stale||||*|*
COMMANDLOG GET|8.1.0|4|admin loading stale||all_nodes|||
COMMANDLOG HELP|8.1.0|2|loading stale|||||
COMMANDLOG LEN|8.1.0|3|admin loading stale||all_nodes|agg_sum||
COMMANDLOG RESET|8.1.0|3|admin loading stale||all_nodes|all_succeeded||
COMMAND|2.8.13|-1|loading stale||||*|*
CONFIG GET|2.0.0|-3|admin loading noscript stale||||*|%
CONFIG HELP|5.0.0|2|loading stale||||*|*
CONFIG RESETSTAT|2.0.0|2|admin loading noscript stale||all_nodes|all_succeeded|+|+
CONFIG REWRITE|2.8.0|2|admin loading noscript stale||all_nodes|all_succeeded|+|+
CONFIG SET|2.0.0|-4|admin loading noscript stale||all_nodes|all_succeeded|+|+
COPY|6.2.0|-3|denyoom write|ROa@1:0,1,0 OWu@2:0,1,0|||:|:
DBSIZE|1.0.0|1|fast readonly||all_shards|agg_sum|:|:
DEBUG|1.0.0|-2|admin loading noscript stale|||||
DECRBY|1.0.0|3|denyoom fast write|RWau@1:0,1,0|||:|:
DECR|1.0.0|2|denyoom fast write|RWau@1:0,1,0|||:|:
DELEX|8.4.0|-2|fast write|RWd@1:0,1,0|||:|:
DELIFEQ|9.0.0|3|fast write|RMd@1:0,1,0|||:|:
DEL|1.0.0|-2|write|RMd@1:-1,1,0|multi_shard|agg_sum|:|:
DIGEST|8.4.0|2|fast readonly|ROa@1:0,1,0|||$_|$_
DISCARD|2.0.0|1|allow_busy fast loading noscript stale||||+|+
DUMP|2.6.0|2|readonly|ROa@1:0,1,0|||$_|$_
ECHO|1.0.0|2|fast loading stale||||$|$
EVALSHA_RO|7.0.0|-3|movablekeys no_mandatory_keys noscript readonly skip_monitor stale|ROa@2:#0,1,1||||
EVALSHA|2.6.0|-3|movablekeys no_mandatory_keys noscript skip_monitor stale|RWau@2:#0,1,1||||
EVAL_RO|7.0.0|-3|movablekeys no_mandatory_keys noscript readonly skip_monitor stale|ROa@2:#0,1,1||||
EVAL|2.6.0|-3|movablekeys no_mandatory_keys noscript skip_monitor stale|RWau@2:#0,1,1||||
EXEC|1.2.0|1|loading noscript skip_slowlog stale||||*_|*_
EXISTS|1.0.0|-2|fast readonly|RO@1:-1,1,0|multi_shard|agg_sum|:|:
EXPIREAT|1.2.0|-3|fast write|RWu@1:0,1,0|||:|:
EXPIRETIME|7.0.0|2|fast readonly|ROa@1:0,1,0|||:|:
EXPIRE|1.0.0|-3|fast write|RWu@1:0,1,0|||:|:
FAILOVER|6.2.0|-1|admin noscript stale||||+|+
FCALL_RO|7.0.0|-3|movablekeys no_mandatory_keys noscript readonly skip_monitor stale|ROa@2:#0,1,1||||
FCALL|7.0.0|-3|movablekeys no_mandatory_keys noscript skip_monitor stale|RWau@2:#0,1,1||||
FLUSHALL|1.0.0|-1|write||all_shards|all_succeeded|+|+
FLUSHDB|1.0.0|-1|write||all_shards|all_succeeded|+|+
FUNCTION DELETE|7.0.0|3|noscript write||all_shards|all_succeeded|+|+
FUNCTION DUMP|7.0.0|2|noscript||||$|$
FUNCTION FLUSH|7.0.0|-2|noscript write||all_shards|all_succeeded|+|+
FUNCTION HELP|7.0.0|2|loading stale||||*|*
FUNCTION KILL|7.0.0|2|allow_busy noscript||all_shards|one_succeeded|+|+
FUNCTION LIST|7.0.0|-2|noscript||||*|%
FUNCTION LOAD|7.0.0|-3|denyoom noscript write||all_shards|all_succeeded|$-|$-
FUNCTION RESTORE|7.0.0|-3|denyoom noscript write||all_shards|all_succeeded|+|+
FUNCTION STATS|7.0.0|2|allow_busy noscript||all_shards|special|*|%
GEOADD|3.2.0|-5|denyoom write|RWu@1:0,1,0|||:|:
GEODIST|3.2.0|-4|readonly|ROa@1:0,1,0|||$_|$_
GEOHASH|3.2.0|-2|readonly|ROa@1:0,1,0|||*|*
GEOPOS|3.2.0|-2|readonly|ROa@1:0,1,0|||*_|*_
GEORADIUSBYMEMBER_RO|3.2.10|-5|readonly|ROa@1:0,1,0|||*|*
GEORADIUSBYMEMBER|3.2.0|-5|denyoom movablekeys write|ROa@1:0,1,0 OWu@STORE+5:0,1,0 OWu@STOREDIST+5:0,1,0|||*|*
GEORADIUS_RO|3.2.10|-6|readonly|ROa@1:0,1,0|||*|*
GEORADIUS|3.2.0|-6|denyoom movablekeys write|ROa@1:0,1,0 OWu@STORE+6:0,1,0 OWu@STOREDIST+6:0,1,0|||*|*
GEOSEARCHSTORE|6.2.0|-8|denyoom write|OWu@1:0,1,0 ROa@2:0,1,0|||:|:
GEOSEARCH|6.2.0|-7|readonly|ROa@1:0,1,0|||*|*
GETBIT|2.2.0|3|fast readonly|ROa@1:0,1,0|||:|:
GETDEL|6.2.0|2|fast write|RWad@1:0,1,0|||$_|$_
GETEX|6.2.0|-2|fast write|RWau@1:0,1,0|||$_|$_
GETRANGE|2.4.0|4|readonly|ROa@1:0,1,0|||$|$
GETSET|1.0.0|3|denyoom fast write|RWau@1:0,1,0|||$_|$_
GET|1.0.0|2|fast readonly|ROa@1:0,1,0|||$_|$_
HDEL|2.0.0|-3|fast write|RWd@1:0,1,0|||:|:
HELLO|6.0.0|-1|allow_busy fast loading no_auth noscript stale||||%-|%-
HEXISTS|2.0.0|3|fast readonly|RO@1:0,1,0|||:|:
HEXPIREAT|7.4.0|-6|fast write|RWu@1:0,1,0|||*-:|*-:
HEXPIRETIME|7.4.0|-5|fast readonly|ROa@1:0,1,0|||*:|*:
HEXPIRE|7.4.0|-6|fast write|RWu@1:0,1,0|||*-:|*-:
HGETALL|2.0.0|2|readonly|ROa@1:0,1,0|||*|%
HGETDEL|8.0.0|-5|fast write|RWad@1:0,1,0|||*|*
HGETEX|8.0.0|-5|fast write|RWau@1:0,1,0|||*|*
HGET|2.0.0|3|fast readonly|ROa@1:0,1,0|||$_|$_
HIMPORT DISCARDALL|8.10.0|2|||||:|:
HIMPORT DISCARD|8.10.0|3|||||:|:
HIMPORT PREPARE|8.10.0|-4|denyoom||||+|+
HIMPORT SET|8.10.0|-5|denyoom write|OWu@2:0,1,0|||+|+
HINCRBYFLOAT|2.6.0|4|denyoom fast write|RWau@1:0,1,0|||$|$
HINCRBY|2.0.0|4|denyoom fast write|RWau@1:0,1,0|||:|:
HKEYS|2.0.0|2|readonly|ROa@1:0,1,0|||*|*
HLEN|2.0.0|2|fast readonly|RO@1:0,1,0|||:|:
HMGET|2.0.0|-3|fast readonly|ROa@1:0,1,0|||*|*
HMSET|2.0.0|-4|denyoom fast write|RWu@1:0,1,0|||+|+
HOTKEYS GET|8.6.0|2|admin noscript||||*_|%*_
HOTKEYS RESET|8.6.0|2|admin noscript||||+|+
HOTKEYS START|8.6.0|-2|admin noscript||||+|+
HOTKEYS STOP|8.6.0|2|admin noscript||||+|+
HPERSIST|7.4.0|-5|fast write|RWu@1:0,1,0|||*:|*:
HPEXPIREAT|7.4.0|-6|fast write|RWu@1:0,1,0|||*-:|*-:
HPEXPIRETIME|7.4.0|-5|fast readonly|ROa@1:0,1,0|||*:|*:
HPEXPIRE|7.4.0|-6|fast write|RWu@1:0,1,0|||*-:|*-:
HPTTL|7.4.0|-5|fast readonly|ROa@1:0,1,0|||*:|*:
HRANDFIELD|6.2.0|-2|readonly|ROa@1:0,1,0|||$*_|$*_
HSCAN|2.8.0|-3|readonly|ROa@1:0,1,0|||$*|$*
HSETEX|8.0.0|-6|denyoom fast write|RWu@1:0,1,0|||:|:
HSETNX|2.0.0|4|denyoom fast write|RWi@1:0,1,0|||:|:
HSET|2.0.0|-4|denyoom fast write|RWu@1:0,1,0|||:|:
HSTRLEN|3.2.0|3|fast readonly|RO@1:0,1,0|||:|:
HTTL|7.4.0|-5|fast readonly|ROa@1:0,1,0|||*:|*:
HVALS|2.0.0|2|readonly|ROa@1:0,1,0|||*|*
INCRBYFLOAT|2.6.0|3|denyoom fast write|RWau@1:0,1,0|||$|$
INCRBY|1.0.0|3|denyoom fast write|RWau@1:0,1,0|||:|:
INCREX|8.8.0|-2|denyoom fast write|RWau@1:0,1,0|||*|*
INCR|1.0.0|2|denyoom fast write|RWau@1:0,1,0|||:|:
INFO|1.0.0|-1|loading stale||all_shards|special|$|=
KEYS|1.0.0|2|readonly||all_shards||*|*
LASTSAVE|1.0.0|1|fast loading stale||||:|:
LATENCY DOCTOR|2.8.13|2|admin loading noscript stale||all_nodes|special|$|=
LATENCY GRAPH|2.8.13|3|admin loading noscript stale||all_nodes|special|$|$
LATENCY HELP|2.8.13|2|loading stale||||*|*
LATENCY HISTOGRAM|7.0.0|-2|admin loading noscript stale||all_nodes|special|*|%
LATENCY HISTORY|2.8.13|3|admin loading noscript stale||all_nodes|special|*|*
LATENCY LATEST|2.8.13|2|admin loading noscript stale||all_nodes|special|*|*
LATENCY RESET|2.8.13|-2|admin loading noscript stale||all_nodes|agg_sum|:|:
LCS|7.0.0|-3|readonly|ROa@1:1,1,0|||$*:|$%:
LINDEX|1.0.0|3|readonly|ROa@1:0,1,0|||$_|$_
LINSERT|2.2.0|5|denyoom write|RWi@1:0,1,0|||:|:
LLEN|1.0.0|2|fast readonly|RO@1:0,1,0|||:|:
LMOVEM|8.10.0|-5|denyoom write|RWad@1:0,1,0 RWi@2:0,1,0|||*_|*_
LMOVE|6.2.0|5|denyoom write|RWad@1:0,1,0 RWi@2:0,1,0|||$|$
LMPOP|7.0.0|-4|movablekeys write|RWad@1:#0,1,1|||*_|*_
LOLWUT|5.0.0|-1|fast readonly||||$|=
LPOP|1.0.0|-2|fast write|RWad@1:0,1,0|||$*_|$*_
LPOS|6.0.6|-3|readonly|ROa@1:0,1,0|||*:_|*:_
LPUSHX|2.2.0|-3|denyoom fast write|RWi@1:0,1,0|||:|:
LPUSH|1.0.0|-3|denyoom fast write|RWi@1:0,1,0|||:|:
LRANGE|1.0.0|4|readonly|ROa@1:0,1,0|||*|*
LREM|1.0.0|4|write|RWd@1:0,1,0|||:|:
LSET|1.0.0|4|denyoom write|RWu@1:0,1,0|||+|+
LTRIM|1.0.0|4|write|RWd@1:0,1,0|||+|+
MEMORY DOCTOR|4.0.0|2|||all_shards|special|$|=
MEMORY HELP|4.0.0|2|loading stale||||*|*
MEMORY MALLOC-STATS|4.0.0|2|||all_shards|special|$|=
MEMORY PURGE|4.0.0|2|||all_shards|all_succeeded|+|+
MEMORY STATS|4.0.0|2|||all_shards|special|*|%
MEMORY USAGE|4.0.0|-3|readonly|RO@2:0,1,0|||:_|:_
MGET|1.0.0|-2|fast readonly|ROa@1:-1,1,0|multi_shard||*|*
MIGRATE|2.6.0|-6|movablekeys write|RWad@3:0,1,0 RWadp@KEYS-2:-1,1,0|||+|+
MODULE HELP|5.0.0|2|loading stale||||*|*
MODULE LIST|4.0.0|2|admin noscript||||*|%*
MODULE LOADEX|7.0.0|-3|admin no_async_loading noscript||||+|+
MODULE LOAD|4.0.0|-3|admin no_async_loading noscript||||+|+
MODULE UNLOAD|4.0.0|3|admin no_async_loading noscript||||+|+
MONITOR|1.0.0|1|admin loading noscript stale|||||
MOVE|1.0.0|3|fast write|RWau@1:0,1,0|||:|:
MSETEX|9.1.0|-4|denyoom movablekeys write|OWu@1:#0,1,2|multi_shard|all_succeeded|:|:
MSETNX|1.0.1|-3|denyoom write|OWi@1:-1,2,0|||:|:
MSET|1.0.1|-3|denyoom write|OWu@1:-1,2,0|multi_shard|all_succeeded|+|+
MULTI|1.2.0|1|allow_busy fast loading noscript stale||||+|+
OBJECT ENCODING|2.2.3|3|readonly|RO@2:0,1,0|||$_|$_
OBJECT FREQ|4.0.0|3|readonly|RO@2:0,1,0|||:_|:_
OBJECT HELP|6.2.0|2|loading stale||||*|*
OBJECT IDLETIME|2.2.3|3|readonly|RO@2:0,1,0|||:_|:_
OBJECT REFCOUNT|2.2.3|3|readonly|RO@2:0,1,0|||:_|:_
PERSIST|2.2.0|2|fast write|RWu@1:0,1,0|||:|:
PEXPIREAT|2.6.0|-3|fast write|RWu@1:0,1,0|||:|:
PEXPIRETIME|7.0.0|2|fast readonly|ROa@1:0,1,0|||:|:
PEXPIRE|2.6.0|-3|fast write|RWu@1:0,1,0|||:|:
PFADD|2.8.9|-2|denyoom fast write|RWi@1:0,1,0|||:|:
PFCOUNT|2.8.9|-2|readonly|RWa@1:-1,1,0|||:|:
PFDEBUG|2.8.9|3|admin denyoom write|RWa@2:0,1,0||||
PFMERGE|2.8.9|-2|denyoom write|RWai@1:0,1,0 ROa@2:-1,1,0|||+|+
PFSELFTEST|2.8.9|1|admin||||+|+
PING|1.0.0|-1|fast||all_shards|all_succeeded|$+|$+
PSETEX|2.6.0|4|denyoom write|OWu@1:0,1,0|||+|+
PSUBSCRIBE|2.0.0|-2|loading noscript pubsub stale|||||
PSYNC|2.8.0|-3|admin no_async_loading no_multi noscript|||||
PTTL|2.6.0|2|fast readonly|ROa@1:0,1,0|||:|:
PUBLISH|2.0.0|3|fast loading pubsub stale||||:|:
PUBSUB CHANNELS|2.8.0|-2|loading pubsub stale||||*|*
PUBSUB HELP|6.2.0|2|loading stale||||*|*
PUBSUB NUMPAT|2.8.0|2|loading pubsub stale||||:|:
PUBSUB NUMSUB|2.8.0|-2|loading pubsub stale||||*|*
PUBSUB SHARDCHANNELS|7.0.0|-2|loading pubsub stale||||*|*
PUBSUB SHARDNUMSUB|7.0.0|-2|loading pubsub stale||||*|*
PUNSUBSCRIBE|2.0.0|-1|loading noscript pubsub stale|||||
QUIT|1.0.0|-1|allow_busy fast loading no_auth noscript stale||||+|+
RANDOMKEY|1.0.0|1|readonly||all_shards|special|$_|$_
READONLY|3.0.0|1|fast loading stale||||+|+
READWRITE|3.0.0|1|fast loading stale||||+|+
RENAMENX|1.0.0|3|fast write|RWad@1:0,1,0 OWi@2:0,1,0|||:|:
RENAME|1.0.0|3|write|RWad@1:0,1,0 OWu@2:0,1,0|||+|+
REPLCONF|3.0.0|-1|admin allow_busy loading noscript stale||||+|+
REPLICAOF|5.0.0|3|admin no_async_loading noscript stale||||+|+
RESET|6.2.0|1|allow_busy fast loading no_auth noscript stale||||+|+
RESTORE-ASKING|3.0.0|-4|asking denyoom write|OWu@1:0,1,0|||+|+
RESTORE|2.6.0|-4|denyoom write|OWu@1:0,1,0|||+|+
ROLE|2.8.12|1|fast loading noscript stale||||*|*
RPOPLPUSH|1.2.0|3|denyoom write|RWad@1:0,1,0 RWi@2:0,1,0|||$_|$_
RPOP|1.0.0|-2|fast write|RWad@1:0,1,0|||$*_|$*_
RPUSHX|2.2.0|-3|denyoom fast write|RWi@1:0,1,0|||:|:
RPUSH|1.0.0|-3|denyoom fast write|RWi@1:0,1,0|||:|:
SADD|1.0.0|-3|denyoom fast write|RWi@1:0,1,0|||:|:
SAVE|1.0.0|1|admin no_async_loading no_multi noscript||||+|+
SCAN|2.8.0|-2|readonly||special|special|$*|$*
SCARD|1.0.0|2|fast readonly|RO@1:0,1,0|||:|:
SCRIPT DEBUG|3.2.0|3|noscript||||+|+
SCRIPT EXISTS|2.6.0|-3|noscript||all_shards|agg_logical_and|*|*
SCRIPT FLUSH|2.6.0|-2|noscript||all_nodes|all_succeeded|+|+
SCRIPT HELP|5.0.0|2|loading stale||||*|*
SCRIPT KILL|2.6.0|2|allow_busy noscript||all_shards|one_succeeded|+|+
SCRIPT LOAD|2.6.0|3|noscript stale||all_nodes|all_succeeded|$|$
SCRIPT SHOW|8.0.0|3|noscript stale||||$|$
SDIFFCARD|8.10.0|-3|movablekeys readonly|ROa@1:#0,1,1|||:|:
SDIFFSTORE|1.0.0|-3|denyoom write|OWu@1:0,1,0 ROa@2:-1,1,0|||:|:
SDIFF|1.0.0|-2|readonly|ROa@1:-1,1,0|||*|~
SELECT|1.0.0|2|fast loading stale||||+|+
SENTINEL CKQUORUM|2.8.4|3|admin|||||$
SENTINEL CONFIG|6.2.0|-4|admin|||||%+
SENTINEL DEBUG|7.0.0|-2|admin|||||%+
SENTINEL FAILOVER|2.8.4|3|admin|||||+
SENTINEL FLUSHCONFIG|2.8.4|2|admin|||||+
SENTINEL GET-MASTER-ADDR-BY-NAME|2.8.4|3|admin|||||
SENTINEL GET-PRIMARY-ADDR-BY-NAME|8.0.0|3|admin|||||
SENTINEL HELP|6.2.0|2|loading stale|||||*
SENTINEL INFO-CACHE|3.2.0|-3|admin|||||
SENTINEL IS-MASTER-DOWN-BY-ADDR|2.8.4|6|admin|||||
SENTINEL IS-PRIMARY-DOWN-BY-ADDR|8.0.0|6|admin|||||
SENTINEL MASTERS|2.8.4|2|admin|||||
SENTINEL MASTER|2.8.4|3|admin|||||
SENTINEL MONITOR|2.8.4|6|admin|||||+
SENTINEL MYID|6.2.0|2|admin|||||$
SENTINEL PENDING-SCRIPTS|2.8.4|2|admin|||||
SENTINEL PRIMARIES|8.0.0|2|admin|||||*
SENTINEL PRIMARY|8.0.0|3|admin|||||%
SENTINEL REMOVE|2.8.4|3|admin|||||+
SENTINEL REPLICAS|5.0.0|3|admin|||||*
SENTINEL RESET|2.8.4|3|admin|||||:
SENTINEL SENTINELS|2.8.4|3|admin|||||*
SENTINEL SET|2.8.4|-5|admin|||||+
SENTINEL SIMULATE-FAILURE|3.2.0|-3|admin|||||
SENTINEL SLAVES|2.8.0|3|admin|||||*
SETBIT|2.2.0|4|denyoom write|RWau@1:0,1,0|||:|:
SETEX|2.0.0|4|denyoom write|OWu@1:0,1,0|||+|+
SETNX|1.0.0|3|denyoom fast write|OWi@1:0,1,0|||:|:
SETRANGE|2.2.0|4|denyoom write|RWu@1:0,1,0|||:|:
SET|1.0.0|-3|denyoom write|RWauv@1:0,1,0|||$+_|$+_
SHUTDOWN|1.0.0|-1|admin allow_busy loading no_multi noscript stale||||+|+
SINTERCARD|7.0.0|-3|movablekeys readonly|ROa@1:#0,1,1|||:|:
SINTERSTORE|1.0.0|-3|denyoom write|OWu@1:0,1,0 ROa@2:-1,1,0|||:|:
SINTER|1.0.0|-2|readonly|ROa@1:-1,1,0|||*|~
SISMEMBER|1.0.0|3|fast readonly|RO@1:0,1,0|||:|:
SLAVEOF|1.0.0|3|admin no_async_loading noscript stale||||+|+
SLOWLOG GET|2.2.12|-2|admin loading stale||all_nodes||*|*
SLOWLOG HELP|6.2.0|2|loading stale||||*|*
SLOWLOG LEN|2.2.12|2|admin loading stale||all_nodes|agg_sum|:|:
SLOWLOG RESET|2.2.12|2|admin loading stale||all_nodes|all_succeeded|+|+
SMEMBERS|1.0.0|2|readonly|ROa@1:0,1,0|||*|~
SMISMEMBER|6.2.0|-3|fast readonly|ROa@1:0,1,0|||*|*
SMOVE|1.0.0|4|fast write|RWad@1:0,1,0 RWi@2:0,1,0|||:|:
SORT_RO|7.0.0|-2|movablekeys readonly|ROa@1:0,1,0 ROa@?:?|||*|*
SORT|1.0.0|-2|denyoom movablekeys write|ROa@1:0,1,0 ROa@?:? OWu@?:?|||*:|*:
SPOP|1.0.0|-2|fast write|RWad@1:0,1,0|||$*_|$*_
SPUBLISH|7.0.0|3|fast loading pubsub stale|n@1:0,1,0|||:|:
SRANDMEMBER|1.0.0|-2|readonly|ROa@1:0,1,0|||$*_|$*_
SREM|1.0.0|-3|fast write|RWd@1:0,1,0|||:|:
SSCAN|2.8.0|-3|readonly|ROa@1:0,1,0|||$*|$*
SSUBSCRIBE|7.0.0|-2|loading noscript pubsub stale|n@1:-1,1,0||||
STRLEN|2.2.0|2|fast readonly|RO@1:0,1,0|||:|:
SUBSCRIBE|2.0.0|-2|loading noscript pubsub stale|||||
SUBSTR|1.0.0|4|readonly|ROa@1:0,1,0|||$|$
SUNIONCARD|8.10.0|-3|movablekeys readonly|ROa@1:#0,1,1|||:|:
SUNIONSTORE|1.0.0|-3|denyoom write|OWu@1:0,1,0 ROa@2:-1,1,0|||:|:
SUNION|1.0.0|-2|readonly|ROa@1:-1,1,0|||*|~
SUNSUBSCRIBE|7.0.0|-1|loading noscript pubsub stale|n@1:-1,1,0||||
SWAPDB|4.0.0|3|fast write||||+|+
SYNC|1.0.0|1|admin no_async_loading no_multi noscript|||||
TIME|2.6.0|1|fast loading stale||||*|*
TOUCH|3.2.1|-2|fast readonly|RO@1:-1,1,0|multi_shard|agg_sum|:|:
TTL|1.0.0|2|fast readonly|ROa@1:0,1,0|||:|:
TYPE|1.0.0|2|fast readonly|RO@1:0,1,0|||+|+
UNLINK|4.0.0|-2|fast write|RMd@1:-1,1,0|multi_shard|agg_sum|:|:
UNSUBSCRIBE|2.0.0|-1|loading noscript pubsub stale|||||
UNWATCH|2.2.0|1|allow_busy fast loading noscript stale||||+|+
VADD|8.0.0|-1|denyoom module write|RWau@1:0,1,0|||-:|#-
VCARD|8.0.0|-1|fast module readonly|RWau@1:0,1,0|||:|:
VDIM|8.0.0|-1|fast module readonly|RWau@1:0,1,0|||-:|-:
VEMB|8.0.0|-1|fast module readonly|RWau@1:0,1,0|||*|*
VGETATTR|8.0.0|-1|fast module readonly|RWau@1:0,1,0|||$+|+_
VINFO|8.0.0|-1|fast module readonly|RWau@1:0,1,0|||*|*_
VISMEMBER|8.2.0|-1|module readonly|RWau@1:0,1,0|||:|#
VLINKS|8.0.0|-1|fast module readonly|RWau@1:0,1,0|||$-|-_
VRANDMEMBER|8.0.0|-1|module readonly|RWau@1:0,1,0|||$*|*_
VRANGE|8.4.0|-4|module readonly|ROa@1:0,1,0|||*|*
VREM|8.0.0|-1|module write|RWau@1:0,1,0|||:|#
VSETATTR|8.0.0|-1|fast module write|RWau@1:0,1,0|||-:|#-
VSIM|8.0.0|-1|module readonly|RWau@1:0,1,0|||*-|%*-
WAITAOF|7.2.0|4|blocking||all_shards|agg_min|*|*
WAIT|3.0.0|3|blocking||all_shards|agg_min|:|:
WATCH|2.2.0|-2|allow_busy fast loading noscript stale|RO@1:-1,1,0|||+|+
XACKDEL|8.2.0|-6|fast write|RWdu@1:0,1,0|||*:|*:
XACK|5.0.0|-4|fast write|RWu@1:0,1,0|||:|:
XADD|5.0.0|-5|denyoom fast write|RWu@1:0,1,0|||$_|$_
XAUTOCLAIM|6.2.0|-6|fast write|RWd@1:0,1,0|||*|*
XCFGSET|8.6.0|-2|fast write|RWu@1:0,1,0|||+|+
XCLAIM|5.0.0|-6|fast write|RWu@1:0,1,0|||*|*
XDELEX|8.2.0|-5|fast write|RWd@1:0,1,0|||*:|*:
XDEL|5.0.0|-3|fast write|RWd@1:0,1,0|||:|:
XGROUP CREATECONSUMER|6.2.0|5|denyoom write|RWi@2:0,1,0|||:|:
XGROUP CREATE|5.0.0|-5|denyoom write|RWi@2:0,1,0|||+|+
XGROUP DELCONSUMER|5.0.0|5|write|RWd@2:0,1,0|||:|:
XGROUP DESTROY|5.0.0|4|write|RWd@2:0,1,0|||:|:
XGROUP HELP|5.0.0|2|loading stale||||*|*
XGROUP SETID|5.0.0|-5|write|RWu@2:0,1,0|||+|+
XINFO CONSUMERS|5.0.0|4|readonly|ROa@2:0,1,0|||*|*
XINFO GROUPS|5.0.0|3|readonly|ROa@2:0,1,0|||*|*
XINFO HELP|5.0.0|2|loading stale||||*|*
XINFO STREAM|5.0.0|-3|readonly|ROa@2:0,1,0|||*|%
XLEN|5.0.0|2|fast readonly|RO@1:0,1,0|||:|:
XNACK|8.8.0|-7|fast write|RWu@1:0,1,0|||:|:
XPENDING|5.0.0|-3|readonly|ROa@1:0,1,0|||*|*
XRANGE|5.0.0|-4|readonly|ROa@1:0,1,0|||*|*
XREADGROUP|5.0.0|-7|blocking movablekeys write|ROa@STREAMS+4:-1,1,2|||*_|%_
XREAD|5.0.0|-4|blocking movablekeys readonly|ROa@STREAMS+1:-1,1,2|||*_|%_
XREVRANGE|5.0.0|-4|readonly|ROa@1:0,1,0|||*|*
XSETID|5.0.0|-3|denyoom fast write|RWu@1:0,1,0|||+|+
XTRIM|5.0.0|-4|write|RWd@1:0,1,0|||:|:
ZADD|1.2.0|-4|denyoom fast write|RWu@1:0,1,0|||$:_|,:_
ZCARD|1.2.0|2|fast readonly|RO@1:0,1,0|||:|:
ZCOUNT|2.0.0|4|fast readonly|ROa@1:0,1,0|||:|:
ZDIFFSTORE|6.2.0|-4|denyoom movablekeys write|OWu@1:0,1,0 ROa@2:#0,1,1|||:|:
ZDIFF|6.2.0|-3|movablekeys readonly|ROa@1:#0,1,1|||*|*
ZINCRBY|1.2.0|4|denyoom fast write|RWau@1:0,1,0|||$|,
ZINTERCARD|7.0.0|-3|movablekeys readonly|ROa@1:#0,1,1|||:|:
ZINTERSTORE|2.0.0|-4|denyoom movablekeys write|OWu@1:0,1,0 ROa@2:#0,1,1|||:|:
ZINTER|6.2.0|-3|movablekeys readonly|ROa@1:#0,1,1|||*|*
ZLEXCOUNT|2.8.9|4|fast readonly|ROa@1:0,1,0|||:|:
ZMPOP|7.0.0|-4|movablekeys write|RWad@1:#0,1,1|||*_|*_
ZMSCORE|6.2.0|-3|fast readonly|ROa@1:0,1,0|||$*_|*,_
ZPOPMAX|5.0.0|-2|fast write|RWad@1:0,1,0|||*|*
ZPOPMIN|5.0.0|-2|fast write|RWad@1:0,1,0|||*|*
ZRANDMEMBER|6.2.0|-2|readonly|ROa@1:0,1,0|||$*_|$*_
ZRANGEBYLEX|2.8.9|-4|readonly|ROa@1:0,1,0|||*|*
ZRANGEBYSCORE|1.0.5|-4|readonly|ROa@1:0,1,0|||*|*
ZRANGESTORE|6.2.0|-5|denyoom write|OWu@1:0,1,0 ROa@2:0,1,0|||:|:
ZRANGE|1.2.0|-4|readonly|ROa@1:0,1,0|||*|*
ZRANK|2.0.0|-3|fast readonly|ROa@1:0,1,0|||*:_|*:_
ZREMRANGEBYLEX|2.8.9|4|write|RWd@1:0,1,0|||:|:
ZREMRANGEBYRANK|2.0.0|4|write|RWd@1:0,1,0|||:|:
ZREMRANGEBYSCORE|1.2.0|4|write|RWd@1:0,1,0|||:|:
ZREM|1.2.0|-3|fast write|RWd@1:0,1,0|||:|:
ZREVRANGEBYLEX|2.8.9|-4|readonly|ROa@1:0,1,0|||*|*
ZREVRANGEBYSCORE|2.2.0|-4|readonly|ROa@1:0,1,0|||*|*
ZREVRANGE|1.2.0|-4|readonly|ROa@1:0,1,0|||*|*
ZREVRANK|2.0.0|-3|fast readonly|ROa@1:0,1,0|||*:_|*:_
ZSCAN|2.8.0|-3|readonly|ROa@1:0,1,0|||*|*
ZSCORE|1.2.0|3|fast readonly|ROa@1:0,1,0|||$_|,_
ZUNIONSTORE|2.0.0|-4|denyoom movablekeys write|OWu@1:0,1,0 ROa@2:#0,1,1|||:|:
ZUNION|6.2.0|-3|movablekeys readonly|ROa@1:#0,1,1|||*|*
"""
