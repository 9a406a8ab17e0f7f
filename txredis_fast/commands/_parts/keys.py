"""Where the keys of a command are, among its arguments as they are sent: for sharding, clusters and caching.

The places follow from the key specs of the table, except for commands with options that no spec describes well: SORT,
MIGRATE and GEORADIUS. This module must not know how a command is sent, nor where a key lies.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..._checks import shown
from ...exceptions import InvalidData
from ...resp import fixed_arguments
from .traits import command_name

if TYPE_CHECKING:
    from .facts import CommandFacts, KeySpec

__all__ = ["ONE_KEY", "key_places", "keys_of", "sort_patterns"]

#: Name of a command with one key -> the key's index among the arguments. Names are added when they are first looked
#: up, and only as the table has them, so that a program cannot make it grow.
ONE_KEY: Final[dict[Any, int]] = {}

#: Option -> how many arguments belong to it.
_SORT_OPTIONS = {"BY": 1, "GET": 1, "LIMIT": 2, "STORE": 1}
_GEORADIUS_OPTIONS = {"COUNT": 1, "STORE": 1, "STOREDIST": 1}
_MIGRATE_OPTIONS = {"AUTH": 1, "AUTH2": 2}


def keys_of(args: Sequence[Any]) -> list[Any] | None:
    """Return the keys among a command's arguments; see :func:`key_places`."""
    places = key_places(args)
    return None if places is None else [args[place] for place in places]


def key_places(args: Sequence[Any]) -> Sequence[int] | None:
    """Find the keys of a command.

    Channels, which a cluster hashes like keys, are no keys; nor are the patterns of SORT: see :func:`sort_patterns`.

    :param args: the command's name, str or bytes-like in any case, and its arguments. An argument other than text
        counts as the text that it is sent as.
    :returns: indices of ``args``, in no certain order; empty for a command without keys, and where the arguments end
        before its keys. None for a command that the table does not have, such as another module's.
    :raises InvalidData: the number of keys, which is one of the arguments, is no number, or greater than the number of
        arguments that follow.
    """
    name, facts = _facts(args)
    if facts is None:
        return None
    specs = [spec for spec in facts.keys if "n" not in spec.flags]
    if len(specs) == 1 and specs[0].last == 0 and specs[0].begins_at is not None:
        place = specs[0].begins_at
        if " " not in name and name not in _WITH_OPTIONS:
            ONE_KEY[name] = place
            return (place,) if place < len(args) else ()
    args = fixed_arguments(tuple(args), words=True)
    if name in _WITH_OPTIONS:
        return _WITH_OPTIONS[name](args)
    return [place for spec in specs for place in _places(name, spec, args)]


def sort_patterns(args: Sequence[Any]) -> list[str | bytes]:
    """Return the patterns of SORT's options BY and GET: the server makes keys of them, which it reads.

    :param args: as in :func:`key_places`.
    :returns: the patterns with an asterisk, without the field of a hash that may follow; empty for other commands.
    """
    if command_name(args) not in ("SORT", "SORT_RO"):
        return []
    args = fixed_arguments(tuple(args), words=True)
    found: list[str | bytes] = []
    for place in _after_options(args, 2, _SORT_OPTIONS, ("BY", "GET")):
        pattern = args[place]
        if isinstance(pattern, str) and "*" in pattern:
            found.append(pattern.partition("->")[0])
        elif isinstance(pattern, bytes) and b"*" in pattern:
            found.append(pattern.partition(b"->")[0])
    return found


def _facts(args: Sequence[Any]) -> tuple[str, CommandFacts | None]:
    from .facts import command_facts  # the import of the package does without it

    name = command_name(args)
    facts = command_facts(name)
    if facts is None and len(args) > 1:
        name = f"{name} {command_name(args[1:])}"
        facts = command_facts(name)
    return name, facts


def _places(name: str, spec: KeySpec, args: Sequence[Any]) -> Sequence[int]:
    """Where one spec finds keys."""
    first = spec.begins_at if spec.keyword is None else _place_after(spec.keyword, spec.begins_at, args)
    if first is None:
        return ()
    step, end = spec.step, len(args)
    if spec.counted is not None:
        place_of_number, offset, step = spec.counted
        number = _number_of_keys(name, args, first + place_of_number)
        first += offset
        end = first + number * step
        if end > len(args):
            raise InvalidData(f"{name} has fewer arguments than its number of keys, {number}, needs")
    elif spec.last is None:
        return ()
    elif spec.last >= 0:
        end = min(first + spec.last + 1, end)
    elif spec.limit > 1:
        end = first + (end - first) // spec.limit + spec.last + 1
    else:
        end += spec.last + 1
    return range(first, end, step)


def _place_after(keyword: str, start: int | None, args: Sequence[Any]) -> int | None:
    """The index after a keyword that is searched for from *start* on, forwards."""
    for place in range(start or 1, len(args)):
        if command_name(args[place : place + 1]) == keyword:
            return place + 1
    return None


def _number_of_keys(name: str, args: Sequence[Any], place: int) -> int:
    number = args[place] if place < len(args) else None
    if type(number) is int and number >= 0:
        return number
    text = command_name((number,))
    if text.isascii() and text.isdigit() and len(text) < 20:
        return int(text)
    raise InvalidData(f"{name} needs the number of its keys as argument {place}, not {shown(number)}")


def _after_options(args: Sequence[Any], start: int, sizes: Mapping[str, int], wanted: Collection[str]) -> Iterator[int]:
    """The indices after the wanted options, of which *sizes* says how many arguments belong to each."""
    place = start
    while place < len(args) - 1:
        option = command_name(args[place : place + 1])
        if option in wanted:
            yield place + 1
        place += 1 + sizes.get(option, 0)


def _key_and_stores(args: Sequence[Any], start: int, sizes: Mapping[str, int]) -> list[int]:
    # Given twice, the last STORE counts; Redis 8.2 names the keys of all, and so does this function.
    return [*range(1, min(2, len(args))), *_after_options(args, start, sizes, ("STORE", "STOREDIST"))]


def _of_migrate(args: Sequence[Any]) -> list[int]:
    for first in _after_options(args, 6, _MIGRATE_OPTIONS, ("KEYS",)):
        # The key itself is then empty, or the server refuses the command.
        return [*([3] if args[3] else []), *range(first, len(args))]
    return list(range(3, min(4, len(args))))


#: Commands whose options no key spec describes.
_WITH_OPTIONS: dict[str, Callable[[Sequence[Any]], list[int]]] = {
    "GEORADIUS": lambda args: _key_and_stores(args, 6, _GEORADIUS_OPTIONS),
    "GEORADIUSBYMEMBER": lambda args: _key_and_stores(args, 5, _GEORADIUS_OPTIONS),
    "MIGRATE": _of_migrate,
    "SORT": lambda args: _key_and_stores(args, 2, _SORT_OPTIONS),
}
