"""Every command has the signature that txredisapi 1.6.0 gives it; what is new comes after, by keyword only."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import txredis_fast as redis
from txredis_fast import commands

from .additions import ADDITIONS, DEFAULTS

SIGNATURES = Path(__file__).parent.parent / "data" / "txredisapi-1.6.0-signatures.txt"

#: Methods of txredisapi's protocol from its first command on that are not commands, or need more than a host.
ELSEWHERE = {"watch", "unwatch", "multi", "commit", "discard", "pipeline", "execute_pipeline"}


def with_additions(name, parameters):
    for parameter in DEFAULTS.get(name, ()):
        parameters = re.sub(rf"\b{parameter}\b", f"{parameter}=None", parameters)
    return f"({parameters}, {ADDITIONS[name]})" if name in ADDITIONS else f"({parameters})"


def recorded_commands():
    """Name and parameter list of each command in the file."""
    text = SIGNATURES.read_text()
    body = re.search(r"^class BaseRedisProtocol.*?(?=^class )", text, re.DOTALL | re.MULTILINE).group()
    methods = re.findall(r"^    (\w+)\((.*)\)$", body, re.MULTILINE)
    first = [name for name, _ in methods].index("quit")
    return [(name, parameters) for name, parameters in methods[first:] if name not in ELSEWHERE]


def inherited_signature(function):
    """Signature as the file has it: without annotations and keyword-only parameters."""
    signature = inspect.signature(function)
    kept = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
        if parameter.kind is not inspect.Parameter.KEYWORD_ONLY
    ]
    return str(inspect.Signature(kept))


def test_the_file_lists_the_commands():
    assert len(recorded_commands()) == 125


@pytest.mark.parametrize(("name", "parameters"), recorded_commands())
def test_a_command_has_the_parameters_of_txredisapi(name, parameters):
    assert inherited_signature(getattr(commands.Commands, name)) == with_additions(name, parameters)


def test_list_or_args_has_the_parameters_of_txredisapi():
    recorded = re.search(r"^def list_or_args(.*)$", SIGNATURES.read_text(), re.MULTILINE).group(1)
    assert inherited_signature(redis.list_or_args) == recorded
