"""The extension is used where it is built; one switch of the environment forces pure Python."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import subprocess
import sys

import pytest

from txredis_fast import resp as package

PROGRAM = "import txredis_fast.resp as r; print(r.IMPLEMENTATION, r.Reader.__module__, r.encode_command.__module__)"


def chosen(switch, program=PROGRAM):
    environment = {key: value for key, value in os.environ.items() if key != "TXREDIS_FAST_PUREPYTHON"}
    if switch is not None:
        environment["TXREDIS_FAST_PUREPYTHON"] = switch
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


def extension_is_built():
    return importlib.util.find_spec("txredis_fast.resp._cresp") is not None


@pytest.mark.once
@pytest.mark.parametrize("switch", [None, "", "0"])
def test_the_extension_is_the_default_where_it_is_built(switch):
    implementation = chosen(switch)[0]
    if os.environ.get("TXREDIS_FAST_REQUIRE_EXTENSION", "") not in ("", "0"):
        assert extension_is_built()
    assert implementation == ("cython" if extension_is_built() else "python")


@pytest.mark.once
@pytest.mark.parametrize("switch", ["1", "yes"])
def test_the_switch_forces_pure_python(switch):
    assert chosen(switch) == ["python", "txredis_fast.resp._pyresp", "txredis_fast.resp._pyencode"]


@pytest.mark.once
@pytest.mark.parametrize("name", ["_cresp", "_cencode"])
def test_a_missing_extension_is_pure_python_without_a_word(name):
    missing = f"import sys; sys.modules['txredis_fast.resp.{name}'] = None; "
    assert chosen(None, missing + PROGRAM)[0] == "python"


def test_the_package_offers_what_it_says():
    for name in package.__all__:
        assert getattr(package, name) is not None
    assert package.IMPLEMENTATION in ("cython", "python")


def test_the_core_imports_nothing_of_twisted():
    # The package around it does: an empty one takes its place.
    program = (
        "import importlib.util, sys, types; "
        "spec = importlib.util.find_spec('txredis_fast'); "
        "parent = sys.modules['txredis_fast'] = types.ModuleType('txredis_fast'); "
        "parent.__path__ = list(spec.submodule_search_locations); "
        "import txredis_fast.resp; print(any(name.split('.')[0] == 'twisted' for name in sys.modules))"
    )
    assert chosen(None, program) == ["False"]


def test_both_have_the_same_names_and_signatures(both):
    python, compiled = both
    assert python.__all__ == compiled.__all__
    for name in ("encode_command", "encode_commands"):
        ours, theirs = (inspect.signature(getattr(module, name)) for module in both)
        assert [(p.name, p.default, p.kind) for p in ours.parameters.values()] == [
            (p.name, p.default, p.kind) for p in theirs.parameters.values()
        ]
    public = {name for name in vars(python.Reader) if not name.startswith("_")}
    assert public == {name for name in vars(compiled.Reader) if not name.startswith("_")}
    assert public == {
        "attributes", "awaited", "buffered", "errors", "fed",
        "feed", "forget", "get", "get_all", "get_many", "get_message", "on_error", "receive",
    }  # fmt: skip


def test_a_reader_can_be_subclassed(resp):
    class Mine(resp.Reader):
        def get(self, raw=False):
            return "mine", super().get(raw)

    reader = Mine(None, convert_numbers=False)
    reader.feed(b"$1\r\n1\r\n")
    assert reader.get() == ("mine", b"1")


def test_properties_cannot_be_set(resp):
    reader = resp.Reader()
    for name in ("attributes", "awaited", "buffered", "errors", "fed"):
        with pytest.raises(AttributeError):
            setattr(reader, name, None)
