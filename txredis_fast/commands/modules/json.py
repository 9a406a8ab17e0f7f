"""JSON documents: the commands of the module RedisJSON.

Documents are Python's own values, read and written by the standard library. They are read from the reply's bytes, so
the options ``charset`` and ``convertNumbers`` change nothing. This module must not know how a command is sent.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Converter, Key, Number, Reply, Result, Text
from ...exceptions import InvalidData
from .._parts import errors_to_deferred, flags, one_or_many, text_of
from .namespace import Namespace, options, some

__all__ = ["JSONCommands"]


class JSONCommands(Namespace):
    """Commands of ``rc.json``: documents of the module RedisJSON.

    A *path* that begins with ``$`` is a JSONPath: it may match several values, and the command fires with a list, one
    element for each. Any other path, such as ``.`` or ``.a.b``, is a legacy path: the command fires with the value of
    the first match, and fails with :exc:`.ResponseError` where nothing matches.

    A value is what :func:`json.loads` makes of it; it is read in one go. ``text=True`` leaves that to the caller.
    """

    __slots__ = ()

    @errors_to_deferred
    def set(
        self, key: Key, path: Text, obj: object, nx: bool = False, xx: bool = False, *, text: bool = False
    ) -> Deferred[Text | None]:
        """Set the value at a path.

        :param key: key of the document.
        :param path: the path; ``"$"`` of a new document.
        :param obj: the value: whatever :func:`json.dumps` takes, without NaN and infinities.
        :param nx: only if there is no value yet.
        :param xx: only if there is a value already.
        :param text: whether *obj* is JSON already, as str or bytes.
        :returns: fires with ``"OK"``, or with None if *nx* or *xx* kept it from being set.

        https://redis.io/commands/json.set/, since 1.0.0
        """
        if nx and xx:
            raise InvalidData("nx and xx of json.set cannot be given together: no document meets both")
        return self._send("JSON.SET", key, path, _encoded(obj, text), *flags(nx=nx, xx=xx))

    def get(
        self,
        key: Key,
        *paths: Text,
        text: bool = False,
        indent: str | None = None,
        newline: str | None = None,
        space: str | None = None,
    ) -> Deferred[Any]:
        """Get the value at a path, or at several.

        :param key: key of the document.
        :param paths: the paths. Without any: the whole document.
        :param text: whether to return JSON, a str, instead of Python's values.
        :param indent: text before each level of this JSON.
        :param newline: text after each line.
        :param space: text after each colon.
        :returns: fires with the value, of a JSONPath with a list of the matches; of several paths, with a dict: path
            -> value; None if the key does not exist.

        https://redis.io/commands/json.get/, since 1.0.0
        """
        layout = options(("INDENT", indent), ("NEWLINE", newline), ("SPACE", space))
        return self._send("JSON.GET", key, *layout, *paths, post_proc=_as_text if text else _decoded, raw=True)

    @errors_to_deferred
    def mget(self, keys: Iterable[Key], path: Text, *, text: bool = False) -> Deferred[list[Any]]:
        """Get the values at a path of several documents.

        :param keys: keys of the documents.
        :param path: the path.
        :param text: whether to return JSON, as str, instead of Python's values.
        :returns: fires with a list, as :meth:`get` of each key; None for a key that does not exist, or where a legacy
            path matches nothing.

        https://redis.io/commands/json.mget/, since 1.0.0
        """
        names = some("json.mget", "keys", one_or_many(keys))
        return self._send("JSON.MGET", *names, path, post_proc=_as_text if text else _decoded, raw=True)

    @errors_to_deferred
    def mset(self, triplets: Iterable[tuple[Key, Text, Any]], *, text: bool = False) -> Deferred[Text]:
        """Set several values, all or none.

        :param triplets: tuples ``(key, path, value)``.
        :param text: whether the values are JSON already.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/json.mset/, since 2.6.0
        """
        arguments: list[Argument] = []
        for key, path, obj in some("json.mset", "triplets", triplets):
            arguments += (key, path, _encoded(obj, text))
        return self._send("JSON.MSET", *arguments)

    @errors_to_deferred
    def merge(self, key: Key, path: Text, obj: object, *, text: bool = False) -> Deferred[Text]:
        """Merge a value into that at a path, as RFC 7396 has it: members are added or replaced, those of null deleted.

        :param key: key of the document.
        :param path: the path.
        :param obj: the value.
        :param text: whether *obj* is JSON already.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/json.merge/, since 2.6.0
        """
        return self._send("JSON.MERGE", key, path, _encoded(obj, text))

    def delete(self, key: Key, path: Text = ".") -> Deferred[int]:
        """Delete the values at a path.

        :param key: key of the document.
        :param path: the path; the root's deletes the key.
        :returns: fires with the number of values deleted.

        https://redis.io/commands/json.del/, since 1.0.0
        """
        return self._send("JSON.DEL", key, path)

    def forget(self, key: Key, path: Text = ".") -> Deferred[int]:
        """Delete the values at a path; the server's other name of :meth:`delete`.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with the number of values deleted.

        https://redis.io/commands/json.forget/, since 1.0.0
        """
        return self._send("JSON.FORGET", key, path)

    def clear(self, key: Key, path: Text = ".") -> Deferred[int]:
        """Empty arrays and objects, and set numbers to 0.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with the number of values changed.

        https://redis.io/commands/json.clear/, since 2.0.0
        """
        return self._send("JSON.CLEAR", key, path)

    def type(self, key: Key, path: Text = ".") -> Deferred[Any]:
        """Get the type of the value at a path.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with ``"object"``, ``"array"``, ``"string"``, ``"integer"``, ``"number"``, ``"boolean"`` or
            ``"null"``, of a JSONPath with a list; None if there is no such key, or value of a legacy path.

        https://redis.io/commands/json.type/, since 1.0.0
        """
        return self._send("JSON.TYPE", key, path, post_proc=_types if _is_jsonpath(path) else _type_of_first)

    def numincrby(self, key: Key, path: Text, number: Number) -> Deferred[Any]:
        """Add to the numbers at a path.

        :param key: key of the document.
        :param path: the path.
        :param number: what to add.
        :returns: fires with the new number, of a JSONPath with a list; None in it for a value that is no number.

        https://redis.io/commands/json.numincrby/, since 1.0.0
        """
        return self._send("JSON.NUMINCRBY", key, path, number, post_proc=_numbers_at(path), raw=True)

    def nummultby(self, key: Key, path: Text, number: Number) -> Deferred[Any]:
        """Multiply the numbers at a path.

        :param key: key of the document.
        :param path: the path.
        :param number: the factor.
        :returns: fires with the new number, of a JSONPath with a list, as :meth:`numincrby`.

        https://redis.io/commands/json.nummultby/, since 1.0.0
        """
        return self._send("JSON.NUMMULTBY", key, path, number, post_proc=_numbers_at(path), raw=True)

    def numpowby(self, key: Key, path: Text, number: Number) -> Deferred[Any]:
        """Raise the numbers at a path to a power.

        :param key: key of the document.
        :param path: the path.
        :param number: the exponent.
        :returns: fires with the new number, of a JSONPath with a list, as :meth:`numincrby`.

        https://redis.io/commands/json.numincrby/, since 1.0.0
        """
        return self._send("JSON.NUMPOWBY", key, path, number, post_proc=_numbers_at(path), raw=True)

    @errors_to_deferred
    def strappend(self, key: Key, value: str, path: Text = ".") -> Deferred[Any]:
        """Append to the strings at a path.

        :param key: key of the document.
        :param value: the text, not JSON.
        :param path: the path.
        :returns: fires with the new length, of a JSONPath with a list; None in it for a value that is no string.

        https://redis.io/commands/json.strappend/, since 1.0.0
        """
        return self._send("JSON.STRAPPEND", key, path, _encoded(value))

    def strlen(self, key: Key, path: Text = ".") -> Deferred[Any]:
        """Get the length of the string at a path, in bytes of UTF-8.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with the length, of a JSONPath with a list; None for a value that is no string, or no key.

        https://redis.io/commands/json.strlen/, since 1.0.0
        """
        return self._send("JSON.STRLEN", key, path)

    @errors_to_deferred
    def arrappend(self, key: Key, path: Text, *values: object) -> Deferred[Any]:
        """Append values to the arrays at a path.

        :param key: key of the document.
        :param path: the path.
        :param values: the values, one at least.
        :returns: fires with the new length, of a JSONPath with a list; None in it for a value that is no array.

        https://redis.io/commands/json.arrappend/, since 1.0.0
        """
        return self._send("JSON.ARRAPPEND", key, path, *map(_encoded, some("json.arrappend", "values", values)))

    @errors_to_deferred
    def arrindex(
        self, key: Key, path: Text, scalar: object, start: int | None = None, stop: int | None = None
    ) -> Deferred[Any]:
        """Find the first index of a value in the arrays at a path.

        :param key: key of the document.
        :param path: the path.
        :param scalar: the value.
        :param start: index where the search begins. None: 0.
        :param stop: index before which it ends; 0: at the end.
        :returns: fires with the index, -1 if it was not found, of a JSONPath with a list; None in it for a value that
            is no array.

        https://redis.io/commands/json.arrindex/, since 1.0.0
        """
        ends: list[Argument] = [] if start is None and stop is None else [0 if start is None else start]
        ends += () if stop is None else (stop,)
        return self._send("JSON.ARRINDEX", key, path, _encoded(scalar), *ends)

    @errors_to_deferred
    def arrinsert(self, key: Key, path: Text, index: int, *values: object) -> Deferred[Any]:
        """Insert values in the arrays at a path.

        :param key: key of the document.
        :param path: the path.
        :param index: index before which they come; negative: from the end.
        :param values: the values, one at least.
        :returns: fires with the new length, of a JSONPath with a list; None in it for a value that is no array.

        https://redis.io/commands/json.arrinsert/, since 1.0.0
        """
        inserted = map(_encoded, some("json.arrinsert", "values", values))
        return self._send("JSON.ARRINSERT", key, path, index, *inserted)

    def arrlen(self, key: Key, path: Text = ".") -> Deferred[Any]:
        """Get the length of the array at a path.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with the length, of a JSONPath with a list; None for a value that is no array, or no key.

        https://redis.io/commands/json.arrlen/, since 1.0.0
        """
        return self._send("JSON.ARRLEN", key, path)

    def arrpop(self, key: Key, path: Text = ".", index: int = -1, *, text: bool = False) -> Deferred[Any]:
        """Remove and return an element of the arrays at a path.

        :param key: key of the document.
        :param path: the path.
        :param index: the element's index. Default: the last.
        :param text: whether to return JSON, a str, instead of Python's values.
        :returns: fires with the element, of a JSONPath with a list; None if the array is empty.

        https://redis.io/commands/json.arrpop/, since 1.0.0
        """
        return self._send("JSON.ARRPOP", key, path, index, post_proc=_as_text if text else _decoded, raw=True)

    def arrtrim(self, key: Key, path: Text, start: int, stop: int) -> Deferred[Any]:
        """Keep a range of the arrays at a path, and delete the other elements.

        :param key: key of the document.
        :param path: the path.
        :param start: index of the first element that stays.
        :param stop: index of the last one.
        :returns: fires with the new length, of a JSONPath with a list; None in it for a value that is no array.

        https://redis.io/commands/json.arrtrim/, since 1.0.0
        """
        return self._send("JSON.ARRTRIM", key, path, start, stop)

    def objkeys(self, key: Key, path: Text = ".") -> Deferred[Any]:
        """Get the names of the members of the object at a path.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with a list of str, of a JSONPath with a list of lists; None for a value that is no object, or
            no key.

        https://redis.io/commands/json.objkeys/, since 1.0.0
        """
        return self._send("JSON.OBJKEYS", key, path, post_proc=_as_text, raw=True)

    def objlen(self, key: Key, path: Text = ".") -> Deferred[Any]:
        """Get the number of members of the object at a path.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with the number, of a JSONPath with a list; None for a value that is no object, or no key.

        https://redis.io/commands/json.objlen/, since 1.0.0
        """
        return self._send("JSON.OBJLEN", key, path)

    def toggle(self, key: Key, path: Text = ".") -> Deferred[Any]:
        """Negate the booleans at a path.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with the new bool, of a JSONPath with a list; None in it for a value that is no boolean.

        https://redis.io/commands/json.toggle/, since 2.0.0
        """
        return self._send("JSON.TOGGLE", key, path, post_proc=_toggled, raw=True)

    def resp(self, key: Key, path: Text = ".") -> Deferred[Any]:
        """Get the value at a path in the types of the protocol.

        :param key: key of the document.
        :param path: the path.
        :returns: fires with what the server sends: lists that begin with ``"{"`` or ``"["``. A fraction is text under
            RESP2, a float under RESP3.

        https://redis.io/commands/json.resp/, since 1.0.0
        """
        return self._send("JSON.RESP", key, path)

    @errors_to_deferred
    def debug(self, subcommand: Text, key: Key | None = None, path: Text = ".") -> Deferred[Any]:
        """Get the memory of the value at a path.

        :param subcommand: ``"MEMORY"``, or ``"HELP"``, which needs no key.
        :param key: key of the document.
        :param path: the path.
        :returns: fires with bytes, of a JSONPath with a list; of HELP, with a list of texts.

        https://redis.io/commands/json.debug-memory/, since 1.0.0
        """
        if key is None:
            if text_of(subcommand).upper() != "HELP":
                raise InvalidData(f"json.debug {text_of(subcommand)} needs a key")
            return self._send("JSON.DEBUG", subcommand)
        return self._send("JSON.DEBUG", subcommand, key, path)


def _encoded(obj: object, is_text: bool = False) -> Argument:
    if not is_text:
        return json.dumps(obj, allow_nan=False, separators=(",", ":"))
    if not isinstance(obj, (str, bytes, bytearray, memoryview)):
        raise InvalidData(f"text=True needs JSON as str or bytes, not {type(obj).__name__}")
    return obj


def _decoded(reply: Reply) -> Result:
    """Read JSON, or each element of a list; what is no text stays."""
    if isinstance(reply, list):
        return [_decoded(each) for each in reply]
    return json.loads(reply) if isinstance(reply, (bytes, str)) else reply


def _as_text(reply: Reply) -> Result:
    if isinstance(reply, list):
        return [_as_text(each) for each in reply]
    return reply.decode("utf-8", "surrogateescape") if isinstance(reply, bytes) else reply


def _type_of_first(reply: Reply) -> Result:
    return _as_text(reply[0] if isinstance(reply, list) and len(reply) == 1 else reply)


def _types(reply: Reply) -> Result:
    # RESP3 has one more list around: [["object"]], or [None] without a key.
    if isinstance(reply, list) and len(reply) == 1 and not isinstance(reply[0], (str, bytes)):
        [reply] = reply
    return _as_text(reply)


def _toggled(reply: Reply) -> Result:
    if isinstance(reply, list):
        return [None if each is None else bool(each) for each in reply]
    return _decoded(reply)


def _number_of_first(reply: Reply) -> Result:
    numbers = _decoded(reply)
    return numbers[0] if isinstance(numbers, list) and len(numbers) == 1 else numbers


def _is_jsonpath(path: object) -> bool:
    if isinstance(path, (bytes, bytearray, memoryview)):
        return path[:1] == b"$"
    return isinstance(path, str) and path[:1] == "$"


def _numbers_at(path: object) -> Converter:
    # RESP2 has JSON; RESP3 a list of numbers, of a legacy path, too.
    return _decoded if _is_jsonpath(path) else _number_of_first
