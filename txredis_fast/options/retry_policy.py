"""Repeat failed commands, if a program asks for it; otherwise no command is ever sent twice.

Theory. Whether a failed command may have been executed decides whether it is safe to send it again:

* ``NotSentError``: it was never written. Sending it again is always safe, and every policy does it.
* ``MaybeExecutedError``: it was written, and the reply is lost. Sending it again may execute it twice. For a command
  that only reads (the servers' own flag says which do) that does no harm, and ``read_only=True`` repeats those. Of a
  command that writes only the program knows (``SET k v`` is the same twice, ``INCR k`` is not): it marks the call,
  ``rc.retrying.set("k", "v")``, or ``rc.execute_command("SET", "k", "v", retry=True)``.
* An error reply that means "not now, not here" (``LOADING``, ``BUSY``, ``READONLY``, ``MASTERDOWN``, ``TRYAGAIN``,
  ``CLUSTERDOWN``, and ``UNBLOCKED`` where the server has become a replica): the server refused it, and has executed
  nothing. ``refused=True`` repeats it, whatever it is, without a mark, which would repeat it after a lost reply too.
  A script is different: it may have made the error itself, half way through, so it is repeated where the text is the
  server's own (it is loading, or busy with another script), or where it is marked. Other error replies are final.

Between attempts the delay grows by a factor up to a maximum, with jitter, so that the clients of a server that comes
back do not all come at once. A time limit of the call (``rc.withTimeout(2)``) covers all attempts. Transactions,
pipelines and batches are never repeated: ``rc.transact()`` is for that.

This module must not know how a command is sent, nor what a command is.
"""

from __future__ import annotations

import dataclasses
import random
import re

from .._checks import check_flag, shown
from .._roles import is_of_replica
from ..exceptions import MaybeExecutedError, NotSentError, ResponseError
from .checks import count, number, seconds
from .option import documented, judge, option

__all__ = ["RetryPolicy", "check_retry"]

#: Codes of error replies for a temporary refusal.
_NOT_NOW = frozenset({"LOADING", "BUSY", "READONLY", "MASTERDOWN", "TRYAGAIN", "CLUSTERDOWN"})

#: Texts of errors that a server sends before it executes anything, even a script.
_BEFORE_SCRIPTS = r"LOADING \w+ is loading |BUSY \w+ is busy running |READONLY Can not run script "

#: With a larger exponent the delay is ``max_delay`` anyway, and the power may overflow.
_LARGEST_EXPONENT = 100


@documented
@dataclasses.dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Which commands are sent again, how often and when. Immutable; the option ``retry`` of all constructors.

    ``RetryPolicy()`` repeats commands that were never written, and those that the program marks.

    :raises ValueError: a value is of a wrong type or out of its range; the error names it.
    """

    attempts: int = option(
        3,
        check=count(1),
        doc="""Number of times that a command is sent at most, the first time included; at least 1.""",
    )
    delay: float = option(
        0.05,
        check=seconds,
        doc="""Seconds before the second attempt, 0 or more.""",
    )
    factor: float = option(
        2.0,
        check=number(1),
        doc="""Factor by which the delay grows with each further attempt, at least 1.""",
    )
    max_delay: float = option(
        1.0,
        check=seconds,
        doc="""Longest delay in seconds, before jitter.""",
    )
    jitter: float = option(
        0.25,
        check=number(most=1, kind="a fraction"),
        doc="""Randomness of each delay as a fraction of it, from 0 to 1: 0.25 is up to 25 per cent more or less.""",
    )
    read_only: bool = option(
        False,
        check=check_flag,
        doc="""Whether a command that only reads is sent again after its reply was lost.""",
    )
    refused: bool = option(
        False,
        check=check_flag,
        doc="""Whether any command is sent again after the server refused it for now (``LOADING``, ``BUSY``,
        ``READONLY`` ...), because the server executed nothing.""",
    )

    def __post_init__(self) -> None:
        """Judge every value once, and keep it as the package uses it."""
        judge(self)

    def delay_after(self, attempt: int) -> float:
        """Seconds to wait after an attempt that failed, counted from 1."""
        exponent = min(attempt - 1, _LARGEST_EXPONENT)
        try:
            delay = min(self.delay * float(self.factor) ** exponent, self.max_delay)
        except OverflowError:
            delay = self.max_delay
        return delay * (1 + random.uniform(-self.jitter, self.jitter))

    def repeats(self, error: BaseException, reads: bool, marked: bool = False, runs_script: bool = False) -> bool:
        """Whether a command that failed so may be sent again.

        :param reads: whether it is one that only reads.
        :param marked: whether the program says that executing it twice does no harm.
        :param runs_script: whether it runs a script or a function, which may have made the error itself.
        """
        if isinstance(error, NotSentError):
            return True
        if isinstance(error, MaybeExecutedError):
            return marked or (self.read_only and reads)
        if isinstance(error, ResponseError) and self.refused and _is_refusal(error):
            return marked or reads or not runs_script or re.match(_BEFORE_SCRIPTS, str(error)) is not None
        return False


def _is_refusal(error: ResponseError) -> bool:
    return error.code in _NOT_NOW or (error.code == "UNBLOCKED" and is_of_replica(error))


def check_retry(name: str, value: object) -> RetryPolicy | None:
    """Check that it is a :class:`RetryPolicy` or None.

    :raises ValueError: it is something else.
    """
    # The type, because an object of a program may claim any class.
    if value is None or issubclass(type(value), RetryPolicy):
        return value  # type: ignore[return-value]
    raise ValueError(f"{name} must be a RetryPolicy or None, not {shown(value)}")
