"""Registered scripts: functions that go by their hash where that is possible, and whole where it is not."""

from __future__ import annotations

import hashlib

import pytest
from testbed.support import Pool, connected, failed, fired
from testbed.wire import array, bulk, command, error

import txredis_fast as redis
from txredis_fast._tunables import SCRIPT_CACHE_MAX_BYTES
from txredis_fast.commands.control import scripting
from txredis_fast.sharding import ShardedConnectionHandler
from txredis_fast.sharding.ring import hashed_part

pytestmark = pytest.mark.usefixtures("both", "clock")

TEXT = "return redis.call('get', KEYS[1])"
SHA = hashlib.sha1(TEXT.encode()).hexdigest()
LONG = "-- " + "é" * SCRIPT_CACHE_MAX_BYTES + "\nreturn 1"


def test_a_script_is_sent_whole_once_then_by_hash_and_whole_again_after_noscript():
    pool = Pool()
    script = pool.handler.register_script(TEXT)
    assert pool.written() == b""
    assert (script.script, script.sha) == (TEXT, SHA)
    first = script(keys=["k"], args=["a", 1])
    assert pool.answer(bulk("5")) == command("EVAL", TEXT, 1, "k", "a", 1)
    assert fired(first) == 5
    second = script(["k"])
    assert pool.answer(bulk("x")) == command("EVALSHA", SHA, 1, "k")
    assert fired(second) == "x"
    third = script()
    assert pool.answer(error("NOSCRIPT No matching script.")) == command("EVALSHA", SHA, 0)
    assert pool.answer(bulk("y")) == command("EVAL", TEXT, 0)
    assert fired(third) == "y"


@pytest.mark.parametrize("text", [LONG, LONG.encode(), bytearray(LONG.encode()), TEXT, TEXT.encode()])
def test_the_hash_is_computed_once(text, monkeypatch):
    pool = Pool()
    script = pool.handler.register_script(text)
    whole = text.encode() if isinstance(text, str) else bytes(text)
    assert script.sha == hashlib.sha1(whole).hexdigest()
    fired_first = script(["k"])
    assert pool.answer(bulk("5")) == command("EVAL", whole, 1, "k")
    assert fired(fired_first) == 5
    monkeypatch.setattr(scripting.hashlib, "sha1", None)
    again = script(["k"])
    assert pool.answer(error("NOSCRIPT No matching script.")) == command("EVALSHA", script.sha, 1, "k")
    assert pool.answer(bulk("6")) == command("EVAL", whole, 1, "k")
    assert fired(again) == 6


def test_a_long_script_that_waits_for_a_connection_is_the_same():
    pool = Pool(connect=False)
    script = pool.handler.register_script(LONG)
    waiting = script(["k"], ["a"])
    pool.connect()
    assert pool.answer(bulk("5")) == command("EVAL", LONG, 1, "k", "a")
    assert fired(waiting) == 5


def test_a_script_runs_in_a_transaction_a_pipeline_and_a_batch():
    pool = Pool()
    script = pool.handler.register_script(TEXT)
    pool.handler.eval(TEXT)
    pool.answer(bulk("5"))
    whole = command("EVAL", TEXT, 1, "k")
    begun = pool.handler.multi()
    pool.answer(b"+OK\r\n")
    transaction = fired(begun)
    queued = script(["k"], client=transaction)
    assert pool.answer(b"+QUEUED\r\n") == whole, "NOSCRIPT would come too late"
    assert fired(queued) == "QUEUED"
    done = transaction.commit()
    pool.answer(array(bulk("5")))
    assert fired(done) == [5]
    pipeline = fired(pool.handler.pipeline())
    script(["k"], client=pipeline)
    own = pipeline.register_script(TEXT)
    own(["k"])
    done = pipeline.execute_pipeline()
    assert pool.answer(bulk("1") + bulk("2")) == whole + whole
    assert fired(done) == [1, 2]
    batch = redis.Batch()
    assert script(["k"], client=batch) is None
    done = pool.handler.batch(batch)
    assert pool.answer(bulk("1")) == whole
    assert fired(done) == [1]


def test_a_script_runs_over_a_view_and_over_a_single_connection():
    pool = Pool()
    raw = pool.handler.raw.register_script(TEXT)(["k"])
    assert pool.answer(bulk("5")) == command("EVALSHA", SHA, 1, "k")
    assert fired(raw) == b"5"
    protocol, transport = connected()
    script = protocol.register_script(TEXT)
    done = script(keys="k", args="1")
    assert transport.take() == command("EVAL", TEXT, 1, "k", 1)
    protocol.dataReceived(bulk("5"))
    assert fired(done) == 5


def test_a_protocol_that_overrides_eval_is_asked():
    class Counting(redis.RedisProtocol):
        scripts = 0

        def eval(self, *args, **kwargs):
            Counting.scripts += 1
            return super().eval(*args, **kwargs)

    pool = Pool(protocol=Counting)
    pool.handler.register_script(TEXT)()
    pool.answer(bulk("5"))
    assert Counting.scripts == 1


def test_methods_of_these_names_that_a_program_has_added_to_its_protocol_are_called():
    class Own(redis.RedisProtocol):
        def scan_iter(self, pattern):
            return self.keys(pattern)

        def register_script(self, name):
            return self.get(name)

        def consume(self, *keys, timeout=0):
            return self.llen(keys[0])

    pool = Pool(protocol=Own)
    for call, sent in [
        (lambda rc: rc.scan_iter("a*"), command("KEYS", "a*")),
        (lambda rc: rc.register_script("k"), command("GET", "k")),
        (lambda rc: rc.consume("q", timeout=1), command("LLEN", "q")),
    ]:
        done = call(pool.handler)
        assert pool.answer(b":1\r\n") == sent
        assert fired(done) == 1


@pytest.mark.parametrize("text", [None, 5, ["return 1"]])
def test_what_is_no_text_is_refused_at_once(text):
    with pytest.raises(TypeError, match=r"^script must be the text of a Lua script, str or bytes, not "):
        Pool().handler.register_script(text)


def test_wrong_keys_fail_the_call():
    failed(Pool().handler.register_script(TEXT)(keys=None), TypeError)


def test_a_script_shows_its_hash():
    assert SHA in repr(Pool().handler.register_script(TEXT))


def test_over_shards_a_script_goes_to_the_server_of_its_keys():
    pools = [Pool(), Pool()]
    for number, pool in enumerate(pools):
        pool.factory.uuid = f"127.0.0.1:{6379 + number}"
    rc = ShardedConnectionHandler([pool.handler for pool in pools])
    script = rc.register_script(TEXT)
    assert SHA in repr(script)
    asked = set()
    for number in range(20):
        key, tagged = f"a{{key:{number}}}", f"b{{key:{number}}}"
        script([key, tagged], [1])
        [pool] = [pool for pool in pools if any(transport.value() for transport in pool.transports)]
        assert pool is pools[rc._ring.nodes.index(rc._ring(hashed_part(key)))]
        pool.answer(bulk("5"))
        asked.add(id(pool))
    assert len(asked) == 2
    assert str(failed(script(), NotImplementedError)) == "EVAL cannot be sharded without a key"
    why = failed(script([f"key:{n}" for n in range(20)]), NotImplementedError)
    assert "EVAL cannot be sharded when its keys lie on different nodes, as 'key:0' and 'key:" in str(why)
    assert not any(pool.written() for pool in pools)
    done = rc.raw.register_script(TEXT)("k")
    [pool] = [pool for pool in pools if any(transport.value() for transport in pool.transports)]
    pool.answer(bulk("5"))
    assert fired(done) == b"5"
