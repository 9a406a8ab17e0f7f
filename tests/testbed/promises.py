"""The table of promises, ``docs/promises.rst``, which is made of the marks of the tests that hold them.

``python -m tests.testbed.promises`` writes it; a test fails where it is not what the marks say. A mark is::

    @pytest.mark.promise("``disconnect()`` finishes the commands in flight", "Within a bound ...", about="Connections")

with literal text: the sentence; more on it, if need be; the topic, one of :data:`TOPICS`. It stands on a test, or in
the ``pytestmark`` of a module. Where several tests hold one promise, the others repeat the sentence only.
"""

from __future__ import annotations

import ast
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
TABLE = TESTS.parent / "docs" / "promises.rst"

#: The sections of the table, in their order.
TOPICS = (
    "Replies and their callers",
    "Connections",
    "Sentinel and fail-over",
    "Cluster",
    "Time limits and cancellation",
    "Blocking commands",
    "Transactions, pipelines and batches",
    "Publish and subscribe",
    "Client-side caching",
    "Streams",
    "Load and memory",
    "Security",
    "Observability",
)

_HEAD = """\
.. Written by ``python -m tests.testbed.promises`` from the marks of the tests: edit those.

What is promised
================

These promises hold whatever the network and the server do, on both implementations. Each row names the tests that check
it.
"""

_FOOT = """
The soak
--------

One proof takes longer than a test. The soak starts its own servers. Many users work on them through a proxy with
faults, while the servers are stopped and restarted; with ``--failover`` the master is killed repeatedly; with
``--cluster`` it is a cluster whose slots move and whose masters change, die and are silent. Every value contains its
key and its writer, every published number arrives or falls into a reported gap, no numbered write is executed twice,
and any violation ends the soak with exit status 1. :doc:`testing` has its results. ::

    python -m tests.testbed.soak --minutes 10 --failover --every 2   # --url redis://... for a server of your own
    python -m tests.testbed.soak --operations 5000000 --faults 2000
    python -m tests.testbed.soak --minutes 10 --cluster
    python -m tests.testbed.soak --minutes 2 --transport unix        # or tls
"""


class MarkError(Exception):
    """A mark cannot be read; the text names its place."""


@dataclass
class Promise:
    """One row of the table.

    :ivar tests: files, relative to the checkout.
    """

    sentence: str
    more: str = ""
    about: str = ""
    tests: list[str] = field(default_factory=list)


def promises(folder: Path = TESTS) -> list[Promise]:
    """All promises, in the order of the topics, then of their first test.

    :raises MarkError: a mark cannot be read, or the marks of one promise do not name its topic exactly once.
    """
    found: dict[str, Promise] = {}
    for path in sorted(folder.rglob("test_*.py")):
        name = str(path.relative_to(folder.parent))
        for mark in _marks(ast.parse(path.read_text(encoding="utf-8"))):
            sentence, more, about = _read(mark, f"{name}:{mark.lineno}")
            promise = found.setdefault(sentence, Promise(sentence))
            if name not in promise.tests:
                promise.tests.append(name)
            if (about and promise.about) or (more and not about):
                raise MarkError(f"{name}:{mark.lineno}: topic and explanation stand in one of the marks: {sentence!r}")
            promise.about, promise.more = about or promise.about, more or promise.more
    for promise in found.values():
        if promise.about not in TOPICS:
            raise MarkError(f"{promise.tests[0]}: topic {promise.about!r} of {promise.sentence!r} is none of TOPICS")
    return sorted(found.values(), key=lambda promise: TOPICS.index(promise.about))


def rst(rows: Sequence[Promise]) -> str:
    """The document."""
    lines = [_HEAD]
    for topic in TOPICS:
        of_topic = [row for row in rows if row.about == topic]
        if not of_topic:
            continue
        lines += [f"\n{topic}\n{'-' * len(topic)}\n", ".. list-table::", "   :header-rows: 1", "   :widths: 70 30\n"]
        lines += ["   * - Promise", "     - Tests"]
        for row in of_topic:
            lines += _cell("   * - ", f"{row.sentence}.")
            if row.more:
                lines += ["", *_cell("       ", row.more)]
            lines += _cell("     - ", ", ".join(f"``{test.removeprefix('tests/')}``" for test in row.tests))
    return "\n".join(lines) + "\n" + _FOOT


def _cell(start: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        120,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
        break_long_words=False,
    )


def _marks(module: ast.Module) -> Iterator[ast.Call]:
    """The calls of ``pytest.mark.promise`` that pytest sees: on tests, and in ``pytestmark``."""
    for statement in module.body:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef)):
            if statement.name.startswith("test_"):
                yield from filter(_is_mark, statement.decorator_list)
        elif isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "pytestmark":
            yield from filter(_is_mark, ast.walk(statement.value))


def _is_mark(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.promise"


def _read(mark: ast.Call, place: str) -> tuple[str, str, str]:
    try:
        sentence, *rest = [ast.literal_eval(argument) for argument in mark.args]
        named = {keyword.arg: ast.literal_eval(keyword.value) for keyword in mark.keywords}
    except ValueError as error:
        raise MarkError(f"{place}: a promise is literal text: {error}") from None
    more, about = (*rest, "")[0], named.pop("about", "")
    if len(rest) > 1 or named or not all(isinstance(text, str) for text in (sentence, more, about)):
        raise MarkError(f"{place}: promise(sentence, more, about=topic)")
    if sentence.endswith(".") or not sentence:
        raise MarkError(f"{place}: the sentence has no full stop, which the table adds")
    return sentence, more, about


def main() -> int:
    """Write the table."""
    TABLE.write_text(rst(promises()), encoding="utf-8")
    print(f"written: {TABLE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
