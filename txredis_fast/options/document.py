"""The table of options for documents, in reStructuredText.

This module must not know any single option.
"""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator

from .connection import OPTIONS

__all__ = ["option_table"]

#: Columns of a line of a document.
_WIDTH = 120


def option_table(names: Collection[str] = tuple(OPTIONS)) -> str:
    """Write the table of some options, by default of all, in their order in :class:`ConnectionOptions`."""
    return "\n".join(_lines(names)) + "\n"


def _lines(names: Collection[str]) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", "   :widths: 20 12 68", "")
    yield from ("   * - Option", "     - Default", "     - Meaning")
    for name, declared in OPTIONS.items():
        if name in names:
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
