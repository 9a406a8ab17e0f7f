"""The directive ``state-table``: a state machine, from its table of transitions."""

from __future__ import annotations

import importlib
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx


def target(after: Any) -> str:
    """Describe a state, or the error that a function makes."""
    return f"error “{after()}”" if callable(after) else f"``{after.name}``"


class StateTable(Directive):
    """``.. state-table:: module.TRANSITIONS``: a dict from (state, event) to the next state, or to an error's maker."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the table: a row for each state, with the transitions out of it."""
        module, _, name = self.arguments[0].rpartition(".")
        transitions = getattr(importlib.import_module(module), name)
        lines = [
            ".. list-table::",
            "   :header-rows: 1",
            "   :widths: 20 80",
            "",
            "   * - state",
            "     - event → state",
        ]
        for state in type(next(iter(transitions))[0]):
            leads = [
                f"``{getattr(event, 'name', event)}`` → {target(after)}"
                for (before, event), after in transitions.items()
                if before is state and after is not state
            ]
            lines += [f"   * - ``{state.name}``", f"     - {', '.join(leads)}"]
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source=self.arguments[0]), self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("state-table", StateTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
