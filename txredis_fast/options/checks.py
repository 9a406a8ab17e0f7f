"""Checks that only options need: each takes a name and a value, and returns the value as the package uses it.

Checks of hosts, credentials and plain numbers are in ``_checks``. Each raises a ``ValueError`` that names the option.

This module must not know which option has which check.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

from .._checks import (
    check_choice,
    check_count,
    check_host,
    check_number,
    check_seconds,
    check_truth,
    shown,
    whole_number,
)
from ..resp import (
    DEFAULT_MAX_BUFFERED,
    DEFAULT_MAX_BULK_LENGTH,
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_ELEMENTS,
    DEFAULT_MAX_LINE_LENGTH,
    DEFAULT_MAX_TEXT_LENGTH,
)
from ..transport import PEM
from .option import Check

if TYPE_CHECKING:
    from ..telemetry import CommandHook
    from .cache import ClientCache

__all__ = [
    "LIMITS",
    "MOST_CONNECTIONS",
    "MOST_DATABASES",
    "ConvertNumbers",
    "PoolTimeout",
    "ProtocolVersion",
    "Undecodable",
    "WhenFull",
    "check_cache",
    "check_context_factory",
    "check_convert_numbers",
    "check_dbid",
    "check_hooks",
    "check_limits",
    "check_pem",
    "check_pool_timeout",
    "check_poolsize",
    "check_protocol",
    "check_tls_host",
    "check_undecodable",
    "check_when_full",
    "count",
    "count_or_none",
    "number",
    "seconds",
    "seconds_or_none",
]

#: How replies that look like numbers are converted; see the option ``convertNumbers``.
ConvertNumbers: TypeAlias = bool | Literal["exact"]

#: See the option ``poolTimeout``.
PoolTimeout: TypeAlias = float | Literal["default"] | None

#: See the option ``protocol``.
ProtocolVersion: TypeAlias = Literal[2, 3]

#: See the option ``undecodable``.
Undecodable: TypeAlias = Literal["replace", "error"] | None

#: See the option ``whenFull``.
WhenFull: TypeAlias = Literal["wait", "fail"]


def _size(count: int) -> str:
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count // size:,} {unit}"
    return f"{count:,} bytes"


#: The limits of the reply parser by name, each with its unit and its default; see the option ``limits``.
LIMITS = {
    "max_bulk_length": f"bytes of one value, {_size(DEFAULT_MAX_BULK_LENGTH)}",
    "max_elements": f"elements of one reply, nested ones included, {DEFAULT_MAX_ELEMENTS:,}",
    "max_depth": f"nested arrays, {DEFAULT_MAX_DEPTH:,}",
    "max_line_length": f"bytes of a line that announces a length or holds a number, {_size(DEFAULT_MAX_LINE_LENGTH)}",
    "max_text_length": f"bytes of a status or an error, {_size(DEFAULT_MAX_TEXT_LENGTH)}",
    "max_buffered": f"bytes of an incomplete reply, {_size(DEFAULT_MAX_BUFFERED)}",
}

#: The extension counts in C integers; a larger bound bounds nothing.
LARGEST_COUNT = sys.maxsize // 4

#: A host can have 65,535 connections to an address, because a port has 16 bits.
MOST_CONNECTIONS = 65_535

#: Servers number databases with 31 bits.
MOST_DATABASES = 2**31 - 1


# -- checks made to measure


def count(least: int) -> Check[int]:
    """Make the check of a whole number that is ``least`` or more."""
    return lambda name, value: int(check_count(name, value, least))


def count_or_none(least: int) -> Check[int | None]:
    """Make the check of a whole number that is ``least`` or more, or None.

    A larger number than ``LARGEST_COUNT`` becomes that.
    """

    def check(name: str, value: object) -> int | None:
        checked = check_count(name, value, least, none_allowed=True)
        return None if checked is None else min(checked, LARGEST_COUNT)

    return check


def number(least: float = 0, *, most: float | None = None, kind: str = "a finite number") -> Check[float]:
    """Make the check of a finite number; parameters: see :func:`check_number`."""
    return lambda name, value: cast("float", check_number(name, value, least, most=most, kind=kind))


def seconds(name: str, value: object) -> float:
    """Check a time in seconds, 0 or more."""
    return cast("float", check_seconds(name, value))


def seconds_or_none(*, above_zero: bool = False) -> Check[float | None]:
    """Make the check of a time in seconds, or None.

    :param above_zero: whether 0 is refused.
    """
    return lambda name, value: cast("float | None", check_seconds(name, value, exclusive=above_zero, none_allowed=True))


# -- checks of one option


def check_poolsize(name: str, value: object) -> int:
    """Check how many connections to keep."""
    size = whole_number(value)
    if size is None:
        raise ValueError(f"Redis {name} must be an integer, not {shown(value)}")
    if size < 1:
        raise ValueError(f"Redis {name} must be at least 1, not {size}")
    return int(check_count(f"Redis {name}", size, 1, most=MOST_CONNECTIONS))


def check_dbid(name: str, value: object) -> int | None:
    """Check the number of a database, or None."""
    if value is None:
        return None
    if whole_number(value) is None:
        raise ValueError(f"Redis {name} must be an integer, not {shown(value)}")
    return int(check_count(f"Redis {name}", value, most=MOST_DATABASES))


def check_pool_timeout(name: str, value: object) -> PoolTimeout:
    """Check a time in seconds, or None, or "default"."""
    if value.__class__ is str and value == "default":
        return "default"
    try:
        return cast("float | None", check_seconds(name, value, none_allowed=True))
    except ValueError:
        pass
    raise ValueError(f"{name} must be a finite number of seconds, 0 or more, None or 'default', not {shown(value)}")


def check_protocol(name: str, value: object) -> ProtocolVersion:
    """Check the version of the Redis protocol."""
    if isinstance(value, type):
        raise ValueError(f"{name} must be 2 or 3, a version of RESP; a class of connections is a factory's attribute")
    version = whole_number(value)
    if version not in (2, 3):
        raise ValueError(f"{name} must be 2 or 3, a version of RESP, not {shown(value)}")
    return 2 if version == 2 else 3


def check_convert_numbers(name: str, value: object) -> ConvertNumbers:
    """Check how numbers are converted."""
    if type(value) is str:
        if value == "exact":
            return "exact"
        raise ValueError(f"{name} must be True, False or 'exact', not {shown(value)}")
    return check_truth(name, value)


def check_undecodable(name: str, value: object) -> Undecodable:
    """Check the option for replies that the charset cannot decode."""
    if value is None:
        return None
    if type(value) is str and value in ("replace", "error"):
        return "replace" if value == "replace" else "error"
    raise ValueError(f"{name} must be None, 'replace' or 'error', not {shown(value)}")


def check_when_full(name: str, value: object) -> WhenFull:
    """Check the option for commands when all connections are full."""
    return cast("WhenFull", check_choice(name, value, ("wait", "fail")))


def check_hooks(name: str, value: object) -> tuple[CommandHook, ...]:
    """Check a sequence of hooks; returns it as a tuple."""
    hooks: tuple[CommandHook, ...] | None = None
    with contextlib.suppress(Exception):  # the program's own object; told below
        hooks = tuple(value)  # type: ignore[arg-type]
    if hooks is None:
        raise ValueError(f"{name} must be a sequence of hooks, not {shown(value)}")
    for hook in hooks:
        try:
            fits = callable(hook.command_started) and callable(hook.command_ended)
        except Exception:
            fits = False
        if not fits:
            raise ValueError(f"{name}: a hook has command_started and command_ended; {type(hook).__name__} has not")
    return hooks


def check_cache(name: str, value: object) -> ClientCache | None:
    """Check the option ``cache``."""
    if value is None:
        return None
    from .cache import ClientCache  # few programs need it

    # The type, because an object of a program may claim any class.
    if not issubclass(type(value), ClientCache):
        raise ValueError(f"{name} must be a ClientCache or None, not {shown(value)}")
    return cast("ClientCache", value)


def check_limits(name: str, value: object) -> dict[str, int]:
    """Check a mapping of the parser's limits; None is an empty one."""
    if value is None:
        return {}
    limits: dict[object, object] | None = None
    with contextlib.suppress(Exception):  # the program's own object; told below
        limits = dict(value) if isinstance(value, Mapping) else None
    if limits is None:
        raise ValueError(f"{name} must be a mapping of names to numbers, not {shown(value)}")
    unknown = sorted(shown(limit) for limit in limits if not (type(limit) is str and limit in LIMITS))
    if unknown:
        raise ValueError(f"unknown {name}: {', '.join(unknown)}; there are: {sorted(LIMITS)}")
    return {str(limit): check_count(f"{name}: {limit}", most, 1) for limit, most in limits.items()}


def check_context_factory(name: str, value: object) -> object:
    """Check a bool, a Twisted context factory or an ``IOpenSSLClientConnectionCreator``; None is False."""
    if value is None or value is False:
        return False
    if value is True:
        return True
    try:
        fits = hasattr(value, "getContext") or hasattr(value, "clientConnectionForTLS")
    except Exception:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} must be True, a Twisted context factory or an IOpenSSLClientConnectionCreator, not {shown(value)}"
        )
    return value


def check_pem(name: str, value: object) -> PEM | None:
    """Check the path of a PEM file, or PEM as bytes, or None; never shown in the error, because it may be a key."""
    try:
        if value is None or type(value) is bytes:
            return value
        if isinstance(value, bytes):
            return bytes(memoryview(value))
        if isinstance(value, str | os.PathLike):
            return os.fsdecode(value)
    except Exception:  # the program's own object; told below
        pass
    raise ValueError(f"{name} must be the path of a PEM file or PEM as bytes")


def check_tls_host(name: str, value: object) -> str | None:
    """Check a host name, or None."""
    return None if value is None else check_host(name, value)
