"""All rows and refusals, for tests over any host."""

from __future__ import annotations

from . import (
    table_control,
    table_data,
    table_geo,
    table_hash_fields,
    table_hashes,
    table_keys,
    table_lists,
    table_newer,
    table_options,
    table_scripting,
    table_server,
    table_sets,
    table_sorted_sets,
    table_streams,
    table_strings,
    table_vectors,
)

ROWS = [
    *table_keys.ROWS,
    *table_strings.ROWS,
    *table_lists.ROWS,
    *table_newer.ROWS,
    *table_options.ROWS,
    *table_sets.ROWS,
    *table_sorted_sets.ROWS,
    *table_hashes.ROWS,
    *table_streams.ROWS,
    *table_vectors.ROWS,
    *table_control.ROWS,
    *table_data.ROWS,
    *table_hash_fields.ROWS,
    *table_geo.ROWS,
    *table_scripting.ROWS,
    *table_server.ROWS,
]

REFUSALS = [
    *table_keys.REFUSALS,
    *table_strings.REFUSALS,
    *table_lists.REFUSALS,
    *table_newer.REFUSALS,
    *table_options.REFUSALS,
    *table_sorted_sets.REFUSALS,
    *table_hashes.REFUSALS,
    *table_streams.REFUSALS,
    *table_control.REFUSALS,
    *table_data.REFUSALS,
    *table_hash_fields.REFUSALS,
    *table_geo.REFUSALS,
    *table_scripting.REFUSALS,
]


def name_of(row):
    """Name of a row or refusal in a list of tests."""
    return row.name
