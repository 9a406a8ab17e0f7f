"""Arguments are understood in every way that callers give them."""

from __future__ import annotations

import warnings
from datetime import timedelta
from decimal import Decimal

import pytest

from txredis_fast.commands._parts.arguments import list_or_args, one_or_many
from txredis_fast.exceptions import InvalidData

from .host import Host, result_of
from .rows import old_arguments


def test_list_or_args_leaves_the_callers_list_alone():
    keys = ["a"]
    with pytest.warns(DeprecationWarning, match="deprecated"):
        assert list_or_args("delete", keys, ("b",)) == ["a", "b"]
    assert keys == ["a"]


def test_list_or_args_takes_a_tuple_and_further_arguments():
    with pytest.warns(DeprecationWarning, match="deprecated"):
        assert list_or_args("delete", ("a",), ("b",)) == ["a", "b"]


@pytest.mark.parametrize("keys", [["a"], ("a",), {"a"}, {"a": 1}, range(3)])
def test_list_or_args_gives_an_iterable_back(keys):
    assert list_or_args("delete", keys, ()) is keys


def test_list_or_args_takes_what_can_only_be_indexed():
    class Indexed:
        def __getitem__(self, index):
            return ["a", "b"][index]

    with pytest.warns(DeprecationWarning, match="deprecated"):
        assert list_or_args("delete", Indexed(), ("c",)) == ["a", "b", "c"]


@pytest.mark.parametrize("key", ["key", b"key", bytearray(b"key"), memoryview(b"key")])
def test_text_and_bytes_of_any_kind_are_one_key(key):
    assert list_or_args("delete", key, ()) == [key]
    assert one_or_many(key) == (key,)


def test_a_number_is_one_key_with_a_warning():
    with pytest.warns(DeprecationWarning) as caught:
        assert list_or_args("delete", 5, ()) == [5]
    assert [str(warning.message) for warning in caught] == [old_arguments("delete")]


def test_a_deprecation_turned_into_an_error_fails_the_deferred(host):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        failed = host.delete("a", "b")
    assert type(result_of(failed)) is DeprecationWarning
    assert host.take_sent() == b""


@pytest.mark.parametrize("time", [float("nan"), float("inf"), True, None, [], object(), Decimal("nan")])
@pytest.mark.parametrize("name", ["expire", "setex", "set", "pexpire", "exat"])
def test_a_time_to_live_that_is_none_is_refused_by_its_name(resp, name, time):
    host = Host(resp)
    if name in ("pexpire", "exat", "set"):
        if time is None:
            return  # not given
        deferred = host.set("k", "v", **{"expire" if name == "set" else name: time})
    else:
        deferred = host.expire("k", time) if name == "expire" else host.setex("k", time, "v")
    error = result_of(deferred)
    assert isinstance(error, InvalidData)
    named = {"expire": "time", "setex": "time", "set": "expire"}.get(name, name)
    assert str(error).startswith(f"{named} must be a finite number of seconds or a timedelta, not ")
    assert host.take_sent() == b""


def test_a_blocking_command_takes_a_timedelta(resp):
    host = Host(resp)
    host.blpop("k", timedelta(seconds=1.5))
    assert host.take_sent() == b"*3\r\n$5\r\nBLPOP\r\n$1\r\nk\r\n$3\r\n1.5\r\n"
