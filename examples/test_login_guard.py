"""Unit tests of ``login_guard.py``, in memory: no server, no socket, no waiting.

python -m pytest examples/test_login_guard.py
"""

from collections.abc import Iterator

import pytest
from login_guard import LoginGuard

import txredis_fast as redis
from txredis_fast.testing import FakeServer


@pytest.fixture
def server() -> Iterator[FakeServer]:
    with FakeServer() as server:  # redis.connect() leads to it, whatever the URL
        yield server


@pytest.fixture
def guard(server: FakeServer) -> LoginGuard:
    return LoginGuard(server.result(redis.connect("redis://redis.internal", replyTimeout=2)))


def test_the_right_password_is_welcome(server: FakeServer, guard: LoginGuard) -> None:
    assert server.result(guard.log_in("alice", "wonderland")) == "welcome"


def test_an_account_is_locked_after_three_wrong_passwords_and_for_a_minute(
    server: FakeServer, guard: LoginGuard
) -> None:
    for _ in range(3):
        assert server.result(guard.log_in("alice", "guess")) == "wrong password"
    assert server.result(guard.log_in("alice", "wonderland")) == "locked for 60 s"
    server.advance(59)
    assert server.result(guard.log_in("alice", "wonderland")) == "locked for 1 s"
    server.advance(1)
    assert server.result(guard.log_in("alice", "wonderland")) == "welcome"


def test_the_right_password_forgets_the_wrong_ones(server: FakeServer, guard: LoginGuard) -> None:
    server.result(guard.log_in("alice", "guess"))
    server.result(guard.log_in("alice", "wonderland"))
    assert server.execute("EXISTS", "example:failures:alice") == 0


def test_the_number_in_redis_counts(server: FakeServer, guard: LoginGuard) -> None:
    server.execute("SET", "example:failures:alice", 3, "EX", 10)
    assert server.result(guard.log_in("alice", "wonderland")) == "locked for 10 s"


def test_a_server_that_hangs_does_not_hold_users_up_for_long(server: FakeServer, guard: LoginGuard) -> None:
    server.hang()
    assert server.result(guard.log_in("alice", "wonderland"), seconds=2) == "try again later"


def test_a_lost_connection_is_told_and_made_again(server: FakeServer, guard: LoginGuard) -> None:
    server.cut_next("GET")
    assert server.result(guard.log_in("alice", "wonderland")) == "try again later"
    server.advance(5)
    assert server.result(guard.log_in("alice", "wonderland")) == "welcome"
