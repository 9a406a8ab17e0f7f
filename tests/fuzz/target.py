"""The fuzzer's entry: coverage of the compiled code, under sanitizers.

Started by ``run``, which builds what this imports, with what is to be fuzzed in ``TARGET``:

* ``resp``: the parser and the encoders, compared with the pure ones;
* ``dispatch``: the dispatcher of replies, compared with the pure one.

``native.pyx.in`` has the others.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import warnings
from pathlib import Path
from types import ModuleType

import atheris


def lower_the_bounds() -> None:
    """Let large bulk strings, which are filled in an object of their own, begin where a short input reaches them.

    Both implementations read the numbers when they are imported, and importing the package imports them. So what has
    the numbers is imported first, without the packages that it is in.
    """
    spec = importlib.util.find_spec("txredis_fast")
    assert spec is not None and spec.submodule_search_locations is not None
    folder = Path(next(iter(spec.submodule_search_locations)))
    packages = {"txredis_fast": folder, "txredis_fast.resp": folder / "resp"}
    for name, place in packages.items():
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(place)]
    tunables = importlib.import_module("txredis_fast._tunables")
    tunables.LARGE_BULK_BYTES, tunables.TRUSTED_BULK_BYTES = 24, 40  # type: ignore[attr-defined]
    for name in packages:
        del sys.modules[name]


lower_the_bounds()

from fuzz import cases, dispatch  # noqa: E402

from txredis_fast.inflight import _crequest, _pyrequest  # noqa: E402
from txredis_fast.resp import _cresp, _pyresp  # noqa: E402


def compare_resp(data: bytes) -> None:
    """Run one input over both implementations."""
    cases.check(_cresp, _pyresp, data)


def compare_dispatch(data: bytes) -> None:
    """Tell one story over both implementations."""
    dispatch.check((_cresp, _crequest), (_pyresp, _pyrequest), data)


TARGETS = {"resp": compare_resp, "dispatch": compare_dispatch}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    atheris.Setup(sys.argv, TARGETS[os.environ.get("TARGET", "resp")])
    atheris.Fuzz()
