"""Every test of the RESP core runs over both implementations."""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from txredis_fast.exceptions import DecodeError
from txredis_fast.resp import Push


def load(name: str) -> ModuleType:
    """Import one implementation; skip where the extension was not built, unless it is required."""
    try:
        return importlib.import_module(f"txredis_fast.resp.{name}")
    except ImportError:
        if os.environ.get("TXREDIS_FAST_REQUIRE_EXTENSION", "") not in ("", "0"):
            raise
        pytest.skip("the extension is not built")


@pytest.fixture(scope="session", params=["_pyresp", "_cresp"], ids=["python", "cython"])
def resp(request: pytest.FixtureRequest) -> ModuleType:
    """The implementation under test."""
    return load(request.param)


@pytest.fixture(scope="session")
def both() -> tuple[ModuleType, ModuleType]:
    """The two implementations, to be compared."""
    return load("_pyresp"), load("_cresp")


def _shape(value: Any) -> Any:
    if isinstance(value, Push):
        return "Push", [_shape(item) for item in value]
    if isinstance(value, (list, tuple)):
        return type(value).__name__, [_shape(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return type(value).__name__, sorted((_shape(item) for item in value), key=repr)
    if isinstance(value, dict):
        return "dict", [(_shape(key), _shape(item)) for key, item in value.items()]
    if isinstance(value, float) and math.isnan(value):
        return "float", "nan"
    if isinstance(value, DecodeError):
        return "DecodeError", value.args, value.charset, _shape(value.reply)
    if isinstance(value, Exception):
        return type(value).__name__, value.args
    return type(value).__name__, repr(value)


@pytest.fixture(scope="session")
def shape() -> Callable[[Any], Any]:
    """Turn a value into one that is equal only for the same values of the same types, all the way down."""
    return _shape
