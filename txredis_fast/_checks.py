"""Check values where a program passes them in: options, limits, addresses, credentials.

Each function returns the value in the form that the package uses, an exact ``int``, ``float``, ``str`` or ``bytes``, or
raises a ``ValueError`` that names it. A checked value cannot raise later, in a timer or while a connection is made: a
program's own object may raise from any method, so none of its methods is called after the check.

The text of the error shows the value, unless it may be a secret. This module must not know what a value is used for.
"""

from __future__ import annotations

import codecs
import datetime
import functools
import ipaddress
import math
import operator
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable
from typing import Any, SupportsFloat, SupportsIndex, TypeGuard, TypeVar, cast

from ._tunables import SHOWN_VALUE_MAX_CHARACTERS

__all__ = [
    "Credential",
    "as_text",
    "check_address",
    "check_callable",
    "check_charset",
    "check_choice",
    "check_client_name",
    "check_count",
    "check_credential",
    "check_error_handler",
    "check_flag",
    "check_host",
    "check_number",
    "check_path",
    "check_port",
    "check_seconds",
    "check_truth",
    "nearest",
    "number_or",
    "real_number",
    "seconds_or",
    "shown",
    "whole_number",
]

_T = TypeVar("_T")

#: A user name or a password, or a function that returns one, a Deferred or a coroutine.
Credential = str | bytes | int | Callable[[], Any]

#: The longest path of a unix socket: the room of ``struct sockaddr_un``, less the byte that ends it.
_LONGEST_PATH = 107 if sys.platform.startswith("linux") else 103

#: The characters of keywords and numbers in commands.
_KEYWORDS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 +-*()[]<>#=$._:"

_HOST_NAME = re.compile(r"[^\x00-\x20\x7f/@:?#%\[\]\\\"<>^`{|}]+").fullmatch
_CLIENT_NAME = re.compile(r"[!-~]+").fullmatch
_DIGITS = re.compile(r"[0-9]{1,5}").fullmatch


def shown(value: object) -> str:
    """A value as text for an error, even if its ``repr()`` raises."""
    try:
        text = repr(value)
    except Exception:
        return f"an object of type {type(value).__name__}"
    return text if len(text) <= SHOWN_VALUE_MAX_CHARACTERS else f"{text[:SHOWN_VALUE_MAX_CHARACTERS]}..."


def as_text(value: object) -> str:
    """A name, an address or a reply as text; bytes are decoded as UTF-8, and invalid bytes are replaced."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The names that are most like a wrong one, the best first; three at most. Case does not matter."""
    import difflib  # for errors only

    spelled = {each.lower(): each for each in sorted(known)}
    return [spelled[each] for each in difflib.get_close_matches(name.lower(), spelled, 3)]


def _is_a(value: object, kind: type[_T]) -> TypeGuard[_T]:
    """``isinstance``, for objects whose ``__class__`` may raise."""
    try:
        return isinstance(value, kind)
    except Exception:
        return False


def whole_number(value: object) -> int | None:
    """Convert a value of any integer type (numpy's, too) to int; None for other types, and for a bool."""
    try:
        return None if isinstance(value, bool) else operator.index(cast("SupportsIndex", value))
    except Exception:
        return None


def real_number(value: object) -> int | float | None:
    """Convert a finite value of any number type (Decimal, too) to int or float; None for others."""
    whole = whole_number(value)
    try:
        if whole is not None:
            float(whole)  # may be too large
            return whole
        number = (
            float(cast("SupportsFloat", value))
            if hasattr(type(value), "__float__") and not isinstance(value, bool)
            else math.nan
        )
    except Exception:
        return None
    return number if math.isfinite(number) else None


def _in_words(least: float, exclusive: bool, none_allowed: bool) -> str:
    return f"{f' above {least}' if exclusive else f', {least} or more'}{', or None' if none_allowed else ''}"


def check_number(
    name: str,
    value: object,
    least: float = 0,
    *,
    exclusive: bool = False,
    none_allowed: bool = False,
    most: float | None = None,
    kind: str = "a finite number",
) -> Any:
    """Check a finite number.

    :param exclusive: whether it must be above ``least``.
    :param none_allowed: whether it may be None.
    :param most: the largest value allowed.
    :param kind: a description of it, for the error.
    :returns: an int or a float, or None.
    :raises ValueError: it is of another type, such as a bool or text, or out of range.
    """
    if value is None and none_allowed:
        return None
    number = real_number(value)
    if number is not None and (number > least or (number == least and not exclusive)):
        if most is None or number <= most:
            return number
        raise ValueError(f"{name} must be {kind}, at most {most}, not {shown(value)}")
    raise ValueError(f"{name} must be {kind}{_in_words(least, exclusive, none_allowed)}, not {shown(value)}")


def check_seconds(
    name: str, value: object, least: float = 0, *, exclusive: bool = False, none_allowed: bool = False
) -> Any:
    """Check a time: a finite number of seconds, or a ``timedelta``. Parameters: see :func:`check_number`.

    :returns: seconds as an int or a float, or None.
    :raises ValueError: it is not valid.
    """
    seconds = value.total_seconds() if type(value) is datetime.timedelta else value
    return check_number(
        name, seconds, least, exclusive=exclusive, none_allowed=none_allowed, kind="a finite number of seconds"
    )


def check_count(
    name: str, value: object, least: int = 0, *, none_allowed: bool = False, most: int | None = None
) -> Any:
    """Check a whole number. Parameters: see :func:`check_number`.

    :returns: an int, or None.
    :raises ValueError: it is of another type, such as a bool or text, or out of range.
    """
    if value is None and none_allowed:
        return None
    number = whole_number(value)
    if number is None or number < least:
        raise ValueError(f"{name} must be a number{_in_words(least, False, none_allowed)}, not {shown(value)}")
    if most is not None and number > most:
        raise ValueError(f"{name} must be a number, at most {most}, not {shown(value)}")
    return number


def seconds_or(value: object, default: _T) -> float | _T:
    """A time in seconds, set as an attribute by a program, if it is finite and 0 or more; else the default."""
    seconds = value.total_seconds() if type(value) is datetime.timedelta else value
    return number_or(seconds, default)


def number_or(value: object, default: _T) -> float | _T:
    """A number, set as an attribute by a program, if it is finite and 0 or more; else the default."""
    number = real_number(value)
    return default if number is None or number < 0 else number


def check_flag(name: str, value: object) -> bool:
    """Check that it is True or False.

    :raises ValueError: it is not valid.
    """
    if value is not True and value is not False:
        raise ValueError(f"{name} must be True or False, not {shown(value)}")
    return bool(value)


def check_truth(name: str, value: object) -> bool:
    """The truth value of an option, for those where txredisapi accepts a value of any type.

    :raises ValueError: it has no truth value.
    """
    try:
        return bool(value)
    except Exception:
        pass
    raise ValueError(f"{name} must be True or False, not {shown(value)}")


def check_choice(name: str, value: object, choices: Collection[str]) -> str:
    """Check that it is one of several words.

    :raises ValueError: it is not valid.
    """
    if _is_a(value, str) and str.__str__(value) in choices:
        return str.__str__(value)
    raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, not {shown(value)}")


def check_callable(name: str, value: object) -> Any:
    """Check that it can be called, or is None.

    :raises ValueError: it is not valid.
    """
    if value is not None and not callable(value):
        raise ValueError(f"{name} must be a function or None, not {shown(value)}")
    return value


@functools.lru_cache(maxsize=64)
def _charset_fault(charset: str) -> str:
    try:
        if charset.__class__ is str and isinstance("".encode(charset), bytes):
            ascii_too = _KEYWORDS.encode(charset) == _KEYWORDS.encode("ascii")
            return "" if ascii_too and _KEYWORDS.encode("ascii").decode(charset) == _KEYWORDS else "contain ASCII"
    except UnicodeError:
        return "contain ASCII"
    except Exception:  # there is no such codec, or it fails
        pass
    return "name"


def check_charset(name: str, charset: object) -> str | None:
    """Check the name of a text encoding, or None.

    It must contain ASCII: the words of commands are ASCII, and so are most texts of servers.

    :raises ValueError: it is not valid.
    """
    if charset is None:
        return None
    codec = str.__str__(charset) if _is_a(charset, str) else None
    fault = "name" if codec is None else _charset_fault(codec)
    if fault == "name":
        raise ValueError(f"{name} must be the name of a text encoding, or None, not {shown(charset)}")
    if fault:
        raise ValueError(
            f"{name} must be an encoding that contains ASCII, which commands are written in, not {codec!r}: "
            "encode such text yourself, and give bytes"
        )
    return codec


def check_error_handler(errors: object) -> None:
    """Check the name of an error handler of codecs.

    :raises ValueError: there is none of that name.
    """
    try:
        codecs.lookup_error(cast("str", errors))
    except Exception:
        pass
    else:
        return
    raise ValueError(f"errors must be the name of an error handler of codecs, not {shown(errors)}")


def check_credential(name: str, value: object, *, function_allowed: bool = True) -> Any:
    """Check a user name or a password; never shown in the error.

    :param function_allowed: whether it may be a function that returns one.
    :returns: str that UTF-8 can encode (an int as its digits), bytes, the function, or None.
    :raises ValueError: it is not valid.
    """
    fault = f"not of type {type(value).__name__}"
    if value is None:
        return None
    try:
        if isinstance(value, str):
            fault = "and has characters that UTF-8 has not: give it as bytes"
            str.encode(value, "utf-8")
            return str.__str__(value)
        if isinstance(value, bytes | bytearray | memoryview):
            return bytes(memoryview(value))
        number = whole_number(value)
        if number is not None:
            return str(number)
        if function_allowed and callable(value) and not isinstance(value, type):
            return value
    except Exception:  # not chained: its text may have the secret
        pass
    kinds = "str, bytes, int, a function that returns one" if function_allowed else "str, bytes, int"
    raise ValueError(f"{name} must be {kinds}, or None, {fault}")


def check_client_name(name: str, value: object) -> str | None:
    """Check the name of a connection: servers accept visible ASCII characters without spaces.

    :raises ValueError: it is not valid.
    """
    if value is None:
        return None
    if _is_a(value, str) and _CLIENT_NAME(str.__str__(value)):
        return str.__str__(value)
    raise ValueError(f"{name} must be visible ASCII characters without spaces, or None, not {shown(value)}")


def check_port(name: str, value: object) -> int:
    """Check a port from 1 to 65535, which may be given as text.

    :raises ValueError: it is not valid.
    """
    if _is_a(value, str) and _DIGITS(str.__str__(value)):
        value = int(str.__str__(value))
    port = whole_number(value)
    if port is None or not 0 < port < 65536:
        raise ValueError(f"{name} must be a number from 1 to 65535, not {shown(value)}")
    return port


def check_host(name: str, value: object) -> str:
    """Check a host name, or an IPv4 or IPv6 address, without a port; never shown in the error, as it may be a URL.

    :raises ValueError: it is not valid.
    """
    host = str.__str__(value) if _is_a(value, str) else _ascii(value)
    if host is None:
        raise ValueError(f"{name} must be a host name or an address, not of type {type(value).__name__}")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        if not _is_ipv6(host):
            raise ValueError(f"{name} must be a host name or an address: what is in brackets is no IPv6 address")
    if _is_ipv6(host):
        return host
    if "://" in host or "@" in host or "/" in host:
        raise ValueError(f"{name} must be a host name or an address; connect() and from_url() take URLs")
    if ":" in host:
        raise ValueError(
            f"{name} must be a host name or an address; the port is an argument of its own, "
            "or connect() and from_url() take both: redis://host:port"
        )
    if not _HOST_NAME(host) or not _has_good_labels(host):
        raise ValueError(f"{name} must be a host name or an address; there is none of these characters or this length")
    return host


def _ascii(value: object) -> str | None:
    try:
        return bytes(value).decode("ascii") if isinstance(value, bytes | bytearray) else None
    except Exception:
        return None


def _is_ipv6(host: str) -> bool:
    try:
        return bool(ipaddress.IPv6Address(host))
    except ValueError:
        return False


def _has_good_labels(host: str) -> bool:
    try:
        encoded = host.encode("ascii" if host.isascii() else "idna").removesuffix(b".")
    except UnicodeError:
        return False
    return len(encoded) <= 253 and all(0 < len(label) < 64 for label in encoded.split(b"."))


def check_address(name: str, value: object) -> tuple[str, int]:
    """Check a pair of host and port; see :func:`check_host` and :func:`check_port`.

    :raises ValueError: it is not valid.
    """
    host: object = None
    port: object = None
    try:
        if not isinstance(value, str | bytes):
            host, port = cast("tuple[object, object]", value)
    except Exception:
        host = None
    if host is None:
        raise ValueError(f"{name} must be pairs of host and port, such as ('localhost', 26379)")
    return check_host(name, host), check_port(name, port)


def check_path(name: str, value: object) -> str:
    """Check the path of a unix socket, or an abstract name of Linux, which begins with NUL.

    :raises ValueError: it is not valid.
    """
    try:
        path = os.fsdecode(cast("str", value))
        size = len(os.fsencode(path))
    except Exception:
        path, size = "", 0
    if "://" in path and path[0] != "/":
        raise ValueError(
            f"{name} must be the path of a socket; connect() and from_url() take URLs, such as unix:///path"
        )
    if not size or "\0" in path[1:]:
        raise ValueError(f"{name} must be the path of a socket, not {shown(value)}")
    if size > _LONGEST_PATH:
        raise ValueError(f"{name} must be a path of at most {_LONGEST_PATH} bytes, not {size}: {shown(value)}")
    return path
