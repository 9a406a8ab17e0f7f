"""``python -m txredis_fast``: a tour for newcomers, a doctor for the user's own server, and ``run``.

This module parses the arguments and returns the exit status: 0 for success, 1 for a failure, 2 for wrong arguments,
128 plus the signal's number after a signal. ``_cli`` does the work.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
from typing import NoReturn

from . import __version__
from ._cli import PROGRAM, CommandLineError

__all__ = ["main"]

_DEFAULT_SECONDS = 12.0
_QUICK_SECONDS = 2.0
_DEFAULT_TIMEOUT = 10.0

#: Has the URL of the server, where the command line has none.
_VARIABLE = "REDIS_URL"
#: Stands for the URL where ``--url`` has none; a NUL cannot be in an argument.
_FROM_ENVIRONMENT = "\0"

_USAGE = f"""\
{PROGRAM} [--url [URL]] [--quick | --seconds N]
                              [--timeout N]
       {PROGRAM} run [-m MODULE | SCRIPT] [ARGS ...]
       {PROGRAM} --version | --help"""

_DESCRIPTION = f"""\
A fast Redis and Valkey client for Twisted, a drop-in replacement of txredisapi.

  {PROGRAM}
      The tour. Starts a server of its own, shows the API at work on it (values,
      a pipeline, a transaction, a published message), and how fast that is:
      round-trip times, commands a second, compiled against pure Python.

  {PROGRAM} --url [URL]
      The doctor. The same on your own server: names the server and the commands
      that your user may not execute, or says why the connection failed. Creates
      two keys of its own, and deletes them. --url alone takes the URL of the
      environment's $REDIS_URL, where no list of processes shows a password.

  {PROGRAM} run server.py
      Runs a program written for txredisapi, unchanged; see `run --help`.
"""

_EPILOG = """\
URL is redis://user:password@host:port/db, or rediss://... for TLS, or
unix://user:password@/path/of/socket?db=0; all but the scheme may be left out.
valkey:// and valkeys:// are the same as redis:// and rediss://.
User and password are percent-encoded. In the environment, NO_COLOR=1 turns
colours off, TXREDIS_FAST_PUREPYTHON=1 selects the pure-Python implementation.
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise CommandLineError(message, 2)


def _positive(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e6:
        raise argparse.ArgumentTypeError(f"not a number of seconds above 0: {text!r}")
    return number


def make_parser() -> argparse.ArgumentParser:
    """Make the argument parser for the tour and the doctor; ``run`` parses its own arguments."""
    parser = _Parser(
        prog=PROGRAM,
        usage=_USAGE,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--url",
        metavar="URL",
        nargs="?",
        const=_FROM_ENVIRONMENT,
        help=f"your own server, its URL or that of ${_VARIABLE}; default: one started for the tour",
    )
    duration = parser.add_mutually_exclusive_group()
    duration.add_argument(
        "--seconds",
        metavar="N",
        type=_positive,
        default=_DEFAULT_SECONDS,
        help="seconds to measure; default: %(default)g",
    )
    duration.add_argument(
        "--quick",
        action="store_const",
        dest="seconds",
        const=_QUICK_SECONDS,
        help="measure for %(const)g seconds only, with coarser figures",
    )
    parser.add_argument(
        "--timeout",
        metavar="N",
        type=_positive,
        default=_DEFAULT_TIMEOUT,
        help="seconds to wait for a connection, and for each reply; default: %(default)g",
    )
    parser.add_argument("--version", action="version", version=f"txredis_fast {__version__}")
    return parser


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """Parse the arguments of the tour and the doctor.

    :raises CommandLineError: they are wrong. Its text does not repeat a URL, which may have a password.
    """
    options, others = make_parser().parse_known_args(arguments)
    if any("://" in other for other in others):
        raise CommandLineError("a URL stands behind --url, and there is one at most; see --help", 2)
    if others:
        raise CommandLineError(f"unrecognized arguments: {' '.join(others)}; see --help", 2)
    return options


def _url_and_source(url: str) -> tuple[str, str]:
    """Return the URL of the user's server, and where it stands.

    :raises CommandLineError: it stands nowhere.
    """
    if url != _FROM_ENVIRONMENT:
        return url, "argument --url"
    found = os.environ.get(_VARIABLE)
    if not found:
        raise CommandLineError(f"argument --url: expected a URL behind it, or in the environment as {_VARIABLE}", 2)
    return found, f"the environment's {_VARIABLE}"


def _tour(options: argparse.Namespace) -> None:
    # Imported here, because a program started by `run` may have to import modules of Twisted in its own order.
    from ._cli.address import Address
    from ._cli.loop import Interrupted, run_reactor
    from ._cli.screen import Screen
    from ._cli.server import EmbeddedServer
    from ._cli.tour import Tour

    screen = Screen()
    with contextlib.ExitStack() as stack:
        embedded = None
        if options.url is None:
            embedded = EmbeddedServer()
            stack.enter_context(embedded)
            address = Address(f"redis://{embedded.host}:{embedded.port}")
        else:
            address = Address(*_url_and_source(options.url))
        tour = Tour(screen, address, embedded, options.seconds, options.timeout)
        try:
            run_reactor(tour.run)
        except (CommandLineError, Interrupted) as error:
            status = error.status
            message = "interrupted" if isinstance(error, Interrupted) else str(error)
            left = f"; {tour.keys.left_behind}" if tour.keys.left_behind else ""
            raise CommandLineError(f"{message}{left}", status) from None


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the arguments name.

    :param arguments: the command line without the program's name. None: that of this process.
    :returns: the exit status.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        if arguments[:1] == ["run"]:
            from ._cli.run import run

            return run(arguments[1:])
        return _take_tour(_parsed(arguments))
    except CommandLineError as error:
        sys.stderr.write(f"{PROGRAM}: {'error: ' if error.status == 2 else ''}{error}\n")
        return error.status


def _take_tour(options: argparse.Namespace) -> int:
    try:
        _tour(options)
    except BrokenPipeError:
        # The reader of standard output is gone. The interpreter flushes standard output again at exit, which must not
        # raise a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        raise CommandLineError("interrupted", 128 + signal.SIGINT) from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
