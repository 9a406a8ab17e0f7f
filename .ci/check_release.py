"""Check that a tag fits what is about to be released: ``check_release.py TAG``.

The tag is ``v`` and the version of the package. ``CHANGES.rst`` has a section of this version, the first one, without
"unreleased".
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def problem(tag: str, package: str, changes: str) -> str | None:
    """Return what is wrong, or None.

    :param package: text of the package's ``__init__.py``.
    :param changes: text of ``CHANGES.rst``.
    """
    version = re.search(r'^__version__ = "(.+)"$', package, re.MULTILINE)
    if version is None:
        return "txredis_fast/__init__.py has no __version__"
    if tag != f"v{version[1]}":
        return f"the tag is {tag}, but the version is {version[1]}"
    first = re.search(r"^(\d\S*)(?: \((.+)\))?\n-+$", changes, re.MULTILINE)
    if first is None or first[1] != version[1] or first[2] == "unreleased":
        return f'CHANGES.rst does not begin with a section "{version[1]} (date)"'
    return None


def main(tag: str) -> int:
    """Print the problem, if there is one; return the exit code."""
    found = problem(
        tag, (ROOT / "txredis_fast/__init__.py").read_text("utf-8"), (ROOT / "CHANGES.rst").read_text("utf-8")
    )
    if found:
        print(found)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
