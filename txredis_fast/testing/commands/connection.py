"""The connection itself, and the server: login, database, protocol, names, time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..replies import NO_REPLY, NULL_ARRAY, OK, ReplyError, Status
from .keys import database_index
from .registry import command, integer

if TYPE_CHECKING:
    from ..session import Session

__all__: list[str] = []

_WRONG_LOGIN = "WRONGPASS invalid username-password pair or user is disabled."
_NO_PASSWORD = (
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)


@command("PING", -1)
def ping(session: Session, *message: bytes) -> object:
    """Answer PONG, or the message."""
    if len(message) > 1:
        raise ReplyError("ERR wrong number of arguments for 'ping' command")
    if session.subscriptions and session.protocol == 2:
        return [b"pong", message[0] if message else b""]
    return message[0] if message else Status("PONG")


@command("ECHO", 2)
def echo(session: Session, message: bytes) -> object:
    """Answer the message."""
    return message


def _log_in(session: Session, username: bytes, password: bytes) -> None:
    server = session.server
    if username != server.username.encode() or password != (server.password or "").encode():
        raise ReplyError(_WRONG_LOGIN)
    session.logged_in = True


@command("AUTH", -2)
def auth(session: Session, *login: bytes) -> object:
    """Log in."""
    if len(login) > 2:
        raise ReplyError("ERR syntax error")
    server = session.server
    if server.password is None:
        if len(login) == 1:
            raise ReplyError(_NO_PASSWORD)
        if login[0] != server.username.encode():
            raise ReplyError(_WRONG_LOGIN)
        return OK
    _log_in(session, login[0] if len(login) == 2 else server.username.encode(), login[-1])
    return OK


@command("HELLO", -1)
def hello(session: Session, *words: bytes) -> object:
    """Choose the protocol."""
    protocol = session.protocol
    if words:
        protocol = integer(words[0], "ERR Protocol version is not an integer or out of range")
        if protocol not in (2, 3):
            raise ReplyError("NOPROTO unsupported protocol version")
    rest = list(words[1:])
    name = None
    while rest:
        option = rest.pop(0)
        word = option.upper()
        if word == b"AUTH" and len(rest) >= 2:
            _log_in(session, rest.pop(0), rest.pop(0))
        elif word == b"SETNAME" and rest:
            name = rest.pop(0)
        else:
            raise ReplyError(f"ERR Syntax error in HELLO option '{option.decode(errors='replace')}'")
    if not session.logged_in:
        raise ReplyError(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH "
            "<user> <pass> option can be used to authenticate the client and select the RESP protocol version at the "
            "same time"
        )
    session.protocol = protocol
    session.name = session.name if name is None else name
    return {
        b"server": b"redis",
        b"version": b"7.2.4",
        b"proto": protocol,
        b"id": session.number,
        b"mode": b"standalone",
        b"role": b"master",
        b"modules": [],
    }


@command("SELECT", 2)
def select(session: Session, number: bytes) -> object:
    """Select a database."""
    session.index = database_index(session, number)
    return OK


@command("QUIT", -1)
def quit_(session: Session, *unused: bytes) -> object:
    """Close the connection."""
    session.send(OK)
    session.close()
    return NO_REPLY


@command("RESET", 1)
def reset(session: Session) -> object:
    """Make the connection as new."""
    session.queued = None
    session.unwatch()
    session.channels.clear()
    session.patterns.clear()
    session.shard_channels.clear()
    session.protocol, session.index, session.name = 2, 0, b""
    session.logged_in = session.server.password is None
    return Status("RESET")


@command("CLIENT", -2, {"ID": 2, "GETNAME": 2, "SETNAME": 3, "SETINFO": 4, "LIST": -2, "INFO": 2, "UNBLOCK": -3})
def client(session: Session, what: bytes, *args: bytes) -> object:
    """Answer the subcommands that drivers use."""
    word = what.upper()
    if word == b"ID":
        return session.number
    if word == b"GETNAME":
        return session.name or None
    if word == b"SETNAME":
        if any(not 33 <= byte <= 126 for byte in args[0]):
            raise ReplyError("ERR Client names cannot contain spaces, newlines or special characters.")
        session.name = args[0]
    if word == b"SETINFO" and args[0].upper() not in (b"LIB-NAME", b"LIB-VER"):
        raise ReplyError(f"ERR Unrecognized option '{args[0].decode(errors='replace')}'")
    if word == b"UNBLOCK":
        return _unblock(session, args)
    return _clients(session, word, args) if word in (b"LIST", b"INFO") else OK


def _clients(session: Session, word: bytes, args: tuple[bytes, ...]) -> bytes:
    sessions = list(session.server.sessions) if word == b"LIST" else [session]
    if args[:1] and args[0].upper() == b"ID":
        wanted = {integer(each, "ERR Invalid client ID") for each in args[1:]}
        sessions = [each for each in sessions if each.number in wanted]
    lines = [b"id=%d name=%b db=%d resp=%d\n" % (s.number, s.name, s.index, s.protocol) for s in sessions]
    return b"".join(lines)


def _unblock(session: Session, args: tuple[bytes, ...]) -> int:
    number = integer(args[0])
    reason = args[1].upper() if len(args) == 2 else b"TIMEOUT"
    if reason not in (b"TIMEOUT", b"ERROR"):
        raise ReplyError("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    for other in list(session.server.waiting):
        if other.number == number and other.wait is not None:
            error = ReplyError("UNBLOCKED client unblocked via CLIENT UNBLOCK")
            other.end_wait(error if reason == b"ERROR" else NULL_ARRAY)
            return 1
    return 0


@command("TIME", 1)
def time(session: Session) -> object:
    """Return the second and the microsecond of the server's clock."""
    now = session.server.now()
    return [b"%d" % (now // 1000), b"%d" % (now % 1000 * 1000)]


@command("INFO", -1)
def info(session: Session, *sections: bytes) -> object:
    """Return a few lines about the server."""
    return (
        "# Server\r\nredis_version:7.2.4\r\nredis_mode:standalone\r\n\r\n"
        f"# Clients\r\nconnected_clients:{len(session.server.sessions)}\r\n"
    ).encode()


@command("ROLE", 1)
def role(session: Session) -> object:
    """Say that this is a master."""
    return [b"master", 0, []]
