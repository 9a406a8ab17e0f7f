"""MULTI, EXEC, DISCARD, WATCH and UNWATCH."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..replies import OK, ReplyError
from .registry import command

if TYPE_CHECKING:
    from ..session import Session

__all__: list[str] = []


@command("MULTI", 1)
def multi(session: Session) -> object:
    """Begin a transaction."""
    if session.queued is not None:
        raise ReplyError("ERR MULTI calls can not be nested")
    session.queued = []
    session.refused = False
    return OK


@command("EXEC", 1)
def exec_(session: Session) -> object:
    """Execute the commands since MULTI."""
    if session.queued is None:
        raise ReplyError("ERR EXEC without MULTI")
    return session.execute_queued()


@command("DISCARD", 1)
def discard(session: Session) -> object:
    """Forget the commands since MULTI."""
    if session.queued is None:
        raise ReplyError("ERR DISCARD without MULTI")
    session.end_transaction()
    return OK


@command("WATCH", -2)
def watch(session: Session, *keys: bytes) -> object:
    """Let EXEC do nothing if a key changes before it."""
    if session.queued is not None:
        raise ReplyError("ERR WATCH inside MULTI is not allowed")
    database = session.database
    for key in keys:
        session.watched.setdefault((database, key), database.get(key) is not None)
    return OK


@command("UNWATCH", 1)
def unwatch(session: Session) -> object:
    """Forget the watched keys."""
    session.unwatch()
    return OK
