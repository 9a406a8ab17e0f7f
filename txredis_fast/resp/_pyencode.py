"""Commands -> bytes in pure Python: the reference for the compiled :mod:`txredis_fast.resp._cencode`.

A command is a RESP array of bulk strings, whatever the types of its arguments. The hash slot of a key follows from its
bytes: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Iterable
from sys import maxsize
from typing import Any, Final

from txredis_fast.exceptions import InvalidData
from txredis_fast.resp._shared import HUGE, encode_key, encode_other

__all__ = ["encode_command", "encode_commands", "key_slot"]

#: A slot is the CRC-16 (XMODEM: polynomial 0x1021, beginning with 0) of a key modulo the number of slots, 16384.
_SLOT_MASK: Final = 0x3FFF


def encode_command(
    args: Iterable[Any], charset: str | None = "utf-8", errors: str = "strict", strict: bool = False
) -> bytes:
    """Encode a command as a RESP array of bulk strings.

    bytes, bytearray and memoryview are sent unchanged; str is encoded in the charset; int is sent in decimal, float
    as its ``repr``, which Redis parses without loss (``inf`` and ``-inf``, too), bool as ``True`` or ``False``, as
    txredisapi sends it. Any other type is sent as its ``str()``; None and containers with a DeprecationWarning.

    :param args: the command's name, a str or bytes-like object, then its arguments. A name of ASCII characters is sent
        as ASCII in every charset.
    :param charset: codec for str; None means UTF-8.
    :param errors: the codec's error handler.
    :param strict: refuse types other than bytes, bytearray, memoryview, str, int, float, bool and their subclasses.
    :returns: the encoded command.
    :raise InvalidData: the command has no name; or the charset cannot encode an argument; or an int has more digits
        than Python converts; or an argument is refused. The message names its place and type, not its value.
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
    """Encode commands into one buffer; see :func:`encode_command`.

    :param start: index of the first command to encode.
    :param size: number of bytes after which no further command is encoded.
    :returns: the bytes, and the index of the first command that is not encoded.
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


def key_slot(key: object, charset: str | None = "utf-8", errors: str = "strict") -> int:
    """Compute the hash slot of a key in a cluster, as CLUSTER KEYSLOT does.

    If the key has a *hash tag*, only that is hashed: the text between the first opening brace and the next closing
    one, if it is not empty. Sharded handlers have another rule.

    :param key: str, bytes-like or a number; the bytes that are sent are hashed.
    :param charset: codec for str; None means UTF-8.
    :param errors: the codec's error handler.
    :returns: the slot, 0 to 16383.
    :raises InvalidData: the key is of another type, or the charset cannot encode it.
    """
    if type(key) is bytes:
        data = key
    elif type(key) is str and charset == "utf-8" and key.isascii():
        data = key.encode("ascii")
    else:
        data = encode_key(key, charset, errors)
    start = data.find(b"{") + 1
    if start:
        end = data.find(b"}", start)
        if end > start:
            data = data[start:end]
    return crc_hqx(data, 0) & _SLOT_MASK
