"""Every name of this package that its documents and docstrings mention can be reached as they have it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import txredis_fast

ROOT = Path(txredis_fast.__file__).parent.parent

#: ``redis`` is what programs import this package as.
NAME = re.compile(r"(?<![\w.:/@\"'-])(?:txredis_fast|redis)(?:\.[A-Za-z_]\w*)+")

#: What has the form of such a name and is none: hosts, files, what Lua scripts call, and metrics.
OTHERS = re.compile(
    r"redis\.(io|example|sock|conf|call|register_function)\b|txredis_fast\.cache\b|txredis_fast\.(\w+\.)*_\w"
)


def documents() -> Iterator[tuple[str, str]]:
    for document in sorted([*ROOT.glob("*.rst"), *(ROOT / "docs").rglob("*.rst")]):
        yield str(document.relative_to(ROOT)), document.read_text()
    for module in sorted((ROOT / "txredis_fast").rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                yield str(module.relative_to(ROOT)), ast.get_docstring(node) or ""


def mentioned() -> dict[str, str]:
    """Each name, without its alias, and where it is mentioned."""
    found: dict[str, str] = {}
    for where, text in documents():
        for name in NAME.findall(text):
            if not OTHERS.match(name):
                found[name.partition(".")[2]] = where
    return found


#: Looks names up in an interpreter that has imported nothing else, and tells those that are not there.
LOOK_UP = """
import sys
import txredis_fast
for name in sys.argv[1:]:
    thing = txredis_fast
    for part in name.split("."):
        thing = getattr(thing, part, None)
    if thing is None:
        print(name)
"""


@pytest.mark.self_check
def test_names_in_the_documents_exist():
    names = mentioned()
    assert len(names) > 25
    run = subprocess.run(
        [sys.executable, "-c", LOOK_UP, *sorted(names)], capture_output=True, text=True, check=True, timeout=60
    )
    assert [f"{names[name]}: {name}" for name in run.stdout.split()] == []


@pytest.mark.self_check
def test_a_name_that_does_not_exist_is_noticed():
    run = subprocess.run(
        [sys.executable, "-c", LOOK_UP, "otel.Tracing", "no_such"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.split() == ["no_such"]


@pytest.mark.self_check
def test_code_in_the_readme_is_python():
    text = (ROOT / "README.rst").read_text()
    blocks = re.findall(r"\.\. code-block:: python\n\n((?:    .*\n|\n)+)", text)
    assert len(blocks) >= 5
    for block in blocks:
        lines = [line[4:] for line in block.splitlines()]
        body = "\n".join(f"    {line}" for line in lines)
        compile(f"async def example():\n{body}\n", "README.rst", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.once
@pytest.mark.parametrize("module", ["opentelemetry", "twisted.internet.reactor", "OpenSSL"])
def test_reaching_a_name_imports_nothing_that_is_used_later(module):
    code = "import sys, txredis_fast; txredis_fast.otel; txredis_fast.otel.Tracing; print(sys.argv[1] in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code, module], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "False"
