"""The directive ``room-table``: the layers of the package from top to bottom, each with its docstring's summary."""

from __future__ import annotations

import ast
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
TEST_OF_LAYERS = ROOT / "tests" / "test_packaging.py"


def layers() -> list[str]:
    """Return the names of the layers, from the list ``LAYERS`` of the test."""
    for node in ast.parse(TEST_OF_LAYERS.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "LAYERS":
            names = [name for name in ast.walk(node.value) if isinstance(name, ast.Constant)]
            return [str(name.value) for name in sorted(names, key=lambda name: (name.lineno, name.col_offset))]
    raise ValueError(f"{TEST_OF_LAYERS} has no LAYERS")


def sentence(layer: str) -> str:
    """Return the first paragraph of a room's or a module's docstring."""
    room = ROOT / "txredis_fast" / layer
    path = room / "__init__.py" if room.is_dir() else room.with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return " ".join(text.partition("\n\n")[0].split())


class RoomTable(Directive):
    """``.. room-table::``."""

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        self.state.document.settings.env.note_dependency(str(TEST_OF_LAYERS))
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 20 80", "", "   * - room", "     - what it is"]
        for layer in layers():
            name = f"{layer}/" if (ROOT / "txredis_fast" / layer).is_dir() else layer
            lines += [f"   * - ``{name}``", f"     - {sentence(layer)}"]
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source=str(TEST_OF_LAYERS)), self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("room-table", RoomTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
