"""The project's documents as the tests read them: their files, and the blocks of code in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

#: What a user reads.
DOCUMENTS = sorted([*ROOT.glob("*.rst"), *(ROOT / "docs").rglob("*.rst"), ROOT / "examples" / "README.rst"])

_DIRECTIVE = re.compile(r"^(?P<indent> *)\.\. (?P<name>[a-z-]+):: ?(?P<argument>.*)$")
_FIELD = re.compile(r"^ *:(?P<name>[a-z-]+): *(?P<value>.*)$")


@dataclass(frozen=True)
class Block:
    """One block of code.

    :ivar document: the path of the file, from the project's folder.
    :ivar line: where it begins, from 1.
    :ivar language: of a ``code-block``; "" of a literal block, behind ``::``.
    :ivar fragment: whether it is marked as something that cannot be run as it is.
    """

    document: str
    line: int
    language: str
    fragment: bool
    text: str

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def is_program(self) -> bool:
        """Whether it starts the reactor itself."""
        return "react(main)" in self.text

    @property
    def printed(self) -> list[str]:
        """What it prints: the comments behind its calls of ``print``."""
        return re.findall(r"^ *print\(.*\)  # (.*)$", self.text, re.MULTILINE)


def name_of(document: Path) -> str:
    return str(document.relative_to(ROOT))


def blocks(document: Path) -> Iterator[Block]:
    """Every block of code of a document, from top to bottom."""
    lines = document.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        directive = _DIRECTIVE.match(line)
        if directive and directive["name"] == "code-block":
            body = number + 1
            options = {}
            while field := _FIELD.match(lines[body]):
                options[field["name"]] = field["value"]
                body += 1
            fragment = "fragment" in options.get("class", "")
            language, indent = directive["argument"], len(directive["indent"])
        elif line.endswith("::") and not line.lstrip().startswith(".."):
            body, fragment, language, indent = number + 1, False, "", len(line) - len(line.lstrip())
        else:
            continue
        text = []
        for inside in lines[body:]:
            if inside.strip() and len(inside) - len(inside.lstrip()) <= indent:
                break
            text.append(inside)
        code = textwrap.dedent("\n".join(text)).strip("\n") + "\n"
        yield Block(name_of(document), number + 1, language, fragment, code)


def python_blocks(document: Path) -> list[Block]:
    return [block for block in blocks(document) if block.language == "python"]
