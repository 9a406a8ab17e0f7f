"""All rows of the namespaces: one list for each session with an empty server."""

from __future__ import annotations

from . import table_bloom, table_json, table_sketches, table_timeseries

#: Name of the session -> its rows, in order.
SESSIONS = {
    "json": table_json.ROWS,
    "bloom": table_bloom.ROWS,
    "sketches": table_sketches.ROWS,
    "timeseries": table_timeseries.ROWS,
}

ROWS = [row for rows in SESSIONS.values() for row in rows]


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
