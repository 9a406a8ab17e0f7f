"""The table of commands, ``txredis_fast/commands/table.py``, which is made of what servers say of their commands.

``python -m tests.testbed.command_table commands.json`` writes it. The file has a list of objects, one for each command
and subcommand: ``name``, ``since``, ``arity``, ``flags``, ``key_specs``, ``request_policy``, ``response_policy``,
``reply_resp2_types``, ``reply_resp3_types``, as COMMAND INFO and COMMAND DOCS have them. Without an argument the file
is looked for beside the project, in ``shared/``.

Live tests compare the table with the servers. The commands of :data:`NEWER` are those that no server of the tests has.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "txredis_fast" / "commands" / "table.py"

#: Kind of a reply -> RESP's own byte for it; ``_`` is every null.
REPLIES = {
    "array": "*",
    "bulk-string": "$",
    "simple-string": "+",
    "integer": ":",
    "null": "_",
    "map": "%",
    "set": "~",
    "double": ",",
    "boolean": "#",
    "verbatim-string": "=",
    "error": "-",
}

#: Flag of a key spec -> its letter in the table. The first one is the access: RO, RW, OW or RM.
KEY_FLAGS = {
    "access": "a",
    "update": "u",
    "insert": "i",
    "delete": "d",
    "not_key": "n",
    "incomplete": "p",
    "variable_flags": "v",
}

#: Lines of the commands of Redis 8.4 to 8.10, after their documentation; a command that the file has takes its place.
NEWER = """\
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
BLMOVEM|8.10.0|-6|blocking denyoom write|RWad@1:0,1,0 RWi@2:0,1,0|||*_|*_
DELEX|8.4.0|-2|fast write|RWd@1:0,1,0|||:|:
DIGEST|8.4.0|2|fast readonly|ROa@1:0,1,0|||$_|$_
HIMPORT DISCARDALL|8.10.0|2|||||:|:
HIMPORT DISCARD|8.10.0|3|||||:|:
HIMPORT PREPARE|8.10.0|-4|denyoom||||+|+
HIMPORT SET|8.10.0|-5|denyoom write|OWu@2:0,1,0|||+|+
HOTKEYS GET|8.6.0|2|admin noscript||||*_|%*_
HOTKEYS RESET|8.6.0|2|admin noscript||||+|+
HOTKEYS START|8.6.0|-2|admin noscript||||+|+
HOTKEYS STOP|8.6.0|2|admin noscript||||+|+
INCREX|8.8.0|-2|denyoom fast write|RWau@1:0,1,0|||*|*
LMOVEM|8.10.0|-5|denyoom write|RWad@1:0,1,0 RWi@2:0,1,0|||*_|*_
SDIFFCARD|8.10.0|-3|movablekeys readonly|ROa@1:#0,1,1|||:|:
SUNIONCARD|8.10.0|-3|movablekeys readonly|ROa@1:#0,1,1|||:|:
VRANGE|8.4.0|-4|module readonly|ROa@1:0,1,0|||*|*
XCFGSET|8.6.0|-2|fast write|RWu@1:0,1,0|||+|+
XNACK|8.8.0|-7|fast write|RWu@1:0,1,0|||:|:
"""

_HEAD = '''\
"""Servers' facts about their commands: one line for each command and subcommand.

Written by ``python -m tests.testbed.command_table`` from COMMAND INFO and COMMAND DOCS of Redis 7.0, Redis 8.2 and
Valkey 9.1, and for newer commands from their documentation; do not edit it. :mod:`._parts.facts` says what the columns
mean, and reads them. This module holds text only: nothing is parsed before it is asked for.
"""

from __future__ import annotations

__all__ = ["TABLE"]

#: name|since|arity|flags|key specs|request policy|response policy|replies under RESP2|replies under RESP3
TABLE = """\\
'''


def source(commands: Iterable[Mapping[str, Any]]) -> str:
    """The table's module."""
    lines = {each.partition("|")[0]: each for each in NEWER.splitlines()}
    lines |= {command["name"]: line(command) for command in commands if command.get("executable")}
    return _HEAD + "".join(f"{each}\n" for each in sorted(lines.values())) + '"""\n'


def line(command: Mapping[str, Any]) -> str:
    """One command's line."""
    columns = [
        command["name"],
        command["since"],
        str(command["arity"]),
        " ".join(sorted(command.get("flags", ()))),
        " ".join(map(key_spec, command.get("key_specs", ()))),
        command.get("request_policy", ""),
        command.get("response_policy", ""),
        *("".join(sorted(REPLIES[kind] for kind in command.get(f"reply_resp{n}_types", ()))) for n in (2, 3)),
    ]
    return "|".join(columns)


def key_spec(spec: Mapping[str, Any]) -> str:
    """One key spec: its flags, ``@``, where the keys begin, ``:``, how far they go."""
    flags = "".join(
        KEY_FLAGS.get(flag, flag) for flag in sorted(spec["flags"], key=lambda flag: (flag.islower(), flag))
    )
    begin, find = spec["begin_search"], spec["find_keys"]
    place = begin["spec"]
    start = {
        "index": lambda: str(place["index"]),
        "keyword": lambda: f"{place['keyword']}{place['startfrom']:+d}",
        "unknown": lambda: "?",
    }[begin["type"]]()
    extent = find["spec"]
    keys = {
        "range": lambda: f"{extent['lastkey']},{extent['keystep']},{extent['limit']}",
        "keynum": lambda: f"#{extent['keynumidx']},{extent['firstkey']},{extent['keystep']}",
        "unknown": lambda: "?",
    }[find["type"]]()
    return f"{flags}@{start}:{keys}"


def main(arguments: list[str]) -> int:
    """Write the table."""
    path = Path(arguments[0]) if arguments else ROOT.parent / "shared" / "commands.json"
    TABLE.write_text(source(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    print(f"written: {TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
