"""Slots of keys are those that a server of a cluster tells: CLUSTER KEYSLOT."""

from __future__ import annotations

import random

import pytest
from testbed.client import Connection
from testbed.servers import Server

import txredis_fast


@pytest.mark.once
def test_slots_are_those_that_the_server_tells(any_server):
    generator = random.Random(20261129)
    keys = [b"", b"{}", b"a{}{b}", b"{{a}}", b"a{b}c{d}", b"}{a}", b"\x00{\xff}", b"123456789", b"user:1"]
    keys += [bytes(generator.choices(b"{}{}abc\x00\xff\r\n", k=generator.randrange(1, 14))) for _ in range(500)]
    with Server("cluster-enabled yes", binary=any_server.binary) as server, Connection(server.path) as connection:
        told = connection.exchange(*(("CLUSTER", "KEYSLOT", key) for key in keys))
    assert [txredis_fast.key_slot(key) for key in keys] == told
    assert len(set(told)) > 300
