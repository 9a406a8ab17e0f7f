"""What servers say of themselves has the shape that the methods promise, whatever the server and the options."""

from __future__ import annotations

import pytest
import pytest_twisted
from testbed.live import opened
from testbed.servers import ReplyError

import txredis_fast as redis

LIBRARY = "#!lua name=lib\nredis.register_function('f', function(keys, args) return args[1] end)"

OPTIONS = [{}, {"charset": None}, {"convertNumbers": False}]


@pytest.fixture(params=OPTIONS, ids=["default", "bytes", "text"])
def options(request):
    return request.param


def has(server, least):
    return tuple(map(int, server.version[1].split(".")[:2])) >= least


@pytest_twisted.ensureDeferred
async def test_clients_and_configuration(any_server, options):
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        number = await rc.client_id()
        listed = await rc.client_list()
        assert str(number) in [client["id"] for client in listed]
        assert all(type(value) is str for client in listed for value in client.values())
        assert (await rc.client_info())["id"] == str(number)
        assert (await rc.client_trackinginfo())["redirect"] == -1
        assert await rc.client_kill_filter(addr="127.0.0.1:1") == 0
        assert list(await rc.config_get("maxmemory")) == ["maxmemory"]
        assert isinstance(await rc.module_list(), list)
        assert (await rc.info("server"))["tcp_port"] == str(any_server.port)
        if has(any_server, (7, 0)):
            assert {"tcp_port", "used_memory"} <= (await rc.info("server", "memory")).keys()


@pytest_twisted.ensureDeferred
async def test_users(any_server, options):
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        user = await rc.acl_getuser("default")
        assert {"flags", "passwords", "commands", "keys"} <= user.keys()
        assert await rc.acl_getuser("nobody") is None
        password = await rc.acl_genpass(32)
        assert type(password) is bytes
        assert len(password) == 8
        await rc.acl_log_reset()
        with pytest.raises(redis.ResponseError):
            await rc.acl_setuser("x", "no such rule")
        with pytest.raises(ReplyError):
            any_server.command("AUTH", "nobody", "wrong")
        [entry, *_] = await rc.acl_log()
        assert type(entry["age-seconds"]) is float
        assert entry["client-info"]["cmd"] == "auth"


@pytest_twisted.ensureDeferred
async def test_memory_and_delays(any_server, options):
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        await rc.set("k", "v")
        memory = await rc.memory_stats()
        assert "peak.allocated" in memory
        assert all(type(value) is dict for name, value in memory.items() if name[3:].isdigit())
        assert await rc.memory_usage("k", samples=0) > 0
        assert await rc.object_encoding("k") in ("embstr", b"embstr")
        assert await rc.object_refcount("k") >= 1
        await rc.slowlog_get(1)
        assert await rc.slowlog_len() >= 0
        if has(any_server, (7, 0)):
            histogram = (await rc.latency_histogram("set"))["set"]
            assert histogram["calls"] >= 1
            assert all(type(limit) is int for limit in histogram["histogram_usec"])


@pytest_twisted.ensureDeferred
async def test_the_slow_log_has_named_parts(make_server):
    server = make_server("slowlog-log-slower-than 0")
    async with opened(redis.Connection(*server.address, clientName="me")) as rc:
        await rc.slowlog_reset()
        await rc.set("k", 5)
        entries = await rc.slowlog_get()
        entry = next(entry for entry in entries if entry.command == ["SET", "k", 5])
        assert entry.client_name == "me"
        assert entry.client_address.startswith("127.0.0.1:")
        assert entry.duration >= 0


@pytest_twisted.ensureDeferred
async def test_commands_are_described(any_server, options):
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        get, none = await rc.command_info("get", "nosuch")
        assert (get["name"], get["arity"], get["first"], none) == ("get", 2, 1, None)
        assert {"readonly", "fast"} == get["flags"]
        assert len(await rc.command()) == await rc.command_count()
        assert await rc.command_getkeys("MSET", "a", 1, "b", 2) in (["a", "b"], [b"a", b"b"])
        if has(any_server, (7, 0)):
            [(key, uses)] = await rc.command_getkeysandflags("GET", "a")
            assert key in ("a", b"a")
            assert "RO" in uses
            documents = await rc.command_docs("set", "config")
            assert {"summary", "arguments"} <= documents["set"].keys()
            assert "config|get" in documents["config"]["subcommands"]
            assert {"name", "type"} <= documents["set"]["arguments"][0].keys()
            assert await rc.command_list(pattern="zadd*") in (["zadd"], [b"zadd"])


@pytest_twisted.ensureDeferred
async def test_functions(any_server, options):
    if not has(any_server, (7, 0)):
        pytest.skip("functions are of Redis 7.0")
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        assert await rc.function_load(LIBRARY, replace=True) in ("lib", b"lib")
        assert await rc.fcall("f", 0, "x") in ("x", b"x")
        [library] = await rc.function_list("lib", withcode=True)
        assert library["functions"][0]["flags"] == []
        assert library["library_code"] in (LIBRARY, LIBRARY.encode())
        assert (await rc.function_stats())["running_script"] is None
        dumped = await rc.function_dump()
        assert type(dumped) is bytes
        assert await rc.function_delete("lib") in ("OK", b"OK")
        assert await rc.function_restore(dumped, "FLUSH") in ("OK", b"OK")
        assert await rc.eval_ro("return {KEYS[1], ARGV[1]}", "k", "a") in (["k", "a"], [b"k", b"a"])
        assert await rc.function_flush() in ("OK", b"OK")


@pytest_twisted.ensureDeferred
async def test_a_value_is_moved_as_the_server_has_it(any_server, options):
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        await rc.set("k", b"\xff\x00")
        dumped = await rc.dump("k")
        assert type(dumped) is bytes
        await rc.restore("l", 0, dumped)
        assert await rc.raw.get("l") == b"\xff\x00"
        async with rc.pipelined() as pipeline:
            again = pipeline.dump("k")
        assert await again == dumped
        transaction = await rc.multi()
        transaction.dump("k")
        assert await transaction.commit() == [dumped]


@pytest_twisted.ensureDeferred
async def test_places(any_server, options):
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        await rc.geoadd("g", (13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania"))
        assert await rc.geodist("g", "Palermo", "Catania", "km") == pytest.approx(166.27, abs=0.01)
        [palermo, none] = await rc.geopos("g", "Palermo", "none")
        assert palermo == pytest.approx((13.361389, 38.115556), abs=1e-4)
        assert none is None
        found = await rc.geosearch(
            "g",
            longitude=15,
            latitude=37,
            radius=200,
            unit="km",
            sort="ASC",
            withdist=True,
            withcoord=True,
            withhash=True,
        )
        assert [tuple(map(type, parts[1:])) for parts in found] == [(float, int, tuple)] * 2
        assert found[0][1] == pytest.approx(56.44, abs=0.01)


@pytest_twisted.ensureDeferred
async def test_scores_are_floats(any_server, options):
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        members = {"a": 1, "b": 2.5, "c": "inf"}
        assert await rc.zadd("z", members) == 3
        assert [type(score) for score in await rc.zmscore("z", ["a", "b", "none"])] == [float, float, type(None)]
        assert (await rc.zunion({"z": 2}, withscores=True))[1][1] == 5.0
        assert await rc.zrange("z", 1, 3, byscore=True, offset=0, num=1) in (["a"], [b"a"])
        assert (await rc.zpopmin("z"))[1] == 1.0
        assert (await rc.bzpopmax("z", 1))[2] == float("inf")
        if has(any_server, (7, 0)):
            _, [(_, score)] = await rc.zmpop(1, "z", min=True)
            assert score == 2.5


@pytest_twisted.ensureDeferred
async def test_fields_with_times_to_live(any_server):
    if not has_times_of_fields(any_server):
        pytest.skip("times to live of fields are of Redis 7.4 and Valkey 9.0")
    async with opened(redis.Connection(*any_server.address)) as rc:
        await rc.hset("h", mapping={"f": 1, "g": 2})
        assert await rc.hexpire("h", 100, "f", "none") == [1, -2]
        assert await rc.hexpire("h", 0.5, "g", gt=True) == [0]
        [left, never] = await rc.httl("h", "f", "g")
        assert 0 < left <= 100
        assert never == -1
        assert await rc.hgetex("h", "f", persist=True) == [1]
        assert await rc.httl("h", "f") == [-1]
        assert await rc.hsetex("h", "x", 5, ex=60) is True
        assert await rc.hgetdel("h", "x", "none") == [5, None]


def has_times_of_fields(server):
    name, _ = server.version
    return has(server, (8, 0) if name == "redis" else (9, 1))


@pytest_twisted.ensureDeferred
async def test_vectors(any_server, options):
    if any_server.version[0] != "redis" or not has(any_server, (8, 2)):
        pytest.skip("vector sets are of Redis 8")
    async with opened(redis.Connection(*any_server.address, **options)) as rc:
        assert await rc.vadd("v", [1, 0, 0.5], "e", attributes={"year": 1999}) is True
        assert await rc.vadd("v", [0, 1, 0.5], "f") is True
        found = await rc.vsim("v", [1, 0, 0.5], with_scores=True, with_attribs=True)
        [(score, attributes), (_, none)] = found.values()
        assert score == pytest.approx(1, abs=0.05)
        assert attributes in ('{"year": 1999}', b'{"year": 1999}')
        assert none is None
        assert len(await rc.vemb("v", "e")) == 3
        quantization, blob, *numbers = await rc.vemb("v", "e", raw=True)
        assert (quantization, type(blob), [type(number) for number in numbers]) == ("int8", bytes, [float, float])
        assert (await rc.vinfo("v"))["size"] in (2, b"2")
        assert await rc.vinfo("none") is None
        layers = await rc.vlinks("v", "e", with_scores=True)
        assert layers, "their number is random"
        assert all(type(layer) is dict for layer in layers)


@pytest_twisted.ensureDeferred
async def test_a_wait_for_replicas_is_on_the_connection_of_the_writes(server):
    async with opened(redis.Connection(*server.address)) as rc:
        await rc.set("k", "v")
        assert await rc.wait(0, 10) == 0
        assert rc._factory.blockingLane.connections == [], "the lane's connections have written nothing"
        async with rc.pipelined() as pipeline:
            waited = pipeline.wait(0, 10)
        assert await waited == 0
