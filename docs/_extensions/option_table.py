"""The directive ``option-table``: the fields of a dataclass, with their defaults and the comments above them."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer


def default_of(field: dataclasses.Field[Any]) -> str:
    """A field's default, as Python writes it."""
    if field.default is not dataclasses.MISSING:
        return repr(field.default)
    if field.default_factory is not dataclasses.MISSING:
        return repr(field.default_factory())
    return ""


def table_of(cls: type) -> list[str]:
    """The lines of a ``list-table`` with one row for each field.

    :raises ValueError: a field has no comment.
    """
    comments = ModuleAnalyzer.for_module(cls.__module__).find_attr_docs()
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: 22 14 64", ""]
    lines += ["   * - option", "     - default", "     - meaning"]
    for field in dataclasses.fields(cls):
        comment = comments.get((cls.__qualname__, field.name))
        if not comment:
            raise ValueError(f"{cls.__qualname__}.{field.name} has no comment that documents it")
        lines += [f"   * - ``{field.name}``", f"     - ``{default_of(field)}``"]
        first, *rest = [line for line in comment if line.strip()]
        lines += [f"     - {first}", *(f"       {line}" for line in rest)]
    return lines


class OptionTable(Directive):
    """``.. option-table:: module.Class``: the options that a dataclass holds."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        module, _, name = self.arguments[0].rpartition(".")
        node = nodes.container()
        lines = table_of(getattr(importlib.import_module(module), name))
        self.state.nested_parse(StringList(lines, source=self.arguments[0]), self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("option-table", OptionTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
