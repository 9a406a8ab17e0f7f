"""Commands of server modules, as namespaces of every host: ``rc.json.get("key")``, ``rc.ts.add(...)``.

A namespace is imported when it is first used, and holds nothing but its host: in a transaction, its commands are queued
there. This module must not know the commands.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from ..._types import V
from .._parts import CommandHost

if TYPE_CHECKING:
    from typing_extensions import Self

    from .bloom import BloomFilterCommands, CuckooFilterCommands
    from .json import JSONCommands
    from .search import SearchNamespace
    from .sketches import CountMinSketchCommands, TDigestCommands, TopKCommands
    from .timeseries import TimeSeriesCommands

__all__ = ["NAMESPACES", "ModuleNamespaces", "NamespaceAttribute"]

_T = TypeVar("_T")


class NamespaceAttribute(Generic[_T]):
    """A property that an attribute of the instance hides: programs may set one of any name, such as ``ts``."""

    def __init__(self, make: Callable[[Any], _T]) -> None:
        """Make one.

        :param make: is given the host; returns its namespace.
        """
        self._make = make
        self.__doc__ = make.__doc__

    @overload
    def __get__(self, host: None, owner: type) -> Self: ...

    @overload
    def __get__(self, host: object, owner: type | None = None) -> _T: ...

    def __get__(self, host: object | None, owner: type | None = None) -> Self | _T:
        return self if host is None else self._make(host)


class ModuleNamespaces(CommandHost[V]):
    """The namespaces of every host. The server needs the module; else their commands fail with "unknown command"."""

    __slots__ = ()

    @NamespaceAttribute
    def json(self) -> JSONCommands:
        """JSON documents: ``yield rc.json.set("key", "$", {"a": 1})``."""
        from .json import JSONCommands

        return JSONCommands(self)

    @NamespaceAttribute
    def bf(self) -> BloomFilterCommands:
        """Bloom filters: ``yield rc.bf.add("key", "item")``."""
        from .bloom import BloomFilterCommands

        return BloomFilterCommands(self)

    @NamespaceAttribute
    def cf(self) -> CuckooFilterCommands:
        """Cuckoo filters: ``yield rc.cf.add("key", "item")``."""
        from .bloom import CuckooFilterCommands

        return CuckooFilterCommands(self)

    @NamespaceAttribute
    def cms(self) -> CountMinSketchCommands:
        """Count-min sketches: ``yield rc.cms.incrby("key", ["item"], [1])``."""
        from .sketches import CountMinSketchCommands

        return CountMinSketchCommands(self)

    @NamespaceAttribute
    def topk(self) -> TopKCommands:
        """The most frequent items: ``yield rc.topk.add("key", "item")``."""
        from .sketches import TopKCommands

        return TopKCommands(self)

    @NamespaceAttribute
    def tdigest(self) -> TDigestCommands:
        """Quantiles of numbers: ``yield rc.tdigest.add("key", [1.5, 2])``."""
        from .sketches import TDigestCommands

        return TDigestCommands(self)

    @NamespaceAttribute
    def ts(self) -> TimeSeriesCommands:
        """Time series: ``yield rc.ts.add("key", "*", 1.5)``."""
        from .timeseries import TimeSeriesCommands

        return TimeSeriesCommands(self)

    @NamespaceAttribute
    def search(self) -> SearchNamespace:
        """Search indexes: ``yield rc.search("index").search("hello")``."""
        from .search import SearchNamespace

        return SearchNamespace(self)


#: Names of the namespaces.
NAMESPACES = tuple(name for name, value in vars(ModuleNamespaces).items() if isinstance(value, NamespaceAttribute))


def __getattr__(name: str) -> ModuleType:
    """Import a module of this room when it is first used: documents name some."""
    import pkgutil

    if any(module.name == name for module in pkgutil.iter_modules(__path__)):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
