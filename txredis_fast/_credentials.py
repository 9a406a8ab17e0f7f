"""User names and passwords that a program's functions return: called for each new connection, because tokens change.

This module must not know connections.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any, TypeAlias, TypeVar

from twisted.internet.defer import Deferred

from ._checks import Credential, check_credential
from .exceptions import RedisError

__all__ = ["CredentialsError", "ask", "sendable"]


#: A user name or a password, as it is sent.
Secret: TypeAlias = str | bytes | int | None

_C = TypeVar("_C")


class CredentialsError(RedisError):
    """The program's function for the user name or password has failed."""


def sendable(credential: _C) -> _C | bytes:
    """A user name or password as the argument of a command: in UTF-8, whatever the charset is."""
    if isinstance(credential, str) and not credential.isascii():
        try:
            return str.encode(credential, "utf-8")
        except UnicodeError:
            pass  # refused where commands are encoded, with a text that does not show it
    return credential


def ask(username: Credential | None, password: Credential | None) -> Deferred[tuple[Any, Any]]:
    """Get the user name and the password of a new connection.

    :param username: the user name, or a function that returns it.
    :param password: the password, or a function that returns it.
    :returns: fires with both, at once unless a function returns a Deferred or a coroutine; fails with
        :exc:`CredentialsError`, whose text shows no result or exception of the functions.
    """
    return Deferred.fromCoroutine(_ask(username, password))


async def _ask(username: Credential | None, password: Credential | None) -> tuple[Secret, Secret]:
    # One after the other, so that functions that share a cache fetch the credentials once.
    return await _current("username", username), await _current("password", password)


async def _current(name: str, given: Credential | None) -> Secret:
    if not callable(given):
        return given
    try:
        answer = given()
        if inspect.iscoroutine(answer):
            answer = await answer
        elif "asyncio" in sys.modules and sys.modules["asyncio"].isfuture(answer):
            answer = Deferred.fromFuture(answer)
        if isinstance(answer, Deferred):
            answer = await answer
    except Exception as error:
        raised = type(error).__name__
    else:
        return _checked(name, answer)
    # Neither chained to the exception nor with its text, which may have the secret.
    raise CredentialsError(f"the function given as {name} raised {raised}")


def _checked(name: str, answer: object) -> Secret:
    check = functools.partial(check_credential, name, answer, function_allowed=False)
    try:
        checked, fault = check(), "" if answer is not None or name == "username" else f"{name} must not be None"
    except ValueError as error:
        checked, fault = None, str(error)
    if fault:
        raise CredentialsError(f"what the function given as {name} returned cannot be used: {fault}")
    return checked  # type: ignore[no-any-return]
