"""The directive ``path-table``: the calls of one command or one reply, recorded while the documentation is built."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from twisted.internet.testing import MemoryReactorClock, StringTransport

import txredis_fast

PACKAGE = Path(txredis_fast.__file__).parent


def calls_of(action: Callable[[], object]) -> list[tuple[str, str]]:
    """Run an action; return file and function of each call inside the package, in their order."""
    calls: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and PACKAGE in path.parents:
            name = getattr(frame.f_code, "co_qualname", frame.f_code.co_name)  # Python 3.11
            calls.append((path.relative_to(PACKAGE).as_posix(), name.replace("<locals>.", "")))

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
    return calls


@cache
def paths() -> dict[str, list[tuple[str, str]]]:
    """Record ``rc.get("key")`` and its reply, on a pool of one connection over a transport in memory."""
    clock: Any = MemoryReactorClock()
    package: Any = txredis_fast
    package.reactor = clock
    try:
        factory = txredis_fast.RedisFactory(None, None, 1, isLazy=True)
        connection = factory.buildProtocol(None)
        transport: Any = StringTransport()
        transport.reactor = clock
        connection.makeConnection(transport)
        rc = factory.handler
        rc.get("key")  # the handler looks a method up once
        connection.dataReceived(b"$5\r\nhello\r\n")
        found = {"command": calls_of(lambda: rc.get("key"))}
        found["reply"] = calls_of(lambda: connection.dataReceived(b"$5\r\nhello\r\n"))
    finally:
        del package.reactor
    return found


class PathTable(Directive):
    """``.. path-table:: command`` or ``reply``: a row for each file, with its functions in the order of their calls."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Make the table."""
        calls = paths()[self.arguments[0]]
        functions: dict[str, list[str]] = {}
        for file, name in calls:
            if name not in functions.setdefault(file, []):
                functions[file].append(name)
        lines = [".. list-table::", "   :header-rows: 1", "   :widths: 30 70", "", "   * - file", "     - functions"]
        for file, names in functions.items():
            lines += [f"   * - ``{file}``", f"     - {', '.join(f'``{name}``' for name in names)}"]
        lines += ["", f"{len(calls)} calls in {len(functions)} files."]
        node = nodes.container()
        self.state.nested_parse(StringList(lines, source=__file__), self.content_offset, node)
        return node.children


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("path-table", PathTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
