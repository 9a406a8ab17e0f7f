"""The commands of server modules: whether they write, and where their keys are.

Servers describe these commands less exactly than their own, some wrongly: they flag FT.ALIASADD as a reader, and say
that JSON.MGET has one key. So this table is written by hand; ``tests/commands/modules`` compares it with what the
methods send. The columns are those of :mod:`.table` with the same names. The commands on search indexes have no key:
an index is not stored at a key, and a server searches its own keys only.
"""

from __future__ import annotations

__all__ = ["MODULE_TABLE"]

#: name|flags|key specs
MODULE_TABLE = """\
BF.ADD|write|RW@1:0,1,0
BF.CARD|readonly|RO@1:0,1,0
BF.EXISTS|readonly|RO@1:0,1,0
BF.INFO|readonly|RO@1:0,1,0
BF.INSERT|write|RW@1:0,1,0
BF.LOADCHUNK|write|RW@1:0,1,0
BF.MADD|write|RW@1:0,1,0
BF.MEXISTS|readonly|RO@1:0,1,0
BF.RESERVE|write|RW@1:0,1,0
BF.SCANDUMP|readonly|RO@1:0,1,0
CF.ADD|write|RW@1:0,1,0
CF.ADDNX|write|RW@1:0,1,0
CF.COMPACT|write|RW@1:0,1,0
CF.COUNT|readonly|RO@1:0,1,0
CF.DEL|write|RW@1:0,1,0
CF.EXISTS|readonly|RO@1:0,1,0
CF.INFO|readonly|RO@1:0,1,0
CF.INSERT|write|RW@1:0,1,0
CF.INSERTNX|write|RW@1:0,1,0
CF.LOADCHUNK|write|RW@1:0,1,0
CF.MEXISTS|readonly|RO@1:0,1,0
CF.RESERVE|write|RW@1:0,1,0
CF.SCANDUMP|readonly|RO@1:0,1,0
CMS.INCRBY|write|RW@1:0,1,0
CMS.INFO|readonly|RO@1:0,1,0
CMS.INITBYDIM|write|RW@1:0,1,0
CMS.INITBYPROB|write|RW@1:0,1,0
CMS.MERGE|write|RW@1:0,1,0 RO@2:#0,1,1
CMS.QUERY|readonly|RO@1:0,1,0
FT.AGGREGATE|readonly|
FT.ALIASADD|write|
FT.ALIASDEL|write|
FT.ALIASLIST|readonly|
FT.ALIASUPDATE|write|
FT.ALTER|write|
FT.CONFIG||
FT.CREATE|write|
FT.CURSOR||
FT.DICTADD|write|
FT.DICTDEL|write|
FT.DICTDUMP|readonly|
FT.DROPINDEX|write|
FT.EXPLAIN|readonly|
FT.EXPLAINCLI|readonly|
FT.HYBRID|readonly|
FT.INFO|readonly|
FT.PROFILE|readonly|
FT.SEARCH|readonly|
FT.SPELLCHECK|readonly|
FT.SUGADD|write|RW@1:0,1,0
FT.SUGDEL|write|RW@1:0,1,0
FT.SUGGET|readonly|RO@1:0,1,0
FT.SUGLEN|readonly|RO@1:0,1,0
FT.SYNDUMP|readonly|
FT.SYNUPDATE|write|
FT.TAGVALS|readonly|
FT._LIST|readonly|
JSON.ARRAPPEND|write|RW@1:0,1,0
JSON.ARRINDEX|readonly|RO@1:0,1,0
JSON.ARRINSERT|write|RW@1:0,1,0
JSON.ARRLEN|readonly|RO@1:0,1,0
JSON.ARRPOP|write|RW@1:0,1,0
JSON.ARRTRIM|write|RW@1:0,1,0
JSON.CLEAR|write|RW@1:0,1,0
JSON.DEBUG|readonly|RO@2:0,1,0
JSON.DEL|write|RW@1:0,1,0
JSON.FORGET|write|RW@1:0,1,0
JSON.GET|readonly|RO@1:0,1,0
JSON.MERGE|write|RW@1:0,1,0
JSON.MGET|readonly|RO@1:-2,1,0
JSON.MSET|write|OW@1:-1,3,0
JSON.NUMINCRBY|write|RW@1:0,1,0
JSON.NUMMULTBY|write|RW@1:0,1,0
JSON.NUMPOWBY|write|RW@1:0,1,0
JSON.OBJKEYS|readonly|RO@1:0,1,0
JSON.OBJLEN|readonly|RO@1:0,1,0
JSON.RESP|readonly|RO@1:0,1,0
JSON.SET|write|RW@1:0,1,0
JSON.STRAPPEND|write|RW@1:0,1,0
JSON.STRLEN|readonly|RO@1:0,1,0
JSON.TOGGLE|write|RW@1:0,1,0
JSON.TYPE|readonly|RO@1:0,1,0
TDIGEST.ADD|write|RW@1:0,1,0
TDIGEST.BYRANK|readonly|RO@1:0,1,0
TDIGEST.BYREVRANK|readonly|RO@1:0,1,0
TDIGEST.CDF|readonly|RO@1:0,1,0
TDIGEST.CREATE|write|RW@1:0,1,0
TDIGEST.INFO|readonly|RO@1:0,1,0
TDIGEST.MAX|readonly|RO@1:0,1,0
TDIGEST.MERGE|write|RW@1:0,1,0 RO@2:#0,1,1
TDIGEST.MIN|readonly|RO@1:0,1,0
TDIGEST.QUANTILE|readonly|RO@1:0,1,0
TDIGEST.RANK|readonly|RO@1:0,1,0
TDIGEST.RESET|write|RW@1:0,1,0
TDIGEST.REVRANK|readonly|RO@1:0,1,0
TDIGEST.TRIMMED_MEAN|readonly|RO@1:0,1,0
TOPK.ADD|write|RW@1:0,1,0
TOPK.COUNT|readonly|RO@1:0,1,0
TOPK.INCRBY|write|RW@1:0,1,0
TOPK.INFO|readonly|RO@1:0,1,0
TOPK.LIST|readonly|RO@1:0,1,0
TOPK.QUERY|readonly|RO@1:0,1,0
TOPK.RESERVE|write|RW@1:0,1,0
TS.ADD|write|RW@1:0,1,0
TS.ALTER|write|RW@1:0,1,0
TS.CREATE|write|RW@1:0,1,0
TS.CREATERULE|write|RW@1:1,1,0
TS.DECRBY|write|RW@1:0,1,0
TS.DEL|write|RW@1:0,1,0
TS.DELETERULE|write|RW@1:1,1,0
TS.GET|readonly|RO@1:0,1,0
TS.INCRBY|write|RW@1:0,1,0
TS.INFO|readonly|RO@1:0,1,0
TS.MADD|write|RW@1:-1,3,0
TS.MGET|readonly|
TS.MRANGE|readonly|
TS.MREVRANGE|readonly|
TS.NRANGE|readonly|RO@1:#0,1,1
TS.NREVRANGE|readonly|RO@1:#0,1,1
TS.QUERYINDEX|readonly|
TS.QUERYLABELS|readonly|
TS.RANGE|readonly|RO@1:0,1,0
TS.READ|blocking readonly|RO@1:0,1,0
TS.REVRANGE|readonly|RO@1:0,1,0
"""
