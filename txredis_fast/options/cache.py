"""The options of client-side caching: how much a handler keeps, for how long, and how the server tells it of changes.

This module must not know how anything is kept or fetched.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable
from typing import Literal, TypeAlias, cast

from .._checks import check_choice, check_flag, check_seconds, shown
from .checks import count, count_or_none, seconds
from .option import documented, judge, option

__all__ = ["CacheMode", "ClientCache", "WhileDown"]

#: See the option ``mode``.
CacheMode: TypeAlias = Literal["optin", "broadcast"]

#: See the option ``while_down``.
WhileDown: TypeAlias = Literal["read", "fail"]


def seconds_above_zero(name: str, value: object) -> float:
    """Check a time in seconds, above 0."""
    return cast("float", check_seconds(name, value, exclusive=True))


def check_mode(name: str, value: object) -> CacheMode:
    """Check the option ``mode``."""
    return cast("CacheMode", check_choice(name, value, ("optin", "broadcast")))


def check_while_down(name: str, value: object) -> WhileDown:
    """Check the option ``while_down``."""
    return cast("WhileDown", check_choice(name, value, ("read", "fail")))


def check_prefixes(name: str, value: object) -> tuple[str | bytes, ...]:
    """Check the option ``prefixes``: none is empty, and none begins with another, which the server would refuse."""
    wanted = "a list of prefixes of keys, each str or bytes and not empty"
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        raise ValueError(f"{name} must be {wanted}, not {shown(value)}")
    prefixes = tuple(value)
    for prefix in prefixes:
        if not isinstance(prefix, str | bytes) or not prefix:
            raise ValueError(f"{name} must be {wanted}, not {shown(prefix)} among them")
    encoded = sorted(prefix.encode() if isinstance(prefix, str) else prefix for prefix in prefixes)
    for shorter, longer in itertools.pairwise(encoded):
        if longer.startswith(shorter):
            raise ValueError(f"{name} must not overlap: {shown(longer)} begins with {shown(shorter)}")
    return prefixes


@documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class ClientCache:
    """Client-side caching of replies, which the server invalidates. Immutable; the option ``cache`` of constructors.

    ``rc.cached(60).get("key")`` then answers from the memory of this process what was read at most 60 seconds ago and
    has not changed since. Needs Redis 7.0 or Valkey.

    :raises ValueError: a value is of a wrong type or out of its range; the error names it.
    """

    max_bytes: int = option(
        64 * 2**20,
        check=count(1),
        default_text="``67108864`` (64 MiB)",
        doc="""Bytes that the kept replies may take in this process, their keys and the overhead of Python's objects
        counted; at least 1. Beyond it, replies that were not asked for lately are dropped. Of each server, where there
        are several.""",
    )
    default_ttl: float = option(
        60.0,
        check=seconds,
        doc="""Seconds that ``rc.cached()`` accepts a kept reply for, 0 or more.""",
    )
    max_entry_bytes: int | None = option(
        None,
        check=count_or_none(1),
        doc="""Bytes of the largest reply that is kept, overhead included, at least 1; larger ones are read each time.
        None: the limit is ``max_bytes``.""",
    )
    mode: CacheMode = option(
        "optin",
        check=check_mode,
        doc="""How the server tracks. "optin": it remembers each key that was read for the cache, which costs it memory,
        and tells of changes of these alone. "broadcast": it remembers nothing, and tells of each change of any key with
        one of the ``prefixes``.""",
    )
    prefixes: tuple[str | bytes, ...] = option(
        (),
        check=check_prefixes,
        doc="""For the mode "broadcast": prefixes of the keys that are cached, each str or bytes, none the beginning of
        another. Keys without one are read each time. None given: every key is cached.""",
    )
    while_down: WhileDown = option(
        "read",
        check=check_while_down,
        doc="""What a cached read does while the server cannot tell of changes, because the connection for that is down,
        or the server refuses it. "read": it reads from the pool, and keeps nothing. "fail": it fails at once with
        ``NotSentError``.""",
    )
    health_interval: float = option(
        5.0,
        check=seconds_above_zero,
        doc="""Seconds between two PINGs on the connection that the server tells of changes on, above 0. When it has
        been silent for twice as long, nothing that was kept is given any more.""",
    )
    cacheable_scripts: bool = option(
        False,
        check=check_flag,
        doc="""Whether EVAL_RO, EVALSHA_RO and FCALL_RO are cached. The server then tells of changes of the keys that
        the call declares, so a script must declare every key that it reads, and depend on nothing else.""",
    )

    def __post_init__(self) -> None:
        """Judge every value once, and keep it as the package uses it."""
        judge(self)
        if self.prefixes and self.mode != "broadcast":
            raise ValueError('prefixes need mode="broadcast": with "optin" the server tracks what is read')
