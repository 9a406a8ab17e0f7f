"""What is installed, what importing it does, and which way its modules' imports point."""

from __future__ import annotations

import ast
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from testbed.public import declared_names

import txredis_fast
from txredis_fast import _implementation

PACKAGE = Path(txredis_fast.__file__).parent

#: The layers, from the top down: a module imports only what stands below its own line.
LAYERS = [
    *(
        "__main__",
        "_cli",
        "testing",
        "__init__",
        "api",
        "cluster",
        "sharding",
        "sentinel",
        "pubsub",
        "streaming",
        "client",
        "caching",
        "pool",
        "connection",
        "batching",
        "helpers",
    ),
    *("otel", "inflight", "options", "commands", "resp", "transport", "telemetry"),
    *("_credentials", "_roles", "exceptions", "_checks", "_types", "_reactor", "_implementation", "_tunables"),
    "_lazy",
]

#: The same inside of a room that has rooms of its own.
COMMAND_LAYERS = [
    *("__init__", "flagged", "modules", "control", "newer", "streams", "sorted_sets", "data"),
    *("_parts", "module_table", "table"),
]

#: How many modules a room may have beside its ``__init__``, and how many the package beside its rooms.
MOST_MODULES, MOST_AT_THE_TOP = 12, 10

#: What importing the package must leave alone: a reactor, and pyOpenSSL, which is an extra. (Python's own ``ssl``
#: comes with Twisted, whose ``defer`` imports ``asyncio``.)
NOT_AT_IMPORT = ["OpenSSL", "twisted.internet.reactor", "twisted.internet.ssl", "twisted.internet._sslverify"]


def modules() -> Iterator[tuple[str, Path]]:
    """Every module's layer and file."""
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path.relative_to(PACKAGE).with_suffix("").parts[0], path


def imports(path: Path) -> Iterator[str]:
    """The absolute names of the modules that a file imports, those in its functions included.

    Imports for annotations only, under ``if TYPE_CHECKING``, do not count: they never run.
    """
    package = ("txredis_fast", *path.relative_to(PACKAGE).parts[:-1])
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*start, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting.extend(node.orelse)
        else:
            waiting.extend(ast.iter_child_nodes(node))


def layer(name: str) -> str | None:
    """The layer of an imported module, None if it is no part of this package."""
    package, _, rest = name.partition(".")
    if package != "txredis_fast":
        return None
    first = rest.partition(".")[0]
    is_module = (PACKAGE / f"{first}.py").exists() or (PACKAGE / first / "__init__.py").exists()
    return first if first and is_module else "__init__"


def python(code: str, **environment: str) -> Any:
    """Run code in a new interpreter that finds this same package; return what it printed as JSON."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TXREDIS_FAST_")}
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=PACKAGE.parent,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.self_check
def test_every_layer_has_its_modules():
    assert {name for name, _ in modules()} == set(LAYERS)


@pytest.mark.self_check
@pytest.mark.parametrize("path", [pytest.param(path, id=str(path.relative_to(PACKAGE))) for _, path in modules()])
def test_imports_point_down_only(path):
    own = path.relative_to(PACKAGE).with_suffix("").parts[0]
    layers = {found for name in imports(path) if (found := layer(name)) not in (None, own)}
    assert own in LAYERS, f"{own} has no place in LAYERS yet"
    below = LAYERS[LAYERS.index(own) + 1 :]
    upward = sorted(layers - set(below))
    assert not upward, f"{own} imports {', '.join(upward)}, which stands above it"


def private_names(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The private names that a module defines for its objects, and those that it reads of any."""
    defined, read = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.Attribute):
            own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
            (defined if own and not isinstance(node.ctx, ast.Load) else read).add(node.attr)
        if isinstance(node, ast.ClassDef):
            for each in node.body:
                targets = each.targets if isinstance(each, ast.Assign) else [getattr(each, "target", None)]
                defined |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in defined if is_private(name)}, {name for name in read if is_private(name)}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


#: Private parts of Twisted, of Python and of marked functions; and what programs for txredisapi read of a handler.
NOT_OURS = {
    "_factory",
    *("_canceller", "_debugInfo", "_getframe", "_lib", "_ssl", "_tlsConnection", "_tempDataBuffer", "_tempDataLen"),
    *("_writeDisconnected", "_aggregator", "_blocking", "_replace"),
}


@pytest.mark.self_check
def test_no_room_reads_a_private_attribute_of_another_rooms_objects():
    defined: dict[str, set[str]] = {}
    read: list[tuple[str, Path, str]] = []
    for room, path in modules():
        names, reads = private_names(ast.parse(path.read_text(encoding="utf-8")))
        defined.setdefault(room, set()).update(names)
        read += [(room, path, name) for name in sorted(reads)]
    foreign = [(path.name, name) for room, path, name in read if name not in defined[room] | NOT_OURS]
    assert not foreign


@pytest.mark.self_check
def test_command_layers_point_down_only():
    for path in sorted(PACKAGE.joinpath("commands").rglob("*.py")):
        own = path.relative_to(PACKAGE / "commands").with_suffix("").parts[0]
        below = COMMAND_LAYERS[COMMAND_LAYERS.index(own) + 1 :]
        found = {name.split(".")[2] for name in imports(path) if name.startswith("txredis_fast.commands.")}
        assert found <= {own, *below}, path


@pytest.mark.self_check
def test_a_room_has_few_modules_and_says_what_it_is():
    assert len([path for path in PACKAGE.glob("*.py") if path.stem not in ("__init__", "__main__")]) <= MOST_AT_THE_TOP
    for room in {path.parent for path in PACKAGE.rglob("*.py")} - {PACKAGE}:
        assert len([path for path in room.glob("*.py") if path.stem != "__init__"]) <= MOST_MODULES, room
        assert ast.get_docstring(ast.parse(room.joinpath("__init__.py").read_text(encoding="utf-8"))), room


#: How the name of a tunable says its unit, or what it counts.
UNIT = re.compile(
    r"_(BYTES|SECONDS|MILLISECONDS|PER_SECOND|PER_TURN|CHARACTERS|REQUESTS|COMMANDS|ELEMENTS|KEYS|AGGREGATES|CONNECTIONS)$"
    r"|_(DEPTH|GRACES|PROBES|TRIES|TURNS|BURST|COUNTED|KEPT)$"
)


def test_every_tunable_has_a_unit_a_reason_and_a_use():
    lines = PACKAGE.joinpath("_tunables.py").read_text(encoding="utf-8").splitlines()
    names = {line.partition(":")[0]: lines[number - 1] for number, line in enumerate(lines) if ": Final = " in line}
    assert len(names) > 50
    assert [name for name, before in names.items() if not UNIT.search(name) or not before.startswith("#: ")] == []
    others = [path for path in [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx")] if path.stem != "_tunables"]
    assert (
        names.keys() - {word for path in others for word in re.findall("[A-Z_]{6,}", path.read_text("utf-8"))} == set()
    )


@pytest.mark.parametrize("name", ["resp", "options", "_checks", "exceptions", "_types", "_implementation"])
def test_the_lowest_layers_know_nothing_of_twisted(name):
    found = [
        (path.name, module)
        for own, path in modules()
        if own == name
        for module in imports(path)
        if module.partition(".")[0] in ("twisted", "zope")
    ]
    assert not found


def test_resp_can_be_imported_without_the_layers_above_it():
    used = {layer(name) for own, path in modules() if own == "resp" for name in imports(path)}
    assert used <= {None, "resp", "exceptions", "_implementation", "_tunables"}


def test_importing_installs_no_reactor_and_needs_no_openssl():
    code = (
        "import json, sys; before = set(sys.modules); import txredis_fast; "
        "print(json.dumps(sorted(set(sys.modules) - before)))"
    )
    imported = python(code)
    assert "txredis_fast.client.factory" in imported
    assert not set(imported) & set(NOT_AT_IMPORT)


#: Rooms and modules that most programs never use: importing the package leaves them alone.
RARE = [
    *("cluster", "sentinel", "sharding", "api.service", "streaming.consumer", "pubsub.messages", "pubsub.monitor"),
    *("pubsub.subscriber", "commands.modules.json", "commands.modules.search", "commands.module_table"),
    *("commands._parts.facts", "options.document", "client.transact", "client.one_by_one", "otel", "testing", "_cli"),
    "telemetry.observed",
]

#: How many modules importing the package imports beside those of Twisted and Python. Each takes about 0.3 ms of CPU
#: time and 30 KB: what most programs never use is better imported where it is used.
MOST_AT_IMPORT = 171


def test_importing_the_package_imports_no_module_that_most_programs_never_use():
    code = "import json, sys, txredis_fast; print(json.dumps([n for n in sys.modules if n.startswith('txredis_fast')]))"
    imported = python(code)
    assert not {f"txredis_fast.{name}" for name in RARE} & set(imported)
    assert 100 < len(imported) <= MOST_AT_IMPORT


@pytest.mark.self_check
def test_rare_modules_exist():
    assert [name for name in RARE if importlib.util.find_spec(f"txredis_fast.{name}") is None] == []


@pytest.mark.once
@pytest.mark.parametrize(
    "use",
    [
        "txredis_fast.Sentinel([('localhost', 26379)])",
        "txredis_fast.ShardedConnectionHandler([])",
        "from txredis_fast import Message, MonitorFactory",
        "import pickle; pickle.loads(pickle.dumps(txredis_fast.Message))",
        "txredis_fast.ConnectionHandler.subscriber; txredis_fast.ConnectionHandler.consume",
        "txredis_fast.pubsub.Refused; txredis_fast.streaming.StreamEntry; txredis_fast.api.RedisService",
        "import txredis_fast.sentinel.factory; from txredis_fast import sentinel; txredis_fast.sentinel.factory",
    ],
)
def test_a_rare_name_is_imported_where_it_is_used(use):
    code = f"import txredis_fast; before = dir(txredis_fast); {use}; print(int(before == dir(txredis_fast)))"
    assert python(code) == 1


def test_importing_every_module_installs_no_reactor():
    names = [
        ".".join(["txredis_fast", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__")
        for _, path in modules()
    ]
    code = (
        f"import importlib, json, sys; [importlib.import_module(name) for name in {names!r}]; "
        "print(json.dumps(list(sys.modules)))"
    )
    assert not set(python(code)) & set(NOT_AT_IMPORT)


#: Prints which implementation is said to be in use, and which one each name of a room is of.
IMPLEMENTATION = """
import json
import txredis_fast
from txredis_fast import inflight, resp
modules = {getattr(room, name).__module__ for room, name in [
    (resp, "Reader"), (resp, "encode_command"), (resp, "may_collide"),
    (inflight, "RequestQueue"), (inflight, "add_command"), (txredis_fast, "Reader"),
]}
print(json.dumps([txredis_fast.IMPLEMENTATION, sorted(modules)]))
"""
EXTENSIONS = [f"txredis_fast.{room}.{name}" for room, names in _implementation.EXTENSIONS.items() for name in names]
PURE = [
    "python",
    [
        f"txredis_fast.{name}"
        for name in ("inflight._pyrequest", "resp._pyaggregates", "resp._pyencode", "resp._pyresp")
    ],
]
COMPILED = [
    "cython",
    [f"txredis_fast.{name}" for name in ("inflight._crequest", "resp._caggregates", "resp._cencode", "resp._cresp")],
]

#: Python finds no extension of this name.
WITHOUT = """
import sys
class Without:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Without())
"""

#: In place of an extension, one that this system cannot load.
BROKEN = """
import importlib.machinery, pathlib, sys, tempfile
file = pathlib.Path(tempfile.mkdtemp(), "broken.so")
file.write_bytes(b"no library")
class Broken:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            loader = importlib.machinery.ExtensionFileLoader(name, str(file))
            return importlib.machinery.ModuleSpec(name, loader, origin=str(file))
sys.meta_path.insert(0, Broken())
"""


def every_extension_is_built() -> bool:
    return all(
        any(path.suffix in (".so", ".pyd") for path in PACKAGE.joinpath(room).glob(f"{name}.*"))
        for room, names in _implementation.EXTENSIONS.items()
        for name in names
    )


@pytest.mark.once
@pytest.mark.parametrize("switch", ["1", "yes"])
def test_the_switch_forces_the_pure_python_implementation(switch):
    assert python(IMPLEMENTATION, TXREDIS_FAST_PUREPYTHON=switch) == PURE


@pytest.mark.once
@pytest.mark.parametrize("switch", [{}, {"TXREDIS_FAST_PUREPYTHON": ""}, {"TXREDIS_FAST_PUREPYTHON": "0"}])
def test_without_the_switch_the_extensions_are_used_where_they_were_built(switch):
    assert python(IMPLEMENTATION, **switch) == (COMPILED if every_extension_is_built() else PURE)


@pytest.mark.once
@pytest.mark.skipif(not every_extension_is_built(), reason="the extensions are not built")
@pytest.mark.parametrize("name", EXTENSIONS)
@pytest.mark.parametrize("story", [WITHOUT, BROKEN], ids=["missing", "broken"])
def test_where_one_extension_cannot_be_used_none_is(name, story):
    assert python(story.format(name=name) + IMPLEMENTATION) == PURE


def test_the_extensions_are_those_that_setup_builds():
    sources = Path(__file__).parent.parent / "txredis_fast"
    found = {".".join(path.relative_to(sources.parent).with_suffix("").parts) for path in sources.rglob("*.pyx")}
    assert found == set(EXTENSIONS)


def test_these_tests_run_over_the_implementation_that_was_asked_for():
    if os.environ.get("TXREDIS_FAST_PUREPYTHON", "") not in ("", "0"):
        assert txredis_fast.IMPLEMENTATION == "python"
    elif os.environ.get("TXREDIS_FAST_REQUIRE_EXTENSION", "") not in ("", "0"):
        assert txredis_fast.IMPLEMENTATION == "cython"
    else:
        assert txredis_fast.IMPLEMENTATION in ("cython", "python")


def test_these_tests_run_over_the_package_that_is_installed():
    """``python -m pytest`` puts the current folder first, where a plain install leaves no extension."""
    installed = metadata.distribution("txredis-fast")
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    if origin.get("dir_info", {}).get("editable"):
        place = Path(origin["url"].removeprefix("file://")) / "txredis_fast"
    else:
        place = Path(str(installed.locate_file("txredis_fast")))
    assert place.resolve() == PACKAGE.resolve(), "install this folder with: pip install -e '.[test]'"


def test_the_version_is_the_one_installed():
    assert txredis_fast.__version__ == metadata.version("txredis-fast")


def test_every_public_name_exists_once():
    assert len(set(declared_names())) == len(declared_names())
    missing = [name for name in declared_names() if not hasattr(txredis_fast, name)]
    assert not missing


@pytest.mark.parametrize("name", ["resp", "commands"])
def test_every_public_name_of_a_subpackage_exists(name):
    module = importlib.import_module(f"txredis_fast.{name}")
    assert not [public for public in module.__all__ if not hasattr(module, public)]


def test_the_package_says_that_it_is_typed():
    assert (PACKAGE / "py.typed").is_file()


@pytest.mark.once
def test_a_module_of_more_than_500_lines_says_why():
    long = []
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyx")]):
        text = path.read_text(encoding="utf-8")
        if text.count("\n") > 500:
            long.append(path.name)
            assert "500 lines" in text.split('"""')[1], path
    assert len(long) < 12, long
