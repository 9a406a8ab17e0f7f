"""The errors for a name that an object with commands does not have, and for a keyword that a command does not have.

This module must not know how a command is sent.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import cast

from ..._checks import nearest

__all__ = ["unknown_keyword", "unknown_name"]


#: The commands of subscribers, which change the use of a connection.
_OF_SUBSCRIBERS = {f"{kind}{verb}" for kind in ("", "p", "s") for verb in ("subscribe", "unsubscribe")}

#: Names of other clients for methods that handlers have.
_OF_OTHER_CLIENTS = {"close": "disconnect", "aclose": "disconnect", "pubsub": "subscriber"}


def unknown_name(owner: object, name: str, *classes: type) -> AttributeError:
    """Make the error: it names the nearest names that exist, and the method that sends any command.

    :param owner: the object that lacks the name.
    :param classes: further classes whose public names the object has.
    """
    text = f"{type(owner).__name__!r} object has no attribute {name!r}"
    if not name.startswith("_"):
        text += _advice(name, *cast(Sequence[Hashable], (type(owner), *classes)))
    return AttributeError(text, name=name, obj=owner)


# Cached, because a search takes about a millisecond, and a program may ask hasattr() often.
@functools.lru_cache(maxsize=64)
def _advice(name: str, *classes: Hashable) -> str:
    if name.lower() in _OF_SUBSCRIBERS:
        return "; it needs a connection of its own: see subscriber() of a handler, and SubscriberFactory"
    if name.lower() == "monitor":
        return "; it needs a connection of its own: see MonitorFactory"
    known = {each for cls in classes for each in dir(cls) if not each.startswith("_")}
    here = _OF_OTHER_CLIENTS.get(name.lower())
    if here in known:
        return f"; here it is {here}()"
    close = nearest(name, known)
    sends = "; execute_command() sends any command by its name" if "execute_command" in known else ""
    return (f"; the nearest: {', '.join(close)}" if close else "") + sends


def unknown_keyword(error: Exception, function: Callable[..., object], keywords: Collection[str]) -> Exception:
    """Return the error of a call; where that is Python's about an unknown keyword, with the nearest parameters.

    Calls pay nothing for it, because it is made from the exception.

    :param error: the exception of ``function(*args, **keywords)``, caught by the caller.
    """
    raised_at = error.__traceback__
    if not keywords or type(error) is not TypeError or raised_at is None or raised_at.tb_next is not None:
        return error  # not raised by the call itself
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # a program's own callable
        return error
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return error
    close = [near for name in keywords if name not in parameters for near in nearest(name, parameters)]
    if not close:
        return error
    text = str(error).partition(". Did you mean ")[0]  # the advice of Python 3.13, which names one
    return TypeError(f"{text}; the nearest: {', '.join(dict.fromkeys(close))}").with_traceback(raised_at)
