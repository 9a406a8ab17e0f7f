"""Converters of the replies of searches: documents, rows, descriptions of an index, profiles.

A converter takes the flat lists of RESP2 and the dicts of RESP3, and makes the same value of both. This module must not
know arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..._types import Reply, Result, Value
from .._parts import as_dict, text_of
from .namespace import number

__all__ = [
    "AggregateResult",
    "Document",
    "HybridResult",
    "ProfileResult",
    "SearchReader",
    "SearchResult",
    "Suggestion",
    "aggregated",
    "corrections",
    "hybrid",
    "index_description",
    "profiled",
    "settings",
    "settings_help",
    "suggestions",
    "with_cursor",
]


class Document(NamedTuple):
    """One document that was found. What was not asked for is None."""

    #: Its key.
    id: Value
    #: Name -> value; of a JSON document, ``"$"`` -> JSON.
    fields: dict[Any, Any] | None
    score: float | None = None
    payload: Value | None = None
    sort_key: Value | None = None
    #: How the score came about: nested lists of texts.
    explanation: Reply = None


class SearchResult(NamedTuple):
    """The reply of FT.SEARCH."""

    #: Number of all documents that match.
    total: int
    #: The documents of this page.
    documents: list[Document]


class AggregateResult(NamedTuple):
    """The reply of FT.AGGREGATE."""

    #: The number of rows as the server reports it; it need not be exact.
    total: int
    rows: list[dict[Any, Any]]
    #: Number for ``cursor_read``; 0 after the last rows. None: there is no cursor.
    cursor: int | None = None


class HybridResult(NamedTuple):
    """The reply of FT.HYBRID."""

    #: Number of all documents that match.
    total: int
    #: A dict for each document of this page; without *load* and steps of ``__key`` and ``__score``.
    rows: list[dict[Any, Any]]
    #: Why the rows may not be all: a timeout, for example.
    warnings: list[str]
    #: Milliseconds that the server took.
    execution_time: float


class ProfileResult(NamedTuple):
    """A result, and how long its parts took."""

    result: SearchResult | AggregateResult
    #: The server's fields as a dict, times in milliseconds. Of RediSearch 8: what the server sends.
    profile: Reply


class Suggestion(NamedTuple):
    """One completion. What was not asked for is None."""

    string: Value
    score: float | None = None
    payload: Value | None = None


class SearchReader:
    """The converter of FT.SEARCH: under RESP2 its reply does not say what each element is."""

    __slots__ = ("_content", "_payloads", "_scores", "_sort_keys")

    def __init__(self, content: bool, scores: bool, payloads: bool, sort_keys: bool) -> None:
        """Make the converter of a search by what it asked for."""
        self._content = content
        self._scores = scores
        self._payloads = payloads
        self._sort_keys = sort_keys

    def __call__(self, reply: Reply) -> Result:
        """Convert the reply to a :class:`SearchResult`."""
        if isinstance(reply, dict):
            named = _named(reply)
            return SearchResult(named["total_results"], [self._of_map(_named(each)) for each in named["results"]])
        if not isinstance(reply, list):
            return reply
        total, *flat = reply
        step = 1 + self._content + self._scores + self._payloads + self._sort_keys
        return SearchResult(total, [self._of_list(flat[at : at + step]) for at in range(0, len(flat), step)])

    def _of_list(self, parts: list[Any]) -> Document:
        # A part that the server has left out must not raise StopIteration, which would end the reader's own loop.
        given = iter(parts)
        key = next(given)
        score, explanation = _score(next(given, None)) if self._scores else (None, None)
        payload = next(given, None) if self._payloads else None
        sort_key = next(given, None) if self._sort_keys else None
        fields = as_dict(next(given, None)) if self._content else None
        return Document(key, fields, score, payload, sort_key, explanation)

    def _of_map(self, parts: dict[str, Any]) -> Document:
        score, explanation = _score(parts.get("score"))
        fields = parts.get("extra_attributes")
        return Document(parts["id"], fields, score, parts.get("payload"), parts.get("sortkey"), explanation)


def _named(reply: dict[Any, Any]) -> dict[str, Any]:
    return {text_of(name): value for name, value in reply.items()}


def _score(reply: Reply) -> tuple[float | None, Reply]:
    if isinstance(reply, list):
        return float(reply[0]), reply[1]
    return (None if reply is None else float(reply)), None


def aggregated(reply: Reply) -> Result:
    """Convert the rows of FT.AGGREGATE."""
    if isinstance(reply, dict):
        named = _named(reply)
        return AggregateResult(
            named["total_results"], [_named(each).get("extra_attributes", {}) for each in named["results"]]
        )
    if not isinstance(reply, list):
        return reply
    total, *rows = reply
    return AggregateResult(total, list(map(as_dict, rows)))


def with_cursor(reply: Reply) -> Result:
    """Convert rows and the number of a cursor."""
    if not isinstance(reply, list):
        return reply
    total, rows, _ = aggregated(reply[0])
    return AggregateResult(total, rows, reply[1])


def hybrid(reply: Reply) -> Result:
    """Convert the reply of FT.HYBRID to a :class:`HybridResult`."""
    if not isinstance(reply, (dict, list)):
        return reply
    named = _named(as_dict(reply))
    warnings = [text_of(each) for each in named["warnings"]]
    rows = list(map(as_dict, named["results"]))
    return HybridResult(named["total_results"], rows, warnings, float(named["execution_time"]))


#: Parts of an index's description that are descriptions, lists of them, and texts.
_DESCRIPTIONS = {"index_definition", "gc_stats", "cursor_stats", "dialect_stats", "Index Errors"}
_LISTS = {"attributes": "flags", "field statistics": ""}
_TEXTS = {
    *("index_name", "identifier", "attribute", "SEPARATOR", "prefixes", "filter", "default_language"),
    *("last indexing error", "last indexing error key"),
}
#: Words of a field without a value.
_FLAGS = {
    *("SORTABLE", "UNF", "NOSTEM", "NOINDEX", "CASESENSITIVE", "WITHSUFFIXTRIE", "INDEXEMPTY", "INDEXMISSING"),
    "SORTABLE_UNF",
}


def index_description(reply: Reply) -> Result:
    """Convert the reply of FT.INFO, as bytes, to a dict of str, numbers, lists and dicts."""
    return _description(reply, "")


def _description(reply: Reply, flags_name: str) -> Result:
    if isinstance(reply, dict):
        pairs: Iterable[tuple[Reply, Reply]] = reply.items()
        flags = None
    elif isinstance(reply, list):
        flags = [text_of(each) for each in reply if isinstance(each, (str, bytes)) and text_of(each) in _FLAGS]
        flags = flags if flags_name else None
        kept = reply if flags is None else _without_flags(reply)
        pairs = zip(kept[::2], kept[1::2], strict=False)
    else:
        return reply
    value = {name: _part(name, part) for name, part in ((text_of(name), part) for name, part in pairs)}
    if flags is not None:
        value[flags_name] = flags
    return value


def _without_flags(reply: list[Any]) -> list[Any]:
    """Leave out the words without a value, which stand between or after names and values."""
    kept: list[Any] = []
    for each in reply:
        if len(kept) % 2 == 0 and isinstance(each, (str, bytes)) and text_of(each) in _FLAGS:
            continue
        kept.append(each)
    return kept


def _part(name: str, value: Reply) -> Result:
    if name in _DESCRIPTIONS:
        return _description(value, "")
    if name in _LISTS and isinstance(value, list):
        return [_description(each, _LISTS[name]) for each in value]
    if isinstance(value, list):
        return [text_of(each) if isinstance(each, (str, bytes)) else each for each in value]
    if isinstance(value, (str, bytes)):
        text = text_of(value)
        return text if name in _TEXTS else number(text)
    return value if name in _TEXTS else number(value)


def profiled(convert: Callable[[Reply], Any]) -> Callable[[Reply], Any]:
    """Return the converter of FT.PROFILE.

    :param convert: that of the result.
    """

    def read(reply: Reply) -> Result:
        if isinstance(reply, dict):
            named = _named(reply)
            if "Results" in named:  # RediSearch 8
                return ProfileResult(convert(named["Results"]), named.get("Profile"))
            return ProfileResult(convert(reply), _profile(named.get("profile")))
        if not isinstance(reply, list):
            return reply
        return ProfileResult(convert(reply[0]), _profile(reply[1]))

    return read


def _profile(reply: Reply) -> Result:
    if isinstance(reply, dict):
        parts: Iterable[tuple[str, Reply]] = ((text_of(name), value) for name, value in reply.items())
    elif not isinstance(reply, list) or not all(isinstance(each, list) and each for each in reply):
        return reply
    else:
        # RESP2: lists of a name and its values; of no warning, the name alone.
        parts = ((text_of(name), values) for name, *values in reply)
    profile = {}
    for name, value in parts:
        if name.endswith(" profile"):
            steps = value if isinstance(value, list) else [value]
            profile[name] = list(map(_step, steps))
        else:
            alone = value[0] if isinstance(value, list) and value else value
            profile[name] = _timed(name, "None" if alone == [] else alone)
    return profile


def _step(reply: Reply) -> Result:
    if isinstance(reply, dict):
        pairs = [(text_of(name), value) for name, value in reply.items()]
    elif isinstance(reply, list):
        pairs = []
        for at in range(0, len(reply), 2):
            name = text_of(reply[at])
            if name == "Child iterators":  # RESP2: all that follow are children
                pairs.append((name, reply[at + 1 :]))
                break
            pairs.append((name, reply[at + 1]))
    else:
        return reply
    return {name: list(map(_step, value)) if isinstance(value, list) else _timed(name, value) for name, value in pairs}


def _timed(name: str, value: Reply) -> Result:
    if "time" in name.lower() and isinstance(value, (str, bytes, int)):
        return float(value)
    return text_of(value) if isinstance(value, bytes) else value


def corrections(reply: Reply) -> Result:
    """Convert the reply of FT.SPELLCHECK to a dict: word -> list of tuples ``(correction, score)``."""
    if isinstance(reply, dict):
        found = _named(reply)["results"]
        return {
            word: [(text, float(score)) for each in proposals for text, score in each.items()]
            for word, proposals in found.items()
        }
    if not isinstance(reply, list):
        return reply
    return {word: [(text, float(score)) for score, text in proposals] for _, word, proposals in reply}


def settings(reply: Reply) -> Result:
    """Convert settings to a dict with names as str."""
    pairs = reply.items() if isinstance(reply, dict) else reply
    return {text_of(name): value for name, value in pairs} if isinstance(reply, (dict, list)) else reply


def settings_help(reply: Reply) -> Result:
    """Convert descriptions of settings to a dict: name -> dict."""
    if isinstance(reply, dict):
        return {text_of(name): _named(each) for name, each in reply.items()}
    if not isinstance(reply, list):
        return reply
    return {text_of(name): _named(as_dict(fields)) for name, *fields in reply}


def suggestions(scores: bool, payloads: bool) -> Callable[[Reply], Any]:
    """Return the converter of FT.SUGGET, by what was asked for."""
    step = 1 + scores + payloads

    def read(reply: Reply) -> Result:
        if not isinstance(reply, list):
            return [] if reply is None else reply
        found = []
        for at in range(0, len(reply), step):
            string, *more = reply[at : at + step]
            score = float(more.pop(0)) if scores else None
            found.append(Suggestion(string, score, more[0] if payloads else None))
        return found

    return read
