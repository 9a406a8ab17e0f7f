"""Every command says what it takes, what it gives, and where to read more."""

from __future__ import annotations

import inspect
import re

import pytest
from testbed.documents import ROOT

from txredis_fast.commands import Commands
from txredis_fast.commands._parts import results as results_module
from txredis_fast.commands.flagged import FlaggedReplies
from txredis_fast.commands.modules import NAMESPACES

pytestmark = pytest.mark.once

#: All but the one that has overloads for type checkers and no commands.
GROUPS = [group for group in Commands.__bases__ if group is not FlaggedReplies]

#: Names that are no commands.
OTHERS = {"execute_command", *NAMESPACES}
COMMANDS = [name for name in dir(Commands) if not name.startswith("_") and name not in OTHERS]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_documents_its_parameters_its_value_and_its_page(name):
    method = getattr(Commands, name)
    text = inspect.getdoc(method)
    parameters = list(inspect.signature(method).parameters)[1:]
    assert re.findall(r":param (\w+):", text) == parameters
    assert re.search(r":returns: (fires|fails) with ", text)
    assert re.search(r"^https://(redis|valkey)\.io/\S+/, since \d+\.\d+\.\d+$", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_annotates_everything(name):
    signature = inspect.signature(getattr(Commands, name))
    unannotated = [p.name for p in list(signature.parameters.values())[1:] if p.annotation is p.empty]
    assert unannotated == []
    assert "Deferred" in str(signature.return_annotation)


def test_every_group_of_commands_is_on_a_page():
    pages = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "api" / "commands").glob("*.rst"))
    named = set(re.findall(r"^\.\. autoclass:: (\S+)$", pages, re.MULTILINE))
    assert {f"{group.__module__}.{group.__qualname__}" for group in GROUPS} <= named
    results = {f"{results_module.__name__}.{name}" for name in results_module.__all__}
    assert results <= named, "the named tuples, too"
