"""Every exception can be pickled and copied, as programs that hand results to other processes do."""

from __future__ import annotations

import copy
import importlib
import pickle
import pkgutil
from typing import Any

import pytest

import txredis_fast as redis
from txredis_fast._cli import CommandLineError
from txredis_fast._cli.loop import Interrupted
from txredis_fast.exceptions import response_error
from txredis_fast.resp._pyresp import Reader


def classes() -> list[type[BaseException]]:
    found: set[type[BaseException]] = set()
    for module in pkgutil.walk_packages(redis.__path__, "txredis_fast."):
        if not module.name.endswith("__main__"):
            for thing in vars(importlib.import_module(module.name)).values():
                if isinstance(thing, type) and issubclass(thing, BaseException):
                    found.add(thing)
    return sorted(
        (kind for kind in found if kind.__module__.startswith("txredis_fast")), key=lambda kind: kind.__name__
    )


#: Those that are not made of a text.
MADE: dict[Any, Any] = {
    redis.PipelineError: lambda: redis.PipelineError(["OK", response_error("ERR no"), 3], 1),
    redis.PipelineLostError: lambda: redis.PipelineLostError(redis.ReplyTimeoutError("late")),
    CommandLineError: lambda: CommandLineError("no", 2),
    Interrupted: lambda: Interrupted(2),
}

WAYS = {
    **{f"pickle {number}": lambda e, n=number: pickle.loads(pickle.dumps(e, n)) for number in range(6)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def about(error: Any) -> Any:
    attributes = {
        name: str(value) if name == "subFailure" else repr(value) for name, value in sorted(vars(error).items())
    }
    return type(error), error.args, str(error), repr(error), attributes


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("kind", classes(), ids=lambda kind: kind.__name__)
def test_an_exception_comes_back_as_it_was(kind, way):
    error = MADE[kind]() if kind in MADE else kind("ERR a text")
    error.note = "set by the program"
    again = WAYS[way](error)
    assert again is not error
    assert about(again) == about(error)


def test_the_errors_of_a_pipeline_keep_what_they_have():
    again = pickle.loads(pickle.dumps(MADE[redis.PipelineError]()))
    assert again.results[0] == "OK" and again.results[2] == 3
    assert isinstance(again.results[1], redis.ResponseError)
    assert again.index == 1 and again.code == "ERR"
    assert again.subFailure.check(redis.ResponseError)
    lost = copy.deepcopy(MADE[redis.PipelineLostError]())
    assert lost.subFailure.check(redis.ReplyTimeoutError)


def test_an_error_made_by_a_reader_can_be_pickled():
    reader = Reader()
    reader.feed(b"-WRONGTYPE x\r\n")
    again = pickle.loads(pickle.dumps(reader.get()))
    assert type(again) is redis.WrongTypeError and str(again) == "WRONGTYPE x"
