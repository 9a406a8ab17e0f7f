"""How an option is declared: default, check, URL reader and documentation in one place, beside its name and type.

A frozen dataclass declares each option as ``name: type = option(default, check=..., doc=...)``. Everything else is read
from these declarations by :func:`options_of`: the check of a value (:func:`judge`), the options of a URL, and the text
of ``help()`` (:func:`documented`).

This module must not know any single option.
"""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, Union, cast, get_args, get_origin

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Check", "Option", "Reader", "documented", "judge", "option", "options_of"]

T = TypeVar("T")

#: Takes the name and the value of an option; returns the value as the package uses it, or raises ``ValueError``.
Check = Callable[[str, object], T]


class Reader(NamedTuple):
    """Reads an option in a URL: takes its name and its text; returns its value, or raises ``ValueError``."""

    read: Callable[[str, str], object]
    #: The texts that are accepted, as words behind "must be", for the error.
    allowed: str

    def __call__(self, name: str, text: str) -> object:
        """Read a text."""
        return self.read(name, text)


#: Columns of a line in ``help()``, without its indentation.
_HELP_WIDTH = 100


class Option(NamedTuple):
    """The declaration of one option, beside its name and type."""

    #: The value where a program gives none.
    default: object
    #: Judges a value.
    check: Check[object]
    #: The meaning of the option, with units and bounds, in reStructuredText without roles.
    doc: str
    #: Reads the option in a URL; None: a URL cannot set it.
    read: Reader | None
    #: The default in words, where its repr is none.
    default_text: str


def option(
    default: object,
    *,
    check: Check[T],
    doc: str,
    read: Reader | None = None,
    default_text: str | None = None,
    secret: bool = False,
) -> T:
    """Declare an option as a field of a dataclass.

    The returned field passes as a value of the checked type, as that of ``dataclasses.field`` does: type checkers take
    it for the default.

    :param read: reads the option in a URL; None: a URL cannot set it.
    :param default_text: the default in words; None: its repr.
    :param secret: keep the value out of the dataclass' repr.
    """
    text = f"``{default!r}``" if default_text is None else default_text
    declared = Option(default, check, " ".join(doc.split()), read, text)
    if isinstance(default, Mapping):
        field: object = dataclasses.field(default_factory=dict, repr=not secret, metadata={Option: declared})
    else:
        field = dataclasses.field(default=default, repr=not secret, metadata={Option: declared})
    return cast("T", field)


def options_of(declaring: DataclassInstance | type[DataclassInstance]) -> dict[str, Option]:
    """The options that a dataclass, or an object of it, declares, by name and in order."""
    return {field.name: field.metadata[Option] for field in dataclasses.fields(declaring)}


def judge(declaring: DataclassInstance | type[DataclassInstance]) -> None:
    """Judge every option of a frozen dataclass' new object once, and keep each value as the package uses it.

    :raises ValueError: a value is of a wrong type or out of its range; the error names the option.
    """
    for name, declared in options_of(declaring).items():
        object.__setattr__(declaring, name, declared.check(name, getattr(declaring, name)))


def documented(cls: type[T]) -> type[T]:
    """Append the text of every option to a class' docstring, where ``help()`` and Sphinx find it."""
    cls.__doc__ = cast("str", _Docstring(cls.__doc__ or ""))
    return cls


class _Docstring:
    """A docstring that is written when it is first read, because few programs read it."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __get__(self, instance: object, owner: type[DataclassInstance]) -> str:
        owner.__doc__ = written = "\n".join([inspect.cleandoc(self._text), "", *_parameters(owner)])
        return written


#: How ``help()`` writes types whose own name says less.
_TYPE_NAMES = {"NoneType": "None", "Callable": "function"}


def _in_words(annotation: str, names: Mapping[str, object]) -> str:
    """Write an annotation with each alias (``WhenFull``) replaced by what it stands for (``'wait' | 'fail'``)."""
    return re.sub(
        r"\w+", lambda word: _spelled(names[word[0]]) if get_origin(names.get(word[0])) else word[0], annotation
    )


def _spelled(value: Any) -> str:
    if get_origin(value) in (Union, types.UnionType):
        return " | ".join(map(_spelled, get_args(value)))
    if get_origin(value) is Literal:
        return " | ".join(map(repr, get_args(value)))
    name: str = value.__name__
    return _TYPE_NAMES.get(name, name)


def _parameters(cls: type[DataclassInstance]) -> Iterator[str]:
    import textwrap

    for field in dataclasses.fields(cls):
        declared: Option = field.metadata[Option]
        text = f":param {field.name}: {declared.doc} Default: {declared.default_text}."
        yield from textwrap.wrap(
            text, _HELP_WIDTH, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
        )
        yield f":type {field.name}: {_in_words(str(field.type), vars(sys.modules[cls.__module__]))}"
