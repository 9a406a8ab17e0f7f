"""Objects that are made at their first use, or never, because most programs do not need them.

This module must not know what the names mean.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

__all__ = ["LazyMethod", "lazy_names", "overload"]


def lazy_names(
    namespace: dict[str, Any], modules: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make a module's ``__getattr__`` and ``__dir__``, which import a name's module when the name is first used.

    ``from module import *`` takes these names as well: it asks for ``__all__`` first, and if a module has none, all
    names are imported then.

    :param namespace: the module's ``globals()``, where an imported name is kept.
    :param modules: names of modules beside it or below it, and the names that each defines.
    """
    package = namespace["__name__"]
    homes = {name: module for module, names in modules.items() for name in names}

    def find(name: str) -> Any:
        if name in homes:
            value = getattr(importlib.import_module(f"{package}.{homes[name]}"), name)
            namespace[name] = value  # the next use does not come here
            return value
        if name == "__all__":
            for each in homes.keys() - namespace.keys():
                find(each)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def names() -> list[str]:
        return sorted({*namespace, *homes})

    return find, names


class LazyMethod:
    """An attribute of a class: a method that is made when it is first used, and takes its place."""

    __slots__ = ("_home", "_make", "_method", "_name")

    def __init__(
        self,
        home: type,
        make: Callable[[str, Callable[..., Any]], Callable[..., Any]],
        name: str,
        method: Callable[..., Any],
    ) -> None:
        """Make the attribute.

        :param home: the class, whose attribute ``name`` is set to this object.
        :param make: makes the method, a function: given ``name`` and ``method``.
        """
        self._home = home
        self._make = make
        self._name = name
        self._method = method

    def __get__(self, instance: object, owner: type | None = None) -> Any:
        function: Any = self._make(self._name, self._method)
        if vars(self._home).get(self._name) is self:
            setattr(self._home, self._name, function)
        return function.__get__(instance, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__get__(None, self._home)(*args, **kwargs)


def overload(function: Callable[..., Any]) -> Callable[..., Any]:
    """Mark a signature for type checkers, as ``typing.overload`` does, which keeps the function for ever."""
    return function
