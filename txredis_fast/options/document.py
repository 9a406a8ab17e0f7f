"""Generates the documentation's table of options, in reStructuredText, from the dataclass that declares them.

This module must not know any single option.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from .option import options_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["option_table"]

#: Columns of a line of the table.
_WIDTH = 120


def option_table(declaring: DataclassInstance | type[DataclassInstance]) -> str:
    """Return the table of a dataclass' options in the order of declaration: name, default, meaning."""
    return "\n".join(_lines(declaring)) + "\n"


def _lines(declaring: DataclassInstance | type[DataclassInstance]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "   :widths: 20 12 68", "")
    yield from ("   * - Option", "     - Default", "     - Meaning")
    for name, declared in options_of(declaring).items():
        yield f"   * - ``{name}``"
        yield f"     - {declared.default_text}"
        yield from textwrap.wrap(
            declared.doc,
            _WIDTH,
            initial_indent="     - ",
            subsequent_indent="       ",
            break_long_words=False,
            break_on_hyphens=False,
        )
