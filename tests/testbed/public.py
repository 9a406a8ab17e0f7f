"""The public names of the package, as its source declares them for type checkers."""

from __future__ import annotations

import ast
from pathlib import Path

import txredis_fast


def declared_names() -> list[str]:
    """Read ``__all__`` in the source of the package; at run time there is none (see ``api.namespace``)."""
    for node in ast.walk(ast.parse(Path(txredis_fast.__file__).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return list(ast.literal_eval(node.value))
    raise AssertionError("the package declares no __all__")
