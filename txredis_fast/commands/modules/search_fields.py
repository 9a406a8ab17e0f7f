"""Fields of a search index: each class makes the arguments of one field of a schema.

This module must not know how a command is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..._types import Argument, Number
from ...exceptions import InvalidData
from .._parts import flags, flatten
from .namespace import options, some

__all__ = ["Field", "GeoField", "GeoShapeField", "NumericField", "TagField", "TextField", "VectorField", "schema"]


@dataclass(frozen=True)
class Field:
    """The options that all fields have.

    :ivar name: the hash's field, or the JSONPath of a document.
    :ivar as_name: the name in queries. None: *name*.
    :ivar sortable: whether results can be sorted by it quickly.
    :ivar unf: sort by the text as it is, instead of in lower case and without accents; it needs *sortable*.
    :ivar no_index: whether it is for sorting only, and not searched.
    :ivar index_missing: whether documents without it can be found.
    """

    name: Argument
    as_name: Argument | None = field(default=None, kw_only=True)
    sortable: bool = field(default=False, kw_only=True)
    unf: bool = field(default=False, kw_only=True)
    no_index: bool = field(default=False, kw_only=True)
    index_missing: bool = field(default=False, kw_only=True)

    #: The type's name, of a subclass.
    type = ""

    def arguments(self) -> list[Argument]:
        """Return the arguments of FT.CREATE."""
        common = flags(indexmissing=self.index_missing, sortable=self.sortable, unf=self.unf, noindex=self.no_index)
        return [self.name, *options(("AS", self.as_name)), self.type, *self._options(), *common]

    def _options(self) -> list[Argument]:
        return []


@dataclass(frozen=True)
class TextField(Field):
    """Text whose words are searched.

    :ivar weight: importance of the field for a document's score. None: 1.
    :ivar no_stem: whether words are searched as they are, without their stems.
    :ivar phonetic: find words that sound alike: ``"dm:en"``, or ``fr``, ``pt``, ``es`` for English's ``en``.
    :ivar with_suffix_trie: make searches for the ends or the middles of words fast.
    :ivar index_empty: whether documents with an empty text can be found.
    """

    weight: Number | None = None
    no_stem: bool = False
    phonetic: str | None = None
    with_suffix_trie: bool = False
    index_empty: bool = False

    type = "TEXT"

    def _options(self) -> list[Argument]:
        words = flags(withsuffixtrie=self.with_suffix_trie, indexempty=self.index_empty)
        valued = options(("WEIGHT", self.weight), ("PHONETIC", self.phonetic))
        return [*flags(nostem=self.no_stem), *valued, *words]


@dataclass(frozen=True)
class TagField(Field):
    """Words that are searched as a whole, separated by a character.

    :ivar separator: the character. None: a comma.
    :ivar case_sensitive: whether upper and lower case are different.
    :ivar with_suffix_trie: make searches for the ends or the middles of words fast.
    :ivar index_empty: whether documents with an empty text can be found.
    """

    separator: str | None = None
    case_sensitive: bool = False
    with_suffix_trie: bool = False
    index_empty: bool = False

    type = "TAG"

    def _options(self) -> list[Argument]:
        words = flags(
            casesensitive=self.case_sensitive, withsuffixtrie=self.with_suffix_trie, indexempty=self.index_empty
        )
        return [*options(("SEPARATOR", self.separator)), *words]


@dataclass(frozen=True)
class NumericField(Field):
    """A number."""

    type = "NUMERIC"


@dataclass(frozen=True)
class GeoField(Field):
    """A place: ``"longitude,latitude"``."""

    type = "GEO"


@dataclass(frozen=True)
class GeoShapeField(Field):
    """A shape in the format WKT.

    :ivar coord_system: ``"SPHERICAL"`` or ``"FLAT"``. None: spherical.
    """

    coord_system: str | None = None

    type = "GEOSHAPE"

    def _options(self) -> list[Argument]:
        return [] if self.coord_system is None else [self.coord_system]


@dataclass(frozen=True)
class VectorField(Field):
    """A vector.

    :ivar algorithm: ``"FLAT"`` or ``"HNSW"``.
    :ivar attributes: ``{"TYPE": "FLOAT32", "DIM": 128, "DISTANCE_METRIC": "COSINE"}`` and more of the algorithm's.
    """

    algorithm: str = "FLAT"
    attributes: Mapping[str, Any] = field(default_factory=dict)

    type = "VECTOR"

    def _options(self) -> list[Argument]:
        return [self.algorithm, 2 * len(self.attributes), *flatten(self.attributes)]


def schema(method: str, fields: Field | Iterable[Any]) -> list[Argument]:
    """Make the arguments of a schema.

    :param fields: one field or several; each is a :class:`Field`, or a sequence of the server's words.
    :raises InvalidData: there are none, or one is neither.
    """
    arguments: list[Argument] = []
    for each in some(method, "fields", [fields] if isinstance(fields, Field) else fields):
        if isinstance(each, Field):
            arguments += each.arguments()
        elif isinstance(each, (list, tuple)):
            arguments += each
        else:
            raise InvalidData(f"a field of {method} must be a Field or a list of words, not {type(each).__name__}")
    return arguments
