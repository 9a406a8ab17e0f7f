"""Code that both implementations of RESP share: constants, option checks, error messages, rare cases.

No ordinary reply or command reaches this code. The grammar is in :mod:`._pyresp`.
"""

from __future__ import annotations

import codecs
import contextlib
import enum
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, Final

from txredis_fast._tunables import ERROR_CODE_MAX_CHARACTERS, ERROR_CODES_COUNTED
from txredis_fast.exceptions import DecodeError, InvalidData, ResponseError, response_error
from txredis_fast.resp._fixed import CapturedText

DEFAULT_MAX_BULK_LENGTH: Final = 512 * 1024 * 1024
DEFAULT_MAX_ELEMENTS: Final = 2**26
DEFAULT_MAX_DEPTH: Final = 1024
DEFAULT_MAX_LINE_LENGTH: Final = 64 * 1024
DEFAULT_MAX_TEXT_LENGTH: Final = 1024 * 1024
DEFAULT_MAX_BUFFERED: Final = 1024 * 1024 * 1024

#: A bulk string with more digits stays text. Equal to the default of ``sys.set_int_max_str_digits()``.
MAX_INT_DIGITS: Final = 4300
#: Digits converted at a time when an integer exceeds Python's limit, whose lowest setting is 640.
_BLOCK_DIGITS: Final = 512

#: The largest effective limit. Twice this value still fits every integer type of the compiled reader.
HUGE: Final = sys.maxsize // 4

#: Internal values of the option ``convert_numbers``: False, True, "exact".
NUMBERS_OFF: Final = 0
NUMBERS_ALL: Final = 1
NUMBERS_EXACT: Final = 2

#: Internal values of the option ``undecodable``: None, "replace", "error".
UNDECODABLE_KEPT: Final = 0
UNDECODABLE_REPLACED: Final = 1
UNDECODABLE_FAILS: Final = 2

#: Bytes of a string that the message of a :exc:`DecodeError` shows.
_SHOWN_BYTES: Final = 32

_LINE_BREAK = re.compile(rb"[\r\n]").search

#: Type byte -> description of a valid line, for error messages.
EXPECTED: Final[dict[int, str]] = {
    ord("+"): "a simple string",
    ord("-"): "an error",
    ord(":"): "an integer after ':'",
    ord("$"): "a length or -1 after '$'",
    ord("*"): "a length or -1 after '*'",
    ord("_"): "nothing after '_'",
    ord("#"): "'t' or 'f' after '#'",
    ord(","): "a double after ','",
    ord("("): "an integer after '('",
    ord("!"): "a length after '!'",
    ord("="): "a length of at least 4 after '='",
    ord("%"): "a length after '%'",
    ord("~"): "a length after '~'",
    ord("|"): "a length after '|'",
    ord(">"): "a length after '>'",
}


class Push(list[Any]):
    """A RESP3 push (``>``): a list of out-of-band data, which is the reply to no command."""

    __slots__ = ()


def is_invalidation(word: object) -> bool:
    """Whether the first word of a push says that keys follow. Converted, ``007`` and ``7`` would be one key."""
    return (type(word) is str and word == "invalidate") or (type(word) is bytes and word == b"invalidate")


class Incomplete(enum.Enum):
    """The type of :data:`INCOMPLETE`."""

    INCOMPLETE = "INCOMPLETE"


#: Returned by :meth:`Reader.get` while no complete reply has arrived.
INCOMPLETE: Final = Incomplete.INCOMPLETE


def malformed(expected: str, got: bytes) -> str:
    """Build the message of a :exc:`ProtocolError`; it quotes at most 32 bytes of the input."""
    return f"expected {expected}, got {bytes(got[:32])!r}"


def line_fault(data: bytes, max_line_length: int) -> str | None:
    """Describe a wrong ending of the first line of ``data``; None if the ending is right or still to come."""
    found = _LINE_BREAK(data, 0, max_line_length + 1)
    if found is None:
        if len(data) <= max_line_length:
            return None
        return malformed(f"a line of at most {max_line_length} bytes", data[: max_line_length + 1])
    end = found.start() + (1 if found.group() == b"\n" else 2)
    if len(data) < end or data[end - 2 : end] == b"\r\n":
        return None
    return malformed("CRLF at the end of the line", data[max(end - 32, 0) : end])


def line_error(data: bytes, max_line_length: int) -> str:
    """Describe the fault of a malformed line; ``data`` is the whole line, CRLF included."""
    return line_fault(data, max_line_length) or malformed(EXPECTED[data[0]], data[:-2])


def copy_of_chunk(data: object) -> bytes:
    """Copy a fed chunk that is not exactly ``bytes``.

    :raise TypeError: it is not bytes-like.
    """
    if isinstance(data, (bytes, bytearray)) or (isinstance(data, memoryview) and data.contiguous):
        with memoryview(data) as view:  # released at once, also on PyPy, which has no reference counts
            return bytes(view)
    raise TypeError(f"feed() takes bytes, bytearray or a contiguous memoryview, not {type(data).__name__}")


def text_length(max_text_length: int, max_line_length: int) -> int:
    """Return the maximum length of a simple string or error: ``max_line_length`` if the caller set only that."""
    if max_text_length == DEFAULT_MAX_TEXT_LENGTH and max_line_length != DEFAULT_MAX_LINE_LENGTH:
        return max_line_length
    return max_text_length


def check_options(charset: str | None, convert_numbers: object, limits: dict[str, int]) -> tuple[str | None, int]:
    """Check a Reader's options.

    :returns: the charset's canonical name and one of ``NUMBERS_OFF``, ``NUMBERS_ALL`` and ``NUMBERS_EXACT``.
    :raise ValueError: an option is wrong; the message names it.
    """
    if isinstance(convert_numbers, str) and convert_numbers == "exact":
        numbers = NUMBERS_EXACT
    elif isinstance(convert_numbers, int) and convert_numbers in (True, False):
        numbers = NUMBERS_ALL if convert_numbers else NUMBERS_OFF
    else:
        raise ValueError(f"convert_numbers must be True, False or 'exact', not {convert_numbers!r}")
    for name, limit in limits.items():
        if type(limit) is not int or limit < 1:
            raise ValueError(f"{name} must be a positive int, not {limit!r}")
    if charset is None:
        return None, numbers
    try:
        canonical = codecs.lookup(charset).name
    except (LookupError, TypeError, ValueError):
        raise ValueError(f"charset must be None or the name of a codec, not {charset!r}") from None
    try:
        # One byte, because CPython decodes empty bytes without looking the codec up.
        b"x".decode(charset)
    except UnicodeError:
        pass
    except LookupError:
        raise ValueError(f"charset must be None or a text codec, not {charset!r}") from None
    return (canonical if canonical in ("utf-8", "ascii", "iso8859-1") else charset), numbers


def check_undecodable(undecodable: object) -> int:
    """Check a Reader's option ``undecodable``.

    :returns: one of ``UNDECODABLE_KEPT``, ``UNDECODABLE_REPLACED`` and ``UNDECODABLE_FAILS``.
    :raise ValueError: it is neither None nor ``"replace"`` nor ``"error"``.
    """
    if undecodable is None:
        return UNDECODABLE_KEPT
    if isinstance(undecodable, str) and undecodable in ("replace", "error"):
        return UNDECODABLE_REPLACED if undecodable == "replace" else UNDECODABLE_FAILS
    raise ValueError(f"undecodable must be None, 'replace' or 'error', not {undecodable!r}")


def undecodable_error(reply: Any, charset: str) -> DecodeError | None:
    """Make the error of a reply with text that the charset cannot decode.

    :param reply: a complete reply in which all other text is decoded; it may be nested as deeply as a reply may.
    :returns: the error, whose ``reply`` it is; None if there is no such text.
    """
    text = _fault_in(reply, charset)
    if text is None:
        return None
    error = DecodeError(text)
    error.reply = reply
    error.charset = charset
    return error


def _fault_in(reply: Any, charset: str) -> str | None:
    """Describe the first string of a reply that the charset cannot decode; None if there is none."""
    left: list[Iterator[Any]] = [iter((reply,))]
    while left:
        for value in left[-1]:
            text = None
            if type(value) is bytes:
                text = _undecodable_text(value, charset)
            elif isinstance(value, (set, frozenset)):
                # Sets have no order that is the same each time. What is in one is never deeper than KEY_MAX_DEPTH.
                text = min(filter(None, (_fault_in(each, charset) for each in value)), default=None)
            elif isinstance(value, dict):
                left.append(chain.from_iterable(value.items()))
                break
            elif isinstance(value, (list, tuple)):
                left.append(iter(value))
                break
            if text is not None:
                return text
        else:
            left.pop()
    return None


def _undecodable_text(data: bytes, charset: str) -> str | None:
    """Describe a string that the charset cannot decode; None if it can."""
    try:
        data.decode(charset)
    except UnicodeError as error:
        where = f", at position {error.start}: {error.reason[:80]}" if isinstance(error, UnicodeDecodeError) else ""
        return f"expected text in {charset}, got {data[:_SHOWN_BYTES]!r} ({len(data)} bytes{where})"
    return None


def replaced(data: bytes, charset: str) -> str:
    """Decode text that the charset cannot decode: U+FFFD stands for malformed bytes."""
    try:
        return data.decode(charset, "replace")
    except UnicodeError:  # a codec that knows no other way than to refuse
        return data.decode("ascii", "replace")


def parse_integer(text: bytes) -> int:
    """Convert ``[+-]?[0-9]+`` of any length to int, regardless of Python's limit of digits."""
    try:
        return int(text)
    except ValueError:
        digits = text.lstrip(b"+-")
    value = 0
    for start in range(0, len(digits), _BLOCK_DIGITS):
        block = digits[start : start + _BLOCK_DIGITS]
        value = value * 10 ** len(block) + int(block)
    return -value if text.startswith(b"-") else value


def counted_error(
    text: str, counts: dict[str, int], on_error: Callable[[ResponseError], object] | None = None
) -> ResponseError:
    """Make the exception of an error reply, count it by its code, and call ``on_error`` with it.

    At most :data:`.ERROR_CODES_COUNTED` codes are counted separately, the rest as ``"other"``: a server that sends ever
    new codes cannot make the dict grow.
    """
    error = response_error(text)
    code = error.code[:ERROR_CODE_MAX_CHARACTERS]
    if code not in counts and len(counts) >= ERROR_CODES_COUNTED:
        code = "other"
    counts[code] = counts.get(code, 0) + 1
    if on_error is not None:
        on_error(error)
    return error


def command_name(args: tuple[Any, ...]) -> str:
    """Return the name of a command for an error message, at most 32 characters."""
    name = args[0]
    if isinstance(name, (bytes, bytearray)):
        return bytes(name[:32]).decode("ascii", "backslashreplace")
    return name[:32] if isinstance(name, str) else "a command"


def argument_place(args: tuple[Any, ...], index: int) -> str:
    """Describe the place of an argument for an error message. Never its value, which may be a password."""
    return f"argument {index} of {command_name(args)}" if index else "the command name"


def warn_caller(message: str) -> None:
    """Issue a DeprecationWarning that points at the line of the program that called this package.

    Python shows a DeprecationWarning only if it points into the main program; test runners show all. A fixed
    ``stacklevel`` does not do, because the number of frames in between varies, and compiled code has none.
    """
    frame = sys._getframe(1)
    while frame.f_back is not None and _is_library(frame.f_globals.get("__name__") or ""):
        frame = frame.f_back
    warnings.warn_explicit(
        message,
        DeprecationWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        frame.f_globals.get("__name__") or "<unknown>",
        frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _is_library(module: str) -> bool:
    """Tell whether a module belongs to this package or to Twisted, which calls this package's delayed work."""
    package, _, rest = module.partition(".")
    return package == "txredis_fast" or (package == "twisted" and not rest.startswith("plugins."))


def encode_other(args: tuple[Any, ...], index: int, charset: str, errors: str, strict: bool) -> bytes:
    """Encode an argument of an unusual type; the fast paths handle the common ones.

    :raise InvalidData: it cannot be sent; the message names its place and type, not its value.
    """
    value = args[index]
    if not index and not isinstance(value, (str, bytes, bytearray, memoryview)):
        # The guards of a shared connection examine text: the name of an Enum member would pass them unseen.
        raise InvalidData(f"the command name is a str or bytes, not of type {type(value).__name__}")
    if isinstance(value, bytes):
        return bytes(memoryview(value))
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, float):
        return float.__repr__(value).encode("ascii")
    if isinstance(value, str) and not (strict and isinstance(value, CapturedText)):
        text = value
    else:
        if strict and not isinstance(value, int):
            kind = value.kind if isinstance(value, CapturedText) else type(value).__name__
            raise InvalidData(
                f"{argument_place(args, index)} is of type {kind}; "
                "strict mode takes bytes, bytearray, memoryview, str, int, float and bool"
            )
        if value is None or isinstance(value, (list, tuple, dict, set, frozenset)):
            warn_caller(f"{argument_place(args, index)} is of type {type(value).__name__} and is sent as its str()")
        try:
            text = str(value)
        except ValueError:
            if not isinstance(value, int):
                raise
            raise InvalidData(f"{argument_place(args, index)} is an int with too many digits for str()") from None
    if (index == 0 or isinstance(value, int)) and text.isascii():
        return str.encode(text, "ascii")
    with contextlib.suppress(UnicodeError):
        return str.encode(text, charset, errors)
    # Raised after the except block: the UnicodeError holds the argument, perhaps a password, and would be the context.
    raise InvalidData(f"{argument_place(args, index)} has no encoding in {charset}")


def encode_key(key: object, charset: str | None, errors: str) -> bytes:
    """Encode a key as :func:`.encode_command` encodes it among the arguments of a command.

    :raise InvalidData: it is neither text, bytes-like nor a number, or the charset cannot encode it.
    """
    if not isinstance(key, (str, bytes, bytearray, memoryview, int, float)):
        raise InvalidData(f"a key is str, bytes-like or a number, not of type {type(key).__name__}")
    charset = "utf-8" if charset is None else charset
    if not isinstance(key, str):
        return encode_other(("KEY_SLOT", key), 1, charset, errors, False)
    with contextlib.suppress(UnicodeError):
        return str.encode(key, charset, errors)
    # Raised after the block, as above.
    raise InvalidData(f"the key has no encoding in {charset}")
