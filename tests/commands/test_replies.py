"""Converters take replies of every shape: flat lists, RESP3's richer ones, nil."""

from __future__ import annotations

import pytest

from txredis_fast._tunables import LIST_PART_ELEMENTS
from txredis_fast.commands._parts import replies, server_replies
from txredis_fast.commands.streams import replies as streams

from .rows import same

CONVERTERS = [
    getattr(module, name)
    for module in (replies, server_replies, streams)
    for name in module.__all__
    if name not in ("text_of", "words")
]


@pytest.mark.parametrize("converter", CONVERTERS, ids=lambda converter: converter.__name__)
def test_nil_stays_none(converter):
    assert converter(None) is None


@pytest.mark.parametrize(
    ("converter", "reply", "value"),
    [
        (replies.as_set, {"a"}, {"a"}),
        (replies.as_dict, {"f": 1}, {"f": 1}),
        (replies.scored_members, [["a", 1.5], [b"b", 2]], [("a", 1.5), (b"b", 2.0)]),
        (replies.scored_members, [], []),
        (replies.as_float, 1.5, 1.5),
        (replies.as_score, 1.5, 1.5),
        (replies.as_score, 3.0, 3),
        (replies.as_score, -0.0, 0),
        (replies.as_score, 2.0**53, 2**53),
        (replies.as_score, 2.0**54, 2.0**54),
        (replies.as_score, 2**54, 2.0**54),
        (replies.as_score, b"18014398509481984", 2.0**54),
        (replies.described_flags, {"flags": {"b", b"a"}}, {"flags": ["a", "b"]}),
        (replies.truth_values, [True], True),
        (replies.scores_by_member, {"a": 1}, {"a": 1.0}),
        (replies.scores_and_attributes, {"a": [1, None]}, {"a": (1.0, None)}),
        (replies.as_pairs, [["a", 1]], [("a", 1)]),
        (replies.scored_member, [], None),
        (server_replies.client_fields, b"id=1 name=", {"id": "1", "name": ""}),
        (
            server_replies.latency_histograms,
            {"get": {"calls": 1, "histogram_usec": {"4": 1}}},
            {"get": {"calls": 1, "histogram_usec": {4: 1}}},
        ),
        (server_replies.info_caches, {"m": [[1, "x"]]}, {"m": [(1, "x")]}),
    ],
)
def test_a_reply_of_the_right_shape_is_taken_as_it_is(converter, reply, value):
    assert same(converter(reply), value)


def test_a_sentinels_map_is_read_as_its_list_is():
    as_list = ["name", "m", "flags", "master"]
    as_map = {"name": "m", "flags": "master"}
    assert replies.sentinel_states([as_map]) == replies.sentinel_states([as_list])
    assert replies.sentinel_master_states([as_map]) == replies.sentinel_master_states([as_list])


def test_a_node_without_flags_has_none_set():
    (state,) = replies.sentinel_states([["name", "m"]])
    assert state["is_master"] is False


@pytest.mark.parametrize(("text", "value"), [("-0", 0), (b"17", 17), ("1e+20", 1e20), (b"-inf", float("-inf"))])
def test_a_score_is_an_int_only_where_its_text_is_whole_digits(text, value):
    assert same(replies.as_score(text), value)


@pytest.mark.parametrize(
    ("converter", "reply", "value"),
    [
        (streams.streams, {"s": [["1-1", ["f", 1]]]}, {"s": [("1-1", {"f": 1})]}),
        (streams.streams, [["s", [["1-1", ["f", 1]]]]], {"s": [("1-1", {"f": 1})]}),
        (streams.streams_with_claims, {"s": [["1-1", ["f", 1], 5, 2]]}, {"s": [("1-1", {"f": 1}, 5, 2)]}),
        (server_replies.slot_ranges, [[0, 5, ["", 1, "i", {b"a": 1}]]], [[0, 5, ["", 1, "i", {"a": 1}]]]),
        (streams.stream_description, {b"length": 1, b"last-entry": None}, {"length": 1, "last-entry": None}),
        (replies.descriptions, [{b"name": b"g"}], [{"name": b"g"}]),
    ],
)
def test_a_stream_is_read_from_either_protocol(converter, reply, value):
    assert same(converter(reply), value)


def test_the_entries_of_several_streams_are_converted_in_parts():
    last = 2 * LIST_PART_ELEMENTS
    many = [[f"{number}-0", ["field", number]] for number in range(last + 1)]
    reply = [["a", many], ["b", many[:1]]]
    assert streams.streams.size_of(reply) == last + 2
    assert streams.streams.size_of([b"no", [], ["stream"], ["s", 5], 7]) == 0
    work = streams.streams.in_parts(reply)
    turns = 0
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
            turns += 1
    assert turns == 4
    assert end.value.value == streams.streams(reply)


def test_many_entries_are_converted_in_parts():
    last = 2 * LIST_PART_ELEMENTS
    reply = [[f"{number}-0", ["field", number]] for number in range(last + 1)]
    work = streams.entries.in_parts(reply)
    turns = 0
    with pytest.raises(StopIteration) as end:
        while True:
            next(work)
            turns += 1
    assert turns == 3
    assert end.value.value == streams.entries(reply)
    assert end.value.value[-1] == (f"{last}-0", {"field": last})
