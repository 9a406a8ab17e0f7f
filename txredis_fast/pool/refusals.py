"""Which refusals of a handshake pass by themselves, and which will be repeated until the program changes something.

This module must not know of connections.
"""

from __future__ import annotations

from .._credentials import CredentialsError
from ..exceptions import AuthenticationError, BusyError, LoadingError, MasterDownError, ReadOnlyError

__all__ = ["passes_by_itself"]

_PASSING = (LoadingError, BusyError, MasterDownError, ReadOnlyError)


def passes_by_itself(error: BaseException, first: bool) -> bool:
    """Whether the next handshake may succeed although this one was refused.

    A password that the server demands and that this side does not have, or that a function of the program failed to
    give, may be there the next time; but the first connection of a constructor fails with that at once.

    :param error: the error of a step of the handshake.
    :param first: whether the caller of a constructor waits for the first connections.
    """
    if isinstance(error, _PASSING) or "max number of clients" in str(error):
        return True
    demanded = isinstance(error, AuthenticationError) and error.code == "NOAUTH"
    return not first and (demanded or isinstance(error, CredentialsError))
