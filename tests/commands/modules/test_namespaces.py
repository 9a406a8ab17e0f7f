"""The namespaces of modules: every method sends what its rows say, and gives their value under both protocols."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest
from testbed.extent import some
from testbed.wire import bulk, command

from txredis_fast.commands import Commands, modules
from txredis_fast.commands._parts import BLOCKING, is_read_only, longest_wait
from txredis_fast.commands._parts.facts import command_facts
from txredis_fast.commands._parts.keys import keys_of
from txredis_fast.commands.module_table import MODULE_TABLE
from txredis_fast.commands.modules import NAMESPACES
from txredis_fast.exceptions import InvalidData

from ..host import Host, QueuingHost, result_of
from ..rows import Refusal
from ..tables import name_of
from . import table_newer
from .commands import COMMANDS, WITHOUT_METHOD, names_of
from .tables import ROWS, alike


class Raw:
    """What a host of the tests lacks: the option ``raw`` of a command."""

    def answer(self, data):
        if self.options[-1].get("raw"):
            self._reader = self._resp.Reader(None, False)
        super().answer(data)


class RawHost(Raw, Host):
    pass


class RawQueuingHost(Raw, QueuingHost):
    pass


def namespaces():
    """Name -> class of each namespace."""
    host = Commands()
    found = {name: getattr(host, name) for name in NAMESPACES}
    return {name: type(namespace() if name == "search" else namespace) for name, namespace in found.items()}


METHODS = [
    (f"{name}.{method}", getattr(cls, method))
    for name, cls in namespaces().items()
    for method in dir(cls)
    if not method.startswith("_")
]


@pytest.mark.parametrize("kind", [RawHost, RawQueuingHost])
@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
def test_a_command_sends_its_bytes_and_gives_the_same_value_under_both_protocols(resp, kind, row):
    for reply in row.replies:
        host = kind(resp)
        deferred = row.call(host)
        assert host.take_sent() == row.wire
        host.answer(reply)
        value = result_of(deferred)
        assert alike(value, row.value), value


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_only_blocking_commands_keep_the_connection_and_have_no_timeout(resp, row):
    host = RawHost(resp)
    row.call(host)
    (options,) = host.options
    assert options.get("blocking", False) == row.blocking == (longest_wait(row.sent) is not None)
    assert options.get("apply_timeout", True) == (not row.blocking)


def test_handlers_know_every_command_of_a_module_that_may_block():
    lines = (line.split("|") for line in MODULE_TABLE.splitlines())
    assert {name for name, flags, _ in lines if "blocking" in flags} == {name for name in BLOCKING if "." in name}


@pytest.mark.parametrize(("charset", "convert"), [(None, False), ("utf-8", "exact"), ("utf-8", False)])
@pytest.mark.parametrize("row", some(ROWS), ids=name_of)
def test_whatever_the_options_both_protocols_give_the_same_value(resp, charset, convert, row):
    values = []
    for reply in row.replies:
        host = RawHost(resp, charset, convert)
        deferred = row.call(host)
        host.answer(reply)
        values.append(result_of(deferred))
    assert not isinstance(values[0], Exception), values[0]
    assert all(alike(value, values[0]) for value in values), values


@pytest.mark.parametrize("row", some([row for row in ROWS if row.name.startswith("json.")]), ids=name_of)
def test_documents_are_the_same_whatever_the_options(resp, row):
    for charset, convert in ((None, False), ("utf-8", False), ("latin-1", True)):
        host = RawHost(resp, charset, convert)
        deferred = row.call(host)
        host.answer(row.answered)
        value = result_of(deferred)
        is_text = row.value == "OK" or row.name in ("json.debug", "json.resp")
        assert is_text or alike(value, row.value), value


def test_every_command_of_the_namespaces_has_a_row():
    assert {row.name for row in ROWS} == {name for name, _ in METHODS}


def test_every_command_of_the_modules_has_a_method_or_a_reason():
    without = [name for names in WITHOUT_METHOD.values() for name in names_of(names)]
    sent = {row.sent[0] for row in ROWS}
    assert len(without) == len(set(without))
    assert sorted({*names_of(COMMANDS)} - sent) == sorted(without)


def test_the_table_of_modules_has_every_command_that_is_sent():
    for row in ROWS:
        facts = command_facts(row.sent[0])
        assert facts is not None, row.sent
        assert is_read_only(row.sent) == ("readonly" in facts.flags)


@pytest.mark.parametrize(
    ("sent", "keys"),
    [
        (("JSON.GET", "k"), ["k"]),
        (("JSON.MGET", "a", "b", "$"), ["a", "b"]),
        (("JSON.MSET", "a", "$", 1, "b", "$", 2), ["a", "b"]),
        (("TS.MADD", "a", 1, 2, "b", 3, 4), ["a", "b"]),
        (("TS.CREATERULE", "a", "b", "AGGREGATION", "avg", 1), ["a", "b"]),
        (("CMS.MERGE", "d", 2, "a", "b", "WEIGHTS", 1, 2), ["d", "a", "b"]),
        (("TDIGEST.MERGE", "d", 1, "a", "OVERRIDE"), ["d", "a"]),
        (("JSON.DEBUG", "MEMORY", "k", "$"), ["k"]),
        (("TS.MGET", "FILTER", "x=1"), []),
        (("FT.SEARCH", "index", "*"), []),
        (("FT.SUGGET", "k", "hel"), ["k"]),
    ],
)
def test_where_the_keys_of_a_modules_command_are(sent, keys):
    assert keys_of(sent) == keys


@pytest.mark.once
@pytest.mark.parametrize(("name", "method"), METHODS)
def test_a_command_documents_and_annotates_its_parameters_its_value_and_its_page(name, method):
    text = inspect.getdoc(method)
    signature = inspect.signature(method)
    parameters = list(signature.parameters.values())[1:]
    assert re.findall(r":param (\w+):", text) == [parameter.name for parameter in parameters]
    assert re.search(r":returns: fires ", text)
    assert re.search(r"^https://redis\.io/\S+/, since \d+\.\d+\.\d+$", text, re.MULTILINE)
    assert all(parameter.annotation is not parameter.empty for parameter in parameters)
    assert "Deferred" in str(signature.return_annotation)


REFUSALS = [
    Refusal("json.set", lambda c: c.json.set("k", "$", float("nan")), ValueError),
    Refusal("json.set", lambda c: c.json.set("k", "$", {1, 2}), TypeError),
    Refusal(
        "json.set",
        lambda c: c.json.set("k", "$", 1, True, True),
        InvalidData,
        "nx and xx of json.set cannot be given together: no document meets both",
    ),
    Refusal(
        "json.set",
        lambda c: c.json.set("k", "$", 1, text=True),
        InvalidData,
        "text=True needs JSON as str or bytes, not int",
    ),
    Refusal("json.mget", lambda c: c.json.mget([], "$"), InvalidData, "json.mget needs keys: there are none"),
    Refusal("json.mset", lambda c: c.json.mset([]), InvalidData, "json.mset needs triplets: there are none"),
    Refusal("json.arrappend", lambda c: c.json.arrappend("k", "$"), InvalidData),
    Refusal("json.arrinsert", lambda c: c.json.arrinsert("k", "$", 0), InvalidData),
    Refusal("json.debug", lambda c: c.json.debug("MEMORY"), InvalidData, "json.debug MEMORY needs a key"),
    Refusal("bf.madd", lambda c: c.bf.madd("k"), InvalidData, "bf.madd needs items: there are none"),
    Refusal(
        "bf.insert",
        lambda c: c.bf.insert("k", "item"),
        InvalidData,
        "items of bf.insert must be a list, not a single text",
    ),
    Refusal("cf.insertnx", lambda c: c.cf.insertnx("k", []), InvalidData, "cf.insertnx needs items: there are none"),
    Refusal(
        "cms.incrby",
        lambda c: c.cms.incrby("k", ["a", "b"], [1]),
        InvalidData,
        "cms.incrby needs as many increments as items: 1 for 2",
    ),
    Refusal(
        "cms.merge",
        lambda c: c.cms.merge("d", 1, ["a", "b"]),
        InvalidData,
        "the number of keys of cms.merge must be 2, as there are so many, not 1",
    ),
    Refusal(
        "cms.merge",
        lambda c: c.cms.merge("d", 2, ["a", "b"], [1]),
        InvalidData,
        "cms.merge needs as many weights as keys: 1 for 2",
    ),
    Refusal(
        "topk.reserve",
        lambda c: c.topk.reserve("k", 3, 8),
        InvalidData,
        "topk.reserve needs width, depth and decay together, or none of them",
    ),
    Refusal("tdigest.add", lambda c: c.tdigest.add("k", []), InvalidData, "tdigest.add needs values: there are none"),
    Refusal("tdigest.merge", lambda c: c.tdigest.merge("k", 2, "a"), InvalidData),
    Refusal(
        "ts.create",
        lambda c: c.ts.create("k", ignore_max_val_diff=1),
        InvalidData,
        "ignore_max_time_diff and ignore_max_val_diff of ts.create need each other",
    ),
    Refusal("ts.create", lambda c: c.ts.create("k", float("inf")), InvalidData),
    Refusal("ts.madd", lambda c: c.ts.madd([]), InvalidData, "ts.madd needs samples: there are none"),
    Refusal("ts.madd", lambda c: c.ts.madd([("k", 1)]), ValueError),
    Refusal(
        "ts.range",
        lambda c: c.ts.range("k", filter_by_min_value=1),
        InvalidData,
        "ts.range needs filter_by_min_value and filter_by_max_value together",
    ),
    Refusal(
        "ts.range",
        lambda c: c.ts.range("k", empty=True),
        InvalidData,
        "align, bucket_timestamp and empty of ts.range need aggregation_type",
    ),
    Refusal("ts.mget", lambda c: c.ts.mget("x=1"), InvalidData, "filters of ts.mget must be a list, not a single text"),
    Refusal(
        "ts.mget",
        lambda c: c.ts.mget(["x=1"], True, ["x"]),
        InvalidData,
        "with_labels and select_labels of ts.mget cannot be given together",
    ),
    Refusal(
        "ts.mrange",
        lambda c: c.ts.mrange("-", "+", ["x=1"], groupby="x"),
        InvalidData,
        "groupby and reduce of ts.mrange need each other",
    ),
]

REFUSALS += [
    Refusal(
        "search.search",
        lambda c: c.search().search("hello"),
        InvalidData,
        "search.search needs an index: rc.search(index).search(...)",
    ),
    Refusal(
        "search.search",
        lambda c: c.search("i").search("hello", explain_score=True),
        InvalidData,
        "explain_score of search.search needs with_scores",
    ),
    Refusal(
        "search.search",
        lambda c: c.search("i").search("hello", limit_ids="d:1"),
        InvalidData,
        "INKEYS must be a list, not a single text",
    ),
    Refusal("search.search", lambda c: c.search("i").search("hello", filters={"n": 1}), TypeError),
    Refusal(
        "search.create", lambda c: c.search("i").create([]), InvalidData, "search.create needs fields: there are none"
    ),
    Refusal(
        "search.create",
        lambda c: c.search("i").create(["title"]),
        InvalidData,
        "a field of search.create must be a Field or a list of words, not str",
    ),
    Refusal(
        "search.aggregate",
        lambda c: c.search("i").aggregate("*", max_idle=1),
        InvalidData,
        "max_idle of search.aggregate needs cursor",
    ),
    Refusal(
        "search.aggregate",
        lambda c: c.search("i").aggregate("*", "LIMIT 0 1"),
        InvalidData,
        "words of a step of search.aggregate must be a list, not a single text",
    ),
    Refusal(
        "search.profile",
        lambda c: c.search("i").profile("FIND", "*"),
        InvalidData,
        "kind of search.profile must be SEARCH or AGGREGATE, not 'FIND'",
    ),
    Refusal(
        "search.profile",
        lambda c: c.search("i").profile("AGGREGATE", "*", "WITHCURSOR"),
        InvalidData,
        "search.profile takes no cursor",
    ),
    Refusal("search.dict_add", lambda c: c.search().dict_add("d"), InvalidData),
    Refusal("search.synupdate", lambda c: c.search("i").synupdate("g"), InvalidData),
]


REFUSALS += [
    Refusal(
        "ts.revrange",
        lambda c: c.ts.revrange("k", filter_by_min_value=1),
        InvalidData,
        "ts.revrange needs filter_by_min_value and filter_by_max_value together",
    ),
    Refusal(
        "ts.mrevrange",
        lambda c: c.ts.mrevrange("-", "+", []),
        InvalidData,
        "ts.mrevrange needs filters: there are none",
    ),
    Refusal("ts.revrange", lambda c: c.ts.revrange("k", cuont=1), TypeError),
]
REFUSALS += table_newer.REFUSALS


def test_a_command_that_reads_backwards_has_the_options_and_a_page_of_its_own():
    ranges = namespaces()["ts"]
    for forwards, backwards in (("range", "revrange"), ("mrange", "mrevrange"), ("nrange", "nrevrange")):
        one, other = getattr(ranges, forwards), getattr(ranges, backwards)
        assert inspect.signature(one) == inspect.signature(other)
        assert other.__qualname__ == f"TimeSeriesRanges.{other.__name__}" == f"TimeSeriesRanges.{backwards}"
        assert f"/ts.{backwards}/, since " in other.__doc__
        assert "the latest first" in other.__doc__
        assert "the latest first" not in one.__doc__


@pytest.mark.parametrize("refusal", some(REFUSALS), ids=name_of)
def test_a_wrong_call_sends_nothing_and_fails_its_deferred(resp, refusal):
    host = Host(resp)
    error = result_of(refusal.call(host))
    assert type(error) is refusal.kind
    assert refusal.text is None or str(error) == refusal.text
    assert host.take_sent() == b""


def test_a_filter_without_room_says_so(resp):
    host = Host(resp)
    deferred = host.cf.insertnx("c", ["a", "b", "c"])
    host.answer(b"*3\r\n:1\r\n:0\r\n:-1\r\n")
    assert result_of(deferred) == [True, False, None]


@pytest.mark.parametrize(
    ("reply", "profile"),
    [
        (
            b"%2\r\n+Results\r\n%2\r\n+total_results\r\n:0\r\n+results\r\n*0\r\n+Profile\r\n%1\r\n+Shards\r\n*0\r\n",
            {"Shards": []},
        ),
        (b"*2\r\n*1\r\n:0\r\n*2\r\n+Shards\r\n*0\r\n", ["Shards", []]),
    ],
)
def test_a_profile_of_a_later_server_is_left_as_it_is(resp, reply, profile):
    host = Host(resp)
    deferred = host.search("i").profile("SEARCH", "*")
    host.answer(reply)
    result = result_of(deferred)
    assert (result.result.total, result.profile) == (0, profile)


def test_a_document_of_which_parts_are_missing_is_read_as_far_as_it_goes(resp):
    host = Host(resp)
    deferred = host.search("i").search("*", with_scores=True, with_payloads=True)
    host.answer(b"*2\r\n:1\r\n+d\r\n")
    assert result_of(deferred).documents[0][:4] == ("d", None, None, None)


def test_json_that_cannot_be_read_fails_the_command(resp):
    host = RawHost(resp)
    with pytest.raises(ValueError, match="Expecting"):
        host.json.get("k"), host.answer(bulk("{"))


def test_a_name_that_does_not_exist_names_the_nearest(resp):
    with pytest.raises(AttributeError, match=r"no attribute 'gett'; the nearest: get"):
        Host(resp).json.gett("k")


def test_a_namespace_shows_its_host(resp):
    host = Host(resp)
    assert repr(host.json) == f"<JSONCommands of {host!r}>"


def test_a_namespace_has_no_state_of_its_own(resp):
    assert not hasattr(Host(resp).ts, "__dict__")


def test_importing_the_package_imports_no_namespace():
    code = (
        "import sys, txredis_fast; print([name for name in sys.modules "
        "if name.startswith(('txredis_fast.commands.modules.', 'txredis_fast.commands.module_table'))])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.strip() == "[]"


@pytest.mark.once
def test_every_module_of_the_room_is_reached_by_its_name():
    folder = Path(modules.__file__).parent
    names = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    code = """
import sys
import txredis_fast
for name in sys.argv[1:]:  # each alone, because one imports others
    for loaded in [each for each in sys.modules if each.startswith("txredis_fast.commands.modules")]:
        del sys.modules[loaded]
    del txredis_fast.commands.modules
    import txredis_fast.commands.modules as modules
    print(getattr(modules, name).__name__.rpartition(".")[2])
"""
    run = subprocess.run([sys.executable, "-c", code, *names], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == list(names)
    with pytest.raises(AttributeError, match=r"module 'txredis_fast\.commands\.modules' has no attribute 'no_such'"):
        modules.no_such


def test_words_of_a_profile_may_be_bytes(resp):
    host = RawHost(resp)
    deferred = host.search("i").profile(b"search", "hello", b"nocontent")
    assert host.take_sent() == command("FT.PROFILE", "i", "SEARCH", "QUERY", "hello", b"nocontent")
    host.answer(b"*2\r\n*3\r\n:2\r\n$3\r\nd:1\r\n$3\r\nd:2\r\n*0\r\n")
    assert [document.id for document in result_of(deferred).result.documents] == ["d:1", "d:2"]
    assert isinstance(result_of(host.search("i").profile("search", "hello", b"withcursor")), InvalidData)
    assert host.take_sent() == b""


def test_all_fields_may_be_asked_for_in_bytes(resp):
    host = RawHost(resp)
    host.search("i").aggregate("*", load=[b"*"])
    assert host.take_sent() == command("FT.AGGREGATE", "i", "*", "LOAD", "*")
