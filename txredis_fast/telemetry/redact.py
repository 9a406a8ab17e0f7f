"""Keep passwords out of texts that come from elsewhere: a server, or whatever answers there, may repeat what it got.

Words of this package have no password in them, and are not searched. What a server says is searched once, for the whole
secret; a text that is withheld for one leaves the error's code. Nothing here raises, and all of it is linear.

Stars where a word stood tell that word to whoever knows the rest of the text. So a secret that is short is not searched
for, since it would be found everywhere; of what answers a command that had it the code is told, unless these are words
that servers always use. And a secret that is a plain word or number takes the whole text with it.

This module must not know where texts go.
"""

from __future__ import annotations

import ast
import re
from typing import Any, TypeVar

from .._tunables import SECRET_MIN_CHARACTERS, SECRET_PART_MIN_BYTES, UNASKED_ERROR_MAX_CHARACTERS
from ..exceptions import ProtocolError, RedisError, ResponseError

__all__ = ["kind_and_size", "redacted", "refusal", "secrets_of", "told", "without_secret"]

_E = TypeVar("_E", bound=BaseException)

#: What to put in place of a secret.
STARS = "***"

#: What servers answer to AUTH in words that do not depend on it.
_FIXED_ANSWERS = (
    "WRONGPASS invalid username-password pair or user is disabled.",
    "WRONGPASS invalid username-password pair",
    "NOAUTH Authentication required.",
    "ERR invalid password",
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?",
    "ERR Client sent AUTH, but no password is set",
    "ERR wrong number of arguments for 'auth' command",
    "ERR unknown command 'AUTH'",
    "ERR max number of clients reached",
    "LOADING Redis is loading the dataset in memory",
    "LOADING Valkey is loading the dataset in memory",
)

#: A code is told where it looks like one.
_CODE = re.compile(r"[A-Z][A-Z0-9]{0,31}(?= |$)")

#: A piece of what came, in an error of the parser.
_PIECE = re.compile(r"""(?<=got )b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


def without_secret(text: str, *secrets: Any) -> str:
    """Return what a server said without the secrets, as they are or as ``repr()`` shows them.

    :param secrets: of any type; what is neither text, bytes nor a number (None, a callable) is none.
    """
    for secret in secrets:
        plain = False
        for spelling in _spellings(secret):
            plain = plain or spelling.isalpha() or spelling.isdigit()
            if len(spelling) < SECRET_MIN_CHARACTERS or spelling not in text:
                continue
            text = _code_only(text) if plain else text.replace(spelling, STARS)
    return text


def secrets_of(connection: Any) -> tuple[Any, ...]:
    """What is to be in no text that comes from a connection: its password, and the pool's, which may be a newer one."""
    return connection.password, getattr(connection.factory, "password", None)


def refusal(error: Any, had_secret: bool, connection: Any) -> str:
    """Return the text of what a command failed with.

    :param had_secret: whether the command had the password: then words of a server that may have it are left out.
    """
    text, secrets = str(error), secrets_of(connection)
    if not isinstance(error, ResponseError) or text in _FIXED_ANSWERS:
        return text
    if had_secret and any(
        0 < len(spelling) < SECRET_MIN_CHARACTERS for secret in secrets for spelling in _spellings(secret)
    ):
        return _code_only(text)
    return without_secret(text, *secrets)


def redacted(error: _E, *secrets: Any) -> _E:
    """Return an error whose text does not have the secrets: itself, or another one of its class where that can be made.

    Errors of this package that have words of its own only are returned as they are.
    """
    try:
        text = str(error)
        if isinstance(error, ProtocolError):
            clean = _PIECE.sub(lambda piece: STARS if _has_part(piece[0], secrets) else piece[0], text)
        elif isinstance(error, RedisError) and not isinstance(error, ResponseError):
            return error
        else:
            clean = without_secret(text, *secrets)
    except Exception:  # an exception of the program's own, with a __str__ that fails: nobody will read its text
        return error
    return error if clean == text else _with_text(error, clean)


def _with_text(error: Any, text: str) -> Any:
    try:
        kind: Any = type(error)
        other = kind.__new__(kind)
        other.args = (text,)
        if str(other) == text:
            return other
    except Exception:  # made in a way of its own
        pass
    return (ResponseError if isinstance(error, ResponseError) else RedisError)(text)


def told(reply: Any, connection: Any) -> str:
    """Say what came that nobody had asked for: an error in its words, and of data what it is and how much."""
    if isinstance(reply, ResponseError):
        return refusal(reply, True, connection)[:UNASKED_ERROR_MAX_CHARACTERS]
    return kind_and_size(reply)


def kind_and_size(reply: Any) -> str:
    """Say what a reply is without telling it: it may be data of users, and be long."""
    if isinstance(reply, (str, bytes)):
        return f"a string of {len(reply)} {'characters' if isinstance(reply, str) else 'bytes'}"
    if isinstance(reply, (list, tuple, dict, set, frozenset)):
        return f"a {type(reply).__name__} of {len(reply)}"
    return "nil" if reply is None else f"of type {type(reply).__name__}"


def _code_only(text: str) -> str:
    code = _CODE.match(text)
    return f"{code[0]} {STARS}" if code else STARS


def _encodings(secret: Any) -> list[bytes]:
    """The bytes that a secret may be sent as."""
    if isinstance(secret, (bytes, bytearray, memoryview)):
        return [bytes(secret)]
    if isinstance(secret, (int, float)):
        return [str(secret).encode("ascii")]
    if not isinstance(secret, str):
        return []
    utf_8 = secret.encode("utf-8", "surrogatepass")
    return [utf_8] if secret.isascii() else [utf_8, secret.encode("latin-1", "replace")]


def _spellings(secret: Any) -> list[str]:
    """How a secret may look in a text, the longest first."""
    try:
        known = {str(secret), repr(str(secret))[1:-1]} if isinstance(secret, (str, int, float)) else set()
        for data in _encodings(secret):
            known |= {data.decode("utf-8", "replace"), data.decode("utf-8", "surrogateescape"), repr(data)[2:-1]}
    except Exception:  # released memory, a subclass of str with ways of its own
        return []
    return sorted(known, key=lambda spelling: (-len(spelling), spelling))


def _has_part(piece: str, secrets: tuple[Any, ...]) -> bool:
    """Whether a piece of what came, which was cut anywhere, has a part of a secret."""
    data = ast.literal_eval(piece)
    return any(_overlap(data, secret) for each in secrets for secret in _encodings(each) if secret)


def _overlap(piece: bytes, secret: bytes) -> bool:
    if len(secret) < SECRET_MIN_CHARACTERS:
        return re.search(rb"(?<![A-Za-z0-9])" + re.escape(secret) + rb"(?![A-Za-z0-9])", piece) is not None
    if secret in piece or (len(piece) >= SECRET_PART_MIN_BYTES and piece in secret):
        return True
    lengths = range(SECRET_PART_MIN_BYTES, min(len(piece), len(secret)))
    return any(secret.startswith(piece[-length:]) or secret.endswith(piece[:length]) for length in lengths)
