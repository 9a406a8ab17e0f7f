"""The table of commands, ``txredis_fast/commands/table.py``, which is made of what servers say of their commands.

``python -m tests.testbed.command_table commands.json`` writes it. The file has a list of objects, one for each command
and subcommand: ``name``, ``since``, ``arity``, ``flags``, ``key_specs``, ``request_policy``, ``response_policy``,
``reply_resp2_types``, ``reply_resp3_types``, as COMMAND INFO and COMMAND DOCS have them. Without an argument the file
is looked for beside the project, in ``shared/``.

Live tests compare the table with the servers.
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

_HEAD = '''\
"""What servers say of their commands: one line for each command and subcommand.

Written by ``python -m tests.testbed.command_table`` from COMMAND INFO and COMMAND DOCS of Redis 7.0, Redis 8.2 and
Valkey 9.1; do not edit it. :mod:`._parts.facts` says what the columns mean, and reads them. This module holds text
only: nothing is parsed before it is asked for.
"""

from __future__ import annotations

__all__ = ["TABLE"]

#: name|since|arity|flags|key specs|request policy|response policy|replies under RESP2|replies under RESP3
TABLE = """\\
'''


def source(commands: Iterable[Mapping[str, Any]]) -> str:
    """The table's module."""
    lines = [line(command) for command in commands if command.get("executable")]
    return _HEAD + "".join(f"{each}\n" for each in sorted(lines)) + '"""\n'


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
