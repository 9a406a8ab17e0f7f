"""Fixtures for every test."""

from __future__ import annotations

import gc
import inspect
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from testbed.extent import BOTH, LEAVES_OUT
from testbed.support import IMPLEMENTATIONS, Turns, use_implementation
from twisted.logger import globalLogPublisher

import txredis_fast

# Shells let the commands that they run in the background ignore Ctrl-C, and what the tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class LoggedErrors:
    """The errors logged while a test runs, among them those of Deferreds that nobody handled."""

    def __init__(self) -> None:
        self._events: list[dict[str, Any]] = []

    def __call__(self, event: dict[str, Any]) -> None:
        """Take one event, as a log observer."""
        # (Twisted announces an unhandled error in an event of its own, without the failure.)
        if event.get("log_failure") is not None:
            self._events.append(event)

    def flush(self, *kinds: type[BaseException]) -> list[BaseException]:
        """Forget and return the errors logged so far that are of these classes, of any if none is given."""
        gc.collect()  # a Deferred tells of its unhandled error when it is collected
        wanted = kinds or (BaseException,)
        found = [event for event in self._events if isinstance(event["log_failure"].value, wanted)]
        self._events = [event for event in self._events if event not in found]
        return [event["log_failure"].value for event in found]

    def describe(self) -> list[str]:
        """Each error that was not flushed, with its traceback."""
        gc.collect()
        return [event["log_failure"].getTraceback() for event in self._events]


@pytest.fixture
def logged_errors() -> Iterator[LoggedErrors]:
    """Collects logged errors; the test fails at its end if any was not flushed."""
    errors = LoggedErrors()
    globalLogPublisher.addObserver(errors)
    try:
        yield errors
        left = errors.describe()
    finally:
        globalLogPublisher.removeObserver(errors)
    if left:
        pytest.fail("errors were logged and not handled:\n" + "\n".join(left), pytrace=False)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Turns:
    """The package's reactor is a clock that the test turns."""
    clock = Turns()
    monkeypatch.setattr(txredis_fast, "reactor", clock, raising=False)
    return clock


_IN_USE = "_pyresp" if txredis_fast.IMPLEMENTATION == "python" else "_cresp"


@pytest.fixture(params=IMPLEMENTATIONS if BOTH else [_IN_USE])
def both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs the test over both implementations of RESP, or over the one in use (TXREDIS_FAST_BOTH=0)."""
    use_implementation(monkeypatch, request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def mypy(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Checks the text of a program strictly, and returns mypy's lines. Programs share its cache of the package."""
    api = pytest.importorskip("mypy.api", reason="mypy is for the linters")
    folder = tmp_path_factory.mktemp("mypy")
    folder.joinpath("mypy.ini").write_text("[mypy]\nstrict = True\nfollow_imports = silent\n")

    def lines_about(text: str) -> str:
        program = folder / "program.py"
        program.write_text(text)
        options = ["--config-file", str(folder / "mypy.ini"), "--cache-dir", str(folder)]
        out, problems, _ = api.run([*options, str(program)])
        assert problems == ""
        return str(out)

    return lines_about


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what has the mark ``once`` or ``self_check``, where not everything is to be tried."""
    if LEAVES_OUT:
        left_out = {item for item in items if any(map(item.get_closest_marker, ("once", "self_check")))}
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run hypothesis' tests without pytest-twisted.

    It gives each example a turn of the reactor, and wraps a test once more for each of its parameters: the second
    one fails with "blockon cannot be called from the twisted greenlet" (1.14.3).
    """
    if not getattr(pyfuncitem.obj, "is_hypothesis_test", False):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    return True


@pytest.fixture(scope="module", autouse=True)
def _old_objects() -> None:
    """Keep what there is by now out of the garbage collector's sight: tests call it often, and it is much.

    At first that is what was imported and collected, later what pytest keeps of each test. (PyPy's has no such thing.)
    """
    gc.collect()
    if hasattr(gc, "freeze"):
        gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hypothesis looks for who refers to an object, where a run without its tests imports it at the end."""
    if hasattr(gc, "unfreeze"):
        gc.unfreeze()
