"""The directive ``call-path``: the calls of one command or one reply, recorded while the documentation is built."""

from __future__ import annotations

import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from testbed.paths import record_pure


class CallPath(Directive):
    """``.. call-path:: command`` or ``reply``."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Record the path in pure Python, where the profiler sees every call."""
        text = record_pure(self.arguments[0])
        return [nodes.literal_block(text, text, language="text")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("call-path", CallPath)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
