"""What a program finds in the package itself: names made at first use, and none that ``import *`` must not take.

At run time the package has no ``__all__``, because ``help()`` prints every class that it names, with all inherited
methods: 22,000 lines. Without it ``help()`` prints the docstring, and ``import *`` takes every public name of the
namespace. So this module removes the other public names from there (the rooms, which the import system adds), and
serves them where they are used, as well as names that hide a builtin. Type checkers read ``__all__`` in the source.

This module must not know what the names mean.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from types import ModuleType
from typing import Any

__all__ = ["attributes"]


def attributes(
    namespace: dict[str, Any], builtins: Mapping[str, object]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Tidy up the namespace of the package; call it at the end of its ``__init__``.

    :param namespace: the package's ``globals()``, from which modules with public names are removed.
    :param builtins: public names of this package that are also builtins, which ``import *`` must not replace.
    :returns: the package's ``__getattr__`` and ``__dir__``.
    """
    package = namespace["__name__"]
    for name in [name for name, value in namespace.items() if isinstance(value, ModuleType) and name[0] != "_"]:
        del namespace[name]

    def find(name: str) -> Any:
        if name in builtins:
            return builtins[name]
        if name == "reactor":  # importing the package must install no reactor
            from twisted.internet import reactor

            return reactor
        full_name = f"{package}.{name}"
        if not name.isidentifier() or name.startswith("_") or find_spec(full_name) is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return importlib.import_module(full_name)  # now, if it is one that most programs do not need, such as `otel`

    def names() -> list[str]:
        return sorted({*namespace, *builtins})

    return find, names
