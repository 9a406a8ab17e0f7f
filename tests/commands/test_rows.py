"""Every command sends what its rows say and gives the value they say, over the least host there is."""

from __future__ import annotations

import warnings
from contextlib import contextmanager

import pytest
from testbed.extent import some

from txredis_fast.commands import Commands
from txredis_fast.commands.modules import NAMESPACES

from .host import Host, QueuingHost, result_of
from .rows import same
from .tables import REFUSALS, ROWS, name_of


@contextmanager
def expected_warning(text):
    """Exactly this DeprecationWarning is given, at the line of the caller; or none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    assert [(w.category, str(w.message)) for w in caught] == ([] if text is None else [(DeprecationWarning, text)])
    # The calls are lambdas in the tables: a warning that names another file points at the wrong caller.
    assert all("table_" in w.filename for w in caught)


@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
def test_a_command_sends_its_bytes_and_gives_its_value(resp, row):
    host = Host(resp, row.charset, row.convert_numbers)
    with expected_warning(row.warning):
        deferred = row.call(host)
    assert host.take_sent() == row.wire
    host.answer(row.answered)
    value = result_of(deferred)
    assert same(value, row.value), value


@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
def test_a_host_that_queues_sends_scripts_whole_and_gives_the_same_value(resp, row):
    host = QueuingHost(resp, row.charset, row.convert_numbers)
    with expected_warning(row.warning):
        deferred = row.call(host)
    assert host.take_sent() == row.wire_queued
    host.answer(row.answered)
    value = result_of(deferred)
    assert same(value, row.value), value


@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
def test_only_blocking_commands_keep_the_connection_and_have_no_timeout(resp, row):
    host = Host(resp, row.charset, row.convert_numbers)
    with expected_warning(row.warning):
        row.call(host)
    (options,) = host.options
    assert options.get("blocking", False) == row.blocking
    assert options.get("apply_timeout", True) == (not row.blocking)
    marked = getattr(getattr(Commands, row.name), "_blocking", False)
    assert marked == row.blocking or isinstance(marked, tuple), "always, or with one of its arguments"


@pytest.mark.parametrize("refusal", some(REFUSALS), ids=name_of)
def test_a_wrong_call_sends_nothing_and_fails_its_deferred(host, refusal):
    with expected_warning(refusal.warning):
        error = result_of(refusal.call(host))
    assert type(error) is refusal.kind
    assert refusal.text is None or str(error) == refusal.text
    assert host.take_sent() == b""


def test_every_command_has_a_row():
    methods = {name for name in dir(Commands) if not name.startswith("_")} - {"execute_command", *NAMESPACES}
    assert {row.name for row in ROWS} == methods
