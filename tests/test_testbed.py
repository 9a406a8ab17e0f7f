"""Who may know whom among tests, testbed and benchmarks; and that RESP is encoded in one place."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
TESTBED = TESTS / "testbed"
BENCH = TESTS.parent / "bench"

#: Folders and files with tests, by the names they are imported by.
OF_TESTS = {path.stem for path in TESTS.iterdir()} - {"testbed", "__pycache__"}
#: What runs servers and breaks networks also tests other packages.
WITHOUT_THE_PACKAGE = (
    *(
        "address",
        "client",
        "cluster_nodes",
        "clusters",
        "proxy",
        "sentinels",
        "servers",
        "slots",
        "terminal",
        "tls",
        "ways",
        "wire",
    ),
)


def imported(path: Path) -> Iterator[str]:
    """The modules that a file imports absolutely."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module)


@pytest.mark.parametrize("path", sorted(TESTBED.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTBED)))
def test_the_testbed_knows_neither_tests_nor_bench(path: Path) -> None:
    known = {name.partition(".")[0] for name in imported(path)}
    # (Within itself it imports relatively, so that ``python -m tests.testbed.soak`` has it once.)
    assert known & {*OF_TESTS, "bench", "tests", "testbed"} == set()
    if path.parent == TESTBED and path.stem in WITHOUT_THE_PACKAGE:
        assert "txredis_fast" not in known


def test_of_the_tests_bench_knows_the_testbed_only() -> None:
    known = {name.partition(".")[0] for path in BENCH.rglob("*.py") for name in imported(path)}
    assert "testbed" in known
    assert known & {*OF_TESTS, "tests"} == set()


def test_resp_is_encoded_in_one_place() -> None:
    by_hand = re.compile(r'b"(\$|\*|%b|\*2\\r\\n\$)%d\\r\\n%b(\\r\\n)?" % \(len\(')
    files = [path for folder in (TESTS, BENCH) for path in folder.rglob("*.py") if path != Path(__file__)]
    assert [str(path) for path in files if by_hand.search(path.read_text(encoding="utf-8"))] == []
