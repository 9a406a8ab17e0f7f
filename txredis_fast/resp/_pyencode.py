"""Commands -> bytes in pure Python: the reference for the compiled :mod:`txredis_fast.resp._cencode`.

A command is an array of bulk strings, whatever the types of its arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from sys import maxsize
from typing import Any

from txredis_fast.exceptions import InvalidData
from txredis_fast.resp._shared import HUGE, encode_other

__all__ = ["encode_command", "encode_commands"]


def encode_command(
    args: Iterable[Any], charset: str | None = "utf-8", errors: str = "strict", strict: bool = False
) -> bytes:
    """Encode a command for the wire.

    bytes, bytearray and memoryview go as they are; str in the charset; int in decimal; float as its ``repr``,
    which Redis reads back without loss (``inf``, ``-inf`` too); bool as ``True`` and ``False``, as txredisapi
    sends it. Anything else goes as its ``str()``; None and containers the same, with a DeprecationWarning.

    :param args: the command's name, which is text, then its arguments. A name of ASCII characters goes as ASCII in
        every charset.
    :param charset: codec for str; None means UTF-8.
    :param errors: the codec's error handler.
    :param strict: refuse types other than bytes, bytearray, memoryview, str, int, float, bool and their subclasses.
    :raise InvalidData: there are no arguments, or one has no encoding in the charset, or is an int with more
        digits than Python converts, or is refused; the message names its place and type, not its value.
    """
    args = tuple(args)
    if not args:
        raise InvalidData("a command needs at least its name")
    if charset is None:
        charset = "utf-8"
    parts = [b"*%d\r\n" % len(args)]
    for index, value in enumerate(args):
        kind = type(value)
        if kind is bytes:
            data = value
        elif kind is str and charset == "utf-8" and value.isascii():
            data = value.encode("ascii")
        elif kind is int and -HUGE < value < HUGE and index:
            data = b"%d" % value
        elif kind is float and index:
            data = repr(value).encode("ascii")
        else:
            data = encode_other(args, index, charset, errors, strict)
        parts += (b"$%d\r\n" % len(data), data, b"\r\n")
    return b"".join(parts)


def encode_commands(
    commands: list[Iterable[Any]],
    charset: str | None = "utf-8",
    errors: str = "strict",
    strict: bool = False,
    start: int = 0,
    size: int = maxsize,
) -> tuple[bytes, int]:
    """Encode many commands into one buffer, or a part of them; see :func:`encode_command`.

    :param start: the place of the first.
    :param size: stop with the command that makes it so many bytes.
    :returns: the bytes, and the place of the first command that is not among them.
    """
    parts: list[bytes] = []
    total = 0
    for end in range(start, len(commands)):
        data = encode_command(commands[end], charset, errors, strict)
        parts.append(data)
        total += len(data)
        if total >= size:
            return b"".join(parts), end + 1
    return b"".join(parts), len(commands)
