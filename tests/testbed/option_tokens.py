"""The option tokens of commands, ``tests/commands/option_tokens.txt``, which is made of what servers say of them.

``python -m tests.testbed.option_tokens`` starts each server of :data:`RELEASES` that is installed, and a Sentinel of
each, asks them for COMMAND DOCS, and writes the file. A line is a command, ``|``, and its tokens: every word that
stands in the tree of the command's arguments, also one of several that exclude each other. ``token@release`` is a token
of this release; one without is a token of every release that has the command.

A fast test compares the file with the rows of the command tests, a live test with the servers.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .client import Connection
from .sentinels import Sentinel
from .servers import KINDS, Server

FILE = Path(__file__).resolve().parents[1] / "commands" / "option_tokens.txt"

#: The releases that the file records: name and version, without the patch.
RELEASES = ("redis-7.0", "redis-8.2", "valkey-9.1")

#: Command in upper case -> its tokens.
Tokens = Mapping[str, frozenset[str]]


def release_of(version: tuple[str, str]) -> str:
    """Name of a server's release: ``("redis", "8.2.3")`` is ``"redis-8.2"``."""
    return "-".join((version[0], ".".join(version[1].split(".")[:2])))


def tokens_of(reply: list[Any]) -> dict[str, frozenset[str]]:
    """The tokens of each command, and of each subcommand, in a reply of COMMAND DOCS; also of those without any."""
    found = {}
    for name, document in _pairs(reply):
        fields = dict(_pairs(document))
        found[name.upper().replace("|", " ")] = frozenset(_words(fields.get("arguments", ())))
        found |= tokens_of(fields.get("subcommands", []))
    return found


def of_sentinel(sentinel: Sentinel) -> dict[str, frozenset[str]]:
    """The tokens of the commands that a Sentinel has, and a server has not."""
    told = tokens_of(sentinel.command("COMMAND", "DOCS"))
    return {name: tokens for name, tokens in told.items() if name.partition(" ")[0] == "SENTINEL"}


def _words(arguments: Iterable[Any]) -> Iterator[str]:
    for argument in arguments:
        fields = dict(_pairs(argument))
        if "token" in fields:
            yield fields["token"].decode().upper()
        yield from _words(fields.get("arguments", ()))


def _pairs(reply: list[Any]) -> Iterator[tuple[str, Any]]:
    for name, value in zip(reply[::2], reply[1::2], strict=True):
        yield name.decode(), value


def text_of(recorded: Mapping[str, Tokens]) -> str:
    """The file's text.

    :param recorded: release -> the tokens of its commands.
    """
    lines = []
    for command in sorted({command for tokens in recorded.values() for command in tokens}):
        having = {release: tokens[command] for release, tokens in recorded.items() if command in tokens}
        words = []
        for token in sorted(frozenset().union(*having.values())):
            releases = [release for release, tokens in having.items() if token in tokens]
            words += [token] if len(releases) == len(having) else [f"{token}@{release}" for release in releases]
        if words:
            lines.append(f"{command}|{' '.join(words)}\n")
    return "".join(lines)


def recorded_tokens(release: str | None = None) -> dict[str, frozenset[str]]:
    """The tokens in the file: of one release, or of all.

    Of one release it has no command without a token, and may have a command that the release does not know.
    """
    found = {}
    for line in FILE.read_text(encoding="utf-8").splitlines():
        command, words = line.split("|")
        split = [word.partition("@") for word in words.split(" ")]
        tokens = frozenset(token for token, _, only in split if release is None or only in ("", release))
        if tokens:
            found[command] = tokens
    return found


def main() -> int:
    """Write the file."""
    recorded = {}
    for binary in filter(None, (kind.binary() for kind in KINDS)):
        with Server(binary=binary) as server:
            release = release_of(server.version)
            if release in RELEASES:
                with Connection(server.path) as connection:
                    recorded[release] = tokens_of(connection.call("COMMAND", "DOCS"))
                with Sentinel(server) as sentinel:
                    recorded[release] |= of_sentinel(sentinel)
    missing = set(RELEASES) - set(recorded)
    if missing:
        print(f"not installed: {', '.join(sorted(missing))}", file=sys.stderr)
        return 1
    FILE.write_text(text_of(dict(sorted(recorded.items()))), encoding="utf-8")
    print(f"written: {FILE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
