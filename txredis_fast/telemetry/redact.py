"""Keep passwords out of texts that a server sends: it, or any other program that answers there, may repeat its input.

Texts of this package contain no password, and are not searched. A server's text is searched for the whole secret.
Nothing here raises, and the time is linear in the text.

Stars in the place of a word reveal the word to a reader who knows the rest of the text. So a short secret is not
searched for, because it would be found everywhere: if a command with such a secret fails, only the code of the error is
shown, unless its text is one of those that servers use for every password. And if a secret is a plain word or number,
the whole text is withheld except its code.

This module must not know where texts go.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, TypeVar

from .._tunables import SECRET_MIN_CHARACTERS, SECRET_PART_MIN_BYTES, UNASKED_ERROR_MAX_CHARACTERS
from ..exceptions import DecodeError, ProtocolError, RedisError, ResponseError

if TYPE_CHECKING:
    from .observed import Secretive

__all__ = ["kind_and_size", "redacted", "refusal", "secrets_of", "told", "without_secret"]

_E = TypeVar("_E", bound=BaseException)

#: The text in place of a secret.
STARS = "***"

#: Texts of servers about AUTH that do not depend on its arguments.
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

#: The code of an error.
_CODE = re.compile(r"[A-Z][A-Z0-9]{0,31}(?= |$)")

#: A fragment of received data, in an error of the parser.
_PIECE = re.compile(r"""(?<=got )b(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")


def without_secret(text: str, *secrets: object) -> str:
    """Return a server's text without the secrets, plain or as ``repr()`` shows them.

    :param secrets: of any type; objects that are neither text, bytes nor numbers (None, a callable) are ignored.
    """
    for secret in secrets:
        plain = False
        for spelling in _spellings(secret):
            plain = plain or spelling.isalpha() or spelling.isdigit()
            if len(spelling) < SECRET_MIN_CHARACTERS or spelling not in text:
                continue
            text = _code_only(text) if plain else text.replace(spelling, STARS)
    return text


def secrets_of(connection: Secretive) -> tuple[object, ...]:
    """The secrets of a connection: its password, and that of its pool, which may be a newer one."""
    return connection.password, getattr(connection.factory, "password", None)


def refusal(error: BaseException | None, had_secret: bool, connection: Secretive) -> str:
    """Return the text of a failed command's error.

    :param had_secret: whether the password was among the command's arguments, so that the text may repeat it.
    """
    text, secrets = str(error), secrets_of(connection)
    if not isinstance(error, ResponseError) or text in _FIXED_ANSWERS:
        return text
    if had_secret and any(
        0 < len(spelling) < SECRET_MIN_CHARACTERS for secret in secrets for spelling in _spellings(secret)
    ):
        return _code_only(text)
    return without_secret(text, *secrets)


def redacted(error: _E, *secrets: object) -> _E:
    """Return an error whose text has no secrets: the same, or a new one, of the same class where one can be made.

    Errors whose texts are this package's own are returned as they are.
    """
    try:
        text = str(error)
        if isinstance(error, (ProtocolError, DecodeError)):
            clean = _PIECE.sub(lambda piece: STARS if _has_part(piece[0], secrets) else piece[0], text)
        elif isinstance(error, RedisError) and not isinstance(error, ResponseError):
            return error
        else:
            clean = without_secret(text, *secrets)
    except Exception:  # an exception of the program's own whose __str__ raises, so that its text is never shown
        return error
    return error if clean == text else _with_text(error, clean)


def _with_text(error: _E, text: str) -> _E:
    try:
        kind = type(error)
        other = kind.__new__(kind)
        other.args = (text,)
        if str(other) == text:
            return other
    except Exception:  # its class cannot be instantiated without arguments
        pass
    return (ResponseError if isinstance(error, ResponseError) else RedisError)(text)  # type: ignore[return-value]


def told(reply: object, connection: Secretive) -> str:
    """Describe a reply that answers no command: the text of an error; of data only type and size."""
    if isinstance(reply, ResponseError):
        return refusal(reply, True, connection)[:UNASKED_ERROR_MAX_CHARACTERS]
    return kind_and_size(reply)


def kind_and_size(reply: object) -> str:
    """Describe a reply by type and size: it may be long, and confidential."""
    if isinstance(reply, (str, bytes)):
        return f"a string of {len(reply)} {'characters' if isinstance(reply, str) else 'bytes'}"
    if isinstance(reply, (list, tuple, dict, set, frozenset)):
        return f"a {type(reply).__name__} of {len(reply)}"
    return "nil" if reply is None else f"of type {type(reply).__name__}"


def _code_only(text: str) -> str:
    code = _CODE.match(text)
    return f"{code[0]} {STARS}" if code else STARS


def _encodings(secret: object) -> list[bytes]:
    """The encodings in which a secret may be sent."""
    if isinstance(secret, (bytes, bytearray, memoryview)):
        return [bytes(secret)]
    if isinstance(secret, (int, float)):
        return [str(secret).encode("ascii")]
    if not isinstance(secret, str):
        return []
    utf_8 = secret.encode("utf-8", "surrogatepass")
    return [utf_8] if secret.isascii() else [utf_8, secret.encode("latin-1", "replace")]


def _spellings(secret: object) -> list[str]:
    """The forms that a secret may have in a text, the longest first."""
    try:
        known = {str(secret), repr(str(secret))[1:-1]} if isinstance(secret, (str, int, float)) else set()
        for data in _encodings(secret):
            known |= {data.decode("utf-8", "replace"), data.decode("utf-8", "surrogateescape"), repr(data)[2:-1]}
    except Exception:  # a released memoryview, or a subclass of str whose methods raise
        return []
    return sorted(known, key=lambda spelling: (-len(spelling), spelling))


def _has_part(piece: str, secrets: tuple[object, ...]) -> bool:
    """Whether a fragment of received data, cut at any place, has a part of a secret."""
    data = ast.literal_eval(piece)
    return any(_overlap(data, secret) for each in secrets for secret in _encodings(each) if secret)


def _overlap(piece: bytes, secret: bytes) -> bool:
    if len(secret) < SECRET_MIN_CHARACTERS:
        return re.search(rb"(?<![A-Za-z0-9])" + re.escape(secret) + rb"(?![A-Za-z0-9])", piece) is not None
    if secret in piece or (len(piece) >= SECRET_PART_MIN_BYTES and piece in secret):
        return True
    lengths = range(SECRET_PART_MIN_BYTES, min(len(piece), len(secret)))
    return any(secret.startswith(piece[-length:]) or secret.endswith(piece[:length]) for length in lengths)
