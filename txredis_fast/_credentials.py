"""User names and passwords that a program's functions give: asked for each new connection, as a token changes.

This module must not know connections.
"""

from __future__ import annotations

import functools
import inspect
import sys
from typing import Any

from twisted.internet.defer import Deferred

from ._checks import check_credential
from .exceptions import RedisError

__all__ = ["CredentialsError", "ask", "sendable"]


class CredentialsError(RedisError):
    """The function that is to give a user name or a password did not."""


def sendable(credential: Any) -> Any:
    """A user name or password as it is given to a command: UTF-8, whatever the charset is."""
    if isinstance(credential, str) and not credential.isascii():
        try:
            return str.encode(credential, "utf-8")
        except UnicodeError:
            pass  # refused where commands are encoded, in words without it
    return credential


def ask(username: Any, password: Any) -> Deferred[tuple[Any, Any]]:
    """Ask for what to log in with.

    :param username: the user name, or a function; and so is the password.
    :returns: fires with both, at once where they are there at once; fails with :exc:`CredentialsError`, whose text has
        nothing of what the functions gave or raised.
    """
    return Deferred.fromCoroutine(_ask(username, password))


async def _ask(username: Any, password: Any) -> tuple[Any, Any]:
    # One after the other, so that a function that keeps both in hand fetches them once.
    return await _current("username", username), await _current("password", password)


async def _current(name: str, given: Any) -> Any:
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
    # Not raised while that is handled, nor with its text: it may have the secret.
    raise CredentialsError(f"the function given as {name} raised {raised}")


def _checked(name: str, answer: Any) -> Any:
    check = functools.partial(check_credential, name, answer, function_allowed=False)
    try:
        checked, fault = check(), "" if answer is not None or name == "username" else f"{name} must not be None"
    except ValueError as error:
        checked, fault = None, str(error)
    if fault:
        raise CredentialsError(f"what the function given as {name} returned cannot be used: {fault}")
    return checked
