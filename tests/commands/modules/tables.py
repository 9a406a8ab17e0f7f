"""All rows of the namespaces: one list for each session with an empty server."""

from __future__ import annotations

from testbed.wire import array, integer

from txredis_fast.commands.modules.search_replies import AggregateResult

from . import table_bloom, table_json, table_newer, table_search, table_sketches, table_timeseries
from .rows import ModuleRow

#: Name of the session -> its rows, in order.
SESSIONS = {
    "json": table_json.ROWS,
    "bloom": table_bloom.ROWS,
    "sketches": table_sketches.ROWS,
    "timeseries": table_timeseries.ROWS,
    "search": table_search.ROWS,
}

#: Rows that no session can repeat, because the server chooses the cursor's number; a live test reads a cursor.
OTHERS = [
    ModuleRow(
        "search.cursor_read",
        lambda c: c.search("i").cursor_read(7),
        ("FT.CURSOR", "READ", "i", 7),
        array(array(integer(1), array("n", "2.5")), integer(7)),
        AggregateResult(1, [{"n": 2.5}], 7),
    ),
    ModuleRow(
        "search.cursor_read",
        lambda c: c.search("i").cursor_read(7, 10),
        ("FT.CURSOR", "READ", "i", 7, "COUNT", 10),
        array(array(integer(0)), integer(0)),
        AggregateResult(0, [], 0),
        answered3=b"*2\r\n%2\r\n+total_results\r\n:0\r\n+results\r\n*0\r\n:0\r\n",
    ),
    ModuleRow(
        "search.cursor_del",
        lambda c: c.search("i").cursor_del(7),
        ("FT.CURSOR", "DEL", "i", 7),
        b"+OK\r\n",
        "OK",
    ),
]

ROWS = [*(row for rows in SESSIONS.values() for row in rows), *OTHERS, *table_newer.ROWS]


def alike(actual, expected):
    """Whether two values are equal and of the same types, to any depth; dicts and sets in any order, NaN is NaN."""
    if type(actual) is not type(expected):
        return False
    if isinstance(expected, dict):
        return actual.keys() == expected.keys() and all(alike(actual[name], expected[name]) for name in expected)
    if isinstance(expected, (list, tuple)):
        return len(actual) == len(expected) and all(map(alike, actual, expected))
    if isinstance(expected, (float, Exception)):
        return repr(actual) == repr(expected)
    return actual == expected
