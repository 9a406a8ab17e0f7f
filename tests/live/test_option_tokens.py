"""The recorded option tokens are those that the servers say."""

from __future__ import annotations

import pytest
from testbed.option_tokens import RELEASES, of_sentinel, recorded_tokens, release_of, tokens_of
from testbed.sentinels import Sentinel

pytestmark = pytest.mark.self_check


def test_the_recorded_options_are_those_of_each_server(any_server):
    if any_server.version[1] < "7":
        pytest.skip("there is no COMMAND DOCS before 7.0")
    told = tokens_of(any_server.command("COMMAND", "DOCS"))
    release = release_of(any_server.version)
    recorded = recorded_tokens(release if release in RELEASES else None)
    assert [command for command, tokens in told.items() if tokens - recorded.get(command, frozenset())] == []
    if release in RELEASES:
        lost = [command for command, tokens in recorded.items() if command in told and tokens - told[command]]
        assert lost == [], "python -m tests.testbed.option_tokens writes the file"


def test_the_recorded_options_are_those_of_each_sentinel(any_server):
    release = release_of(any_server.version)
    if release not in RELEASES:
        pytest.skip("its options are not recorded")
    with Sentinel(any_server) as sentinel:
        told = of_sentinel(sentinel)
    recorded = recorded_tokens(release)
    assert len(told) > 15
    assert [command for command, tokens in told.items() if tokens != recorded.get(command, frozenset())] == []
