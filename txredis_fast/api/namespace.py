"""The names of the package itself: some are made at first use, and ``import *`` takes only some.

At run time the package has no ``__all__``, because ``help()`` prints every class that it names, with all inherited
methods: 22,000 lines. Without it ``help()`` prints the docstring, and ``import *`` takes every public name of the
namespace. So this module removes the other public names from there (the rooms, which the import system adds), and
serves them where they are used, as well as names that hide a builtin. Type checkers read ``__all__`` in the source.

This module must not know what the names mean.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from .._lazy import lazy_names

__all__ = ["attributes"]


def attributes(
    namespace: dict[str, Any], builtins: Mapping[str, object], lazy: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Tidy up the namespace of the package; call it at the end of its ``__init__``.

    :param namespace: the package's ``globals()``, from which modules with public names are removed.
    :param builtins: public names of this package that are also builtins, which ``import *`` must not replace.
    :param lazy: names of rooms, and the public names of each that are imported when they are first used.
    :returns: the package's ``__getattr__`` and ``__dir__``.
    """
    package = namespace["__name__"]
    find_lazy, lazy_and_imported = lazy_names(namespace, lazy)

    def rooms() -> set[str]:
        modules = {name: value for name, value in list(namespace.items()) if isinstance(value, ModuleType)}
        return {name for name, module in modules.items() if module.__name__ == f"{package}.{name}" and name[0] != "_"}

    def remove_rooms() -> None:
        for name in rooms():
            namespace.pop(name, None)

    def find(name: str) -> Any:
        if name in builtins:
            return builtins[name]
        if name == "reactor":  # importing the package must install no reactor
            from twisted.internet import reactor

            return reactor
        try:
            return find_lazy(name)
        except AttributeError:
            full_name = f"{package}.{name}"
            if not name.isidentifier() or name.startswith("_") or find_spec(full_name) is None:
                raise
        finally:
            remove_rooms()  # those that were imported meanwhile
        return importlib.import_module(full_name)  # now, if it is one that most programs do not need, such as `otel`

    def names() -> list[str]:
        return sorted({*lazy_and_imported(), *builtins} - rooms())

    remove_rooms()
    return find, names
