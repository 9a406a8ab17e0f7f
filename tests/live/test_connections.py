"""Every way to connect, against real servers: constructors, URLs, endpoints, sockets, TLS, users, databases."""

from __future__ import annotations

import socket
import sys

import pytest
import pytest_twisted
from testbed.live import bounded, clients, opened, until
from testbed.tls import TLSProxy, make_certificates
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import optionsForClientTLS
from twisted.internet.task import deferLater

import txredis_fast as redis

TCP = ["Connection", "ConnectionPool", "lazyConnection", "lazyConnectionPool"]
UNIX = ["UnixConnection", "UnixConnectionPool", "lazyUnixConnection", "lazyUnixConnectionPool"]
SHARDED = ["ShardedConnection", "ShardedConnectionPool", "lazyShardedConnection", "lazyShardedConnectionPool"]
SHARDED_UNIX = [
    "ShardedUnixConnection",
    "ShardedUnixConnectionPool",
    "lazyShardedUnixConnection",
    "lazyShardedUnixConnectionPool",
]


@pytest.mark.parametrize("name", [*TCP, *UNIX, *SHARDED, *SHARDED_UNIX])
@pytest_twisted.ensureDeferred
async def test_every_constructor_connects(server, name):
    if name in TCP:
        args = server.address
    elif name in UNIX:
        args = (server.path,)
    else:
        args = ([server.path] if name in SHARDED_UNIX else [f"127.0.0.1:{server.port}"],)
    options = {"poolsize": 2} if "Pool" in name else {}
    made = getattr(redis, name)(*args, **options)
    assert hasattr(made, "get") == ("lazy" in name), "only a lazy one gives the handler at once"
    async with opened(made) as rc:
        assert await bounded(rc.set("key", "value")) == "OK"
        assert await bounded(rc.get("key")) == "value"
        wanted = options.get("poolsize", 1)
        await until(lambda: len(clients(server)) == wanted, f"{wanted} connections")
    await until(lambda: not clients(server), "no connections")


@pytest.mark.parametrize("constructor", [redis.Connection, redis.ConnectionPool, redis.lazyConnectionPool])
@pytest_twisted.ensureDeferred
async def test_every_kind_of_server(any_server, constructor):
    async with opened(constructor(*any_server.address)) as rc:
        assert await bounded(rc.ping()) == "PONG"
        assert await bounded(rc.hmset("hash", {"a": 1, "b": 1.5, "ä": "ö"})) == "OK"
        assert await bounded(rc.hgetall("hash")) == {"a": 1, "b": 1.5, "ä": "ö"}
        assert await bounded(rc.zadd("zset", 1.5, "a", 2, "b")) == 2
        assert await bounded(rc.zrange("zset", 0, -1, withscores=True)) == [("a", 1.5), ("b", 2)]
        assert await bounded(rc.sadd("set", ["x", "y"])) == 2
        assert await bounded(rc.smembers("set")) == {"x", "y"}
        assert await bounded(rc.eval("return {KEYS[1], ARGV[1], 3}", ["k"], ["v"])) == ["k", "v", 3]
        t = await bounded(rc.multi("hash"))
        assert await bounded(t.smembers("set")) == "QUEUED"
        t.hget("hash", "b")
        t.lpush("hash", "wrong type")
        members, b, error = await bounded(t.commit())
        assert (members, b) == ({"x", "y"}, 1.5)
        assert isinstance(error, redis.WrongTypeError)
        p = await bounded(rc.pipeline())
        p.smembers("set")
        p.hget("hash", "a")
        assert await bounded(p.execute_pipeline()) == [{"x", "y"}, 1]
        with pytest.raises(redis.WrongTypeError):
            await bounded(rc.get("hash"))
        with pytest.raises(redis.ResponseError, match=r"^ERR unknown command"):
            await bounded(rc.execute_command("NOSUCHCOMMAND"))


@pytest_twisted.ensureDeferred
async def test_ipv6_where_the_machine_has_it(server):
    with socket.socket(socket.AF_INET6) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
    ways = [lambda: redis.Connection("::1", server.port), lambda: redis.from_url(f"redis://[::1]:{server.port}")]
    for connect in ways:
        async with opened(connect()) as rc:
            assert await bounded(rc.ping()) == "PONG"
            [client] = clients(server)
            assert client["addr"].startswith("[::1]:")
        await until(lambda: not clients(server), "no connections")
    async with opened(redis.ShardedConnection([f"[::1]:{server.port}"])) as rc:
        assert await bounded(rc.set("key", 1)) == "OK"


@pytest_twisted.ensureDeferred
async def test_nobody_listens(fresh_server):
    fresh_server.kill()
    with pytest.raises(redis.ConnectionFailedError, match="refused"):
        await bounded(redis.Connection(*fresh_server.address, reconnect=False))
    with pytest.raises(redis.ConnectionFailedError, match="could not connect"):
        await bounded(redis.UnixConnection(fresh_server.path + "-none", reconnect=False))
    with pytest.raises(redis.ConnectionFailedError, match=f"127.0.0.1:{fresh_server.port}.*refused"):
        await bounded(redis.ShardedConnection([f"127.0.0.1:{fresh_server.port}"], reconnect=False))
    async with opened(redis.lazyConnection(*fresh_server.address, reconnect=False)) as rc:
        with pytest.raises(redis.NotSentError, match="Not connected"):
            await bounded(rc.ping())


@pytest.mark.parametrize("size", [1, 3])
@pytest_twisted.ensureDeferred
async def test_a_server_that_hangs_up_at_once_fails_the_only_attempt(size):
    from twisted.internet import reactor

    class HangsUp(Protocol):
        def connectionMade(self):
            self.transport.loseConnection()

    port = reactor.listenTCP(0, Factory.forProtocol(HangsUp), interface="127.0.0.1")
    options = {"poolsize": size, "password": "secret", "reconnect": False}
    address = "127.0.0.1", port.getHost().port
    try:
        with pytest.raises(redis.ConnectionFailedError, match="could not connect: Connection"):
            await bounded(redis.ConnectionPool(*address, **options), 5)
        async with opened(redis.lazyConnectionPool(*address, **options)) as rc:
            with pytest.raises(redis.NotSentError, match="Not connected: Connection"):
                await bounded(rc.ping(), 5)
    finally:
        await port.stopListening()


@pytest_twisted.ensureDeferred
async def test_a_constructor_waits_for_a_server_that_comes_up_later(fresh_server):
    fresh_server.kill()
    connecting = redis.ConnectionPool(*fresh_server.address, poolsize=2)
    fresh_server.start()
    async with opened(connecting) as rc:
        assert await bounded(rc.ping()) == "PONG"


@pytest.mark.skipif(sys.platform != "linux", reason="a full backlog is answered differently elsewhere")
@pytest_twisted.ensureDeferred
async def test_connectTimeout_where_nobody_answers():
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = listening.getsockname()[1]
        for one in (first, second):  # a full backlog: further attempts are left without an answer
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        with pytest.raises(redis.ConnectionFailedError, match="timeout"):
            await bounded(redis.Connection("127.0.0.1", port, connectTimeout=0.1, reconnect=False), 5)


@pytest_twisted.ensureDeferred
async def test_connecting_may_be_cancelled(fresh_server):
    fresh_server.kill()
    connecting = redis.ConnectionPool(*fresh_server.address, poolsize=3)
    connecting.addErrback(lambda failure: failure.trap(redis.ConnectionError, Exception))
    connecting.cancel()
    fresh_server.start()
    await bounded(connecting)
    assert clients(fresh_server) == []


# -- URLs and endpoints


@pytest_twisted.ensureDeferred
async def test_urls(make_server):
    server = make_server(password="s3/c:r@t", users={"alice": "on >w%nder ~* &* +@all"})
    address = f"{server.host}:{server.port}"
    urls = {
        f"redis://:s3%2Fc%3Ar%40t@{address}": ("default", "0", 1),
        f"redis://alice:w%25nder@{address}/2": ("alice", "2", 1),
        f"redis://alice:w%25nder@{address}/2?poolsize=3": ("alice", "2", 3),
        f"unix://alice:w%25nder@{server.path}?db=4&poolsize=2": ("alice", "4", 2),
    }
    for url, (user, database, size) in urls.items():
        async with opened(redis.from_url(url)) as rc:
            await bounded(rc.ping())
            found = clients(server)
            assert [(client["user"], client["db"]) for client in found] == [(user, database)] * size
            kind = redis.UnixConnectionHandler if url.startswith("unix") else redis.ConnectionHandler
            assert type(rc) is kind
        await until(lambda: not clients(server), "no connections")


@pytest_twisted.ensureDeferred
async def test_options_in_the_url_and_beside_it(server):
    server.command("SET", "key", b"007\xe4")
    server.command("SET", "number", "007")
    url = f"redis://{server.host}:{server.port}/?charset=latin-1&convertNumbers=exact"
    async with opened(redis.from_url(url)) as rc:
        assert await bounded(rc.mget(["key", "number"])) == ["007ä", "007"]
    async with opened(redis.from_url(url, isLazy=True, charset=None)) as rc:
        assert await bounded(rc.get("key")) == b"007\xe4"


@pytest.mark.parametrize("protocol", [2, 3])
@pytest_twisted.ensureDeferred
async def test_with_undecodable_replace_all_text_is_str(server, protocol):
    large = b"\xff" * 100_000
    url = f"redis://{server.host}:{server.port}/?undecodable=replace&protocol={protocol}"
    async with opened(redis.connect(url)) as rc:
        await bounded(rc.mset({b"key": b"1\xff", b"large": large}))
        await bounded(rc.hset("hash", b"\xc3\xa9", b"\xff"))
        await bounded(rc.sadd("set", [b"a", b"\xff"]))
        await bounded(rc.zadd("ranking", {b"\xff": 1.5}))
        assert await bounded(rc.get("key")) == "1\ufffd"
        assert await bounded(rc.get("large")) == "\ufffd" * len(large)
        assert await bounded(rc.hgetall("hash")) == {"\xe9": "\ufffd"}
        assert await bounded(rc.smembers("set")) == {"a", "\ufffd"}
        assert await bounded(rc.zrange("ranking", withscores=True)) == [("\ufffd", 1.5)]
        assert await bounded(rc.eval("return {ok = ARGV[1]}", args=[b"\xff"])) == "\ufffd"
        async with rc.pipelined() as pipeline:
            value = pipeline.get("key")
        assert await bounded(value) == "1\ufffd"
        transaction = await bounded(rc.multi())
        await bounded(transaction.get("key"))
        assert await bounded(transaction.commit()) == ["1\ufffd"]
        assert await bounded(rc.raw.get("key")) == b"1\xff"
        assert await bounded(rc.raw.get("large")) == large
        assert await bounded(rc.restore("copy", 0, await bounded(rc.dump("key")))) == "OK"
        subscriber = await bounded(rc.subscriber())
        await bounded(subscriber.subscribe(b"channel\xff"))
        await bounded(rc.publish(b"channel\xff", b"\xfe"))
        message = await bounded(Deferred.fromCoroutine(subscriber.__anext__()))
        assert (message.channel, message.data) == ("channel\ufffd", "\ufffd")
        await bounded(subscriber.disconnect())


async def undecodable_reply(awaited):
    """What the error has kept of a reply that cannot be decoded."""
    with pytest.raises(redis.DecodeError, match=r"^expected text in utf-8, got b") as caught:
        await bounded(awaited)
    return caught.value.reply


@pytest.mark.parametrize("protocol", [2, 3])
@pytest_twisted.ensureDeferred
async def test_with_undecodable_error_a_command_fails_whose_reply_is_no_text(server, protocol):
    large = b"\xff" * 100_000
    url = f"redis://{server.host}:{server.port}/?undecodable=error&protocol={protocol}"
    async with opened(redis.connect(url)) as rc:
        await bounded(rc.mset({b"key": b"1\xff", b"large": large, b"good": b"\xc3\xa9"}))
        await bounded(rc.hset("hash", b"\xc3\xa9", b"\xff"))
        await bounded(rc.sadd("set", [b"\xff"]))
        await bounded(rc.zadd("ranking", {b"\xff": 1.5}))
        await bounded(rc.rpush("list", [b"\xff", "a"]))
        assert await undecodable_reply(rc.get("key")) == b"1\xff"
        assert await undecodable_reply(rc.get("large")) == large
        kept = await undecodable_reply(rc.hgetall("hash"))
        assert kept == ["\xe9", b"\xff"] if protocol == 2 else kept == {"\xe9": b"\xff"}
        assert list(await undecodable_reply(rc.smembers("set"))) == [b"\xff"]
        assert await undecodable_reply(rc.zrange("ranking", withscores=True))
        assert await undecodable_reply(rc.eval("return {1, {ARGV[1]}}", args=[b"\xff"])) == [1, [b"\xff"]]
        assert await undecodable_reply(rc.mget(["good", "key"])) == ["\xe9", b"1\xff"]
        assert await undecodable_reply(rc.lpop("list")) == b"\xff"
        assert await bounded(rc.lpop("list")) == "a"
        pipeline = await bounded(rc.pipeline())
        good, bad, last = pipeline.get("good"), pipeline.get("key"), pipeline.get("good")
        failing = Deferred.fromCoroutine(undecodable_reply(bad))
        results = await bounded(pipeline.execute_pipeline(raise_on_error=False))
        assert results[::2] == ["\xe9", "\xe9"]
        assert (await bounded(good), await bounded(last)) == ("\xe9", "\xe9")
        assert results[1].reply == await failing == b"1\xff"
        with pytest.raises(redis.PipelineError, match=r"got b'1\\xff' .* \(command 2 of 3, 1 failed\)"):
            await bounded(rc.batch([("GET", "good"), ("GET", "key"), ("GET", "good")]))
        replies = await bounded(rc.batch([("GET", "good"), ("GET", "key")], raise_on_error=False))
        assert (replies[0], replies[1].reply) == ("\xe9", b"1\xff")
        pipeline = await bounded(rc.pipeline())
        pipeline.multi()
        pipeline.get("good")
        pipeline.hgetall("hash")
        executed = pipeline.commit()
        await bounded(pipeline.execute_pipeline(raise_on_error=False))
        replies = await bounded(executed)
        assert replies[0] == "\xe9"
        assert isinstance(replies[1], redis.DecodeError)
        assert await bounded(rc.raw.get("key")) == b"1\xff"
        assert await bounded(rc.restore("copy", 0, await bounded(rc.dump("key")))) == "OK"
        subscriber = await bounded(rc.subscriber())
        await bounded(subscriber.subscribe(b"channel\xff"))
        await bounded(rc.publish(b"channel\xff", b"\xfe"))
        await bounded(rc.publish(b"channel\xff", "text"))
        messages = [await bounded(Deferred.fromCoroutine(subscriber.__anext__())) for _ in range(2)]
        assert [each.data for each in messages] == [b"\xfe", "text"]
        assert messages[0].channel == b"channel\xff"
        await bounded(subscriber.disconnect())


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("raw_too", [False, True])
@pytest_twisted.ensureDeferred
async def test_with_undecodable_error_elements_of_exec_fail_by_themselves(server, protocol, raw_too):
    url = f"redis://{server.host}:{server.port}/?undecodable=error&protocol={protocol}"
    async with opened(redis.connect(url)) as rc:
        await bounded(rc.mset({b"key": b"1\xff", b"good": b"\xc3\xa9", "number": 7}))
        await bounded(rc.hset("hash", b"\xc3\xa9", b"\xff"))
        await bounded(rc.rpush("list", [b"a", b"\xff"]))
        async with rc.transaction() as transaction:
            transaction.get("good")
            transaction.get("key")
            transaction.hgetall("hash")
            transaction.lrange("list", 0, -1)
            transaction.incr("number")
            transaction.lpush("key", 1).addErrback(lambda _: None)
            if raw_too:
                transaction.execute_command("GET", "key", raw=True)
        results = transaction.results
        assert (results[0], results[4]) == ("\xe9", 8)
        assert [type(each) for each in results[1:4]] == [redis.DecodeError] * 3
        assert [each.reply for each in results[1:4:2]] == [b"1\xff", ["a", b"\xff"]]
        assert isinstance(results[5], redis.WrongTypeError)
        assert results[6:] == ([b"1\xff"] if raw_too else [])
        assert await bounded(rc.get("good")) == "\xe9"


@pytest.mark.parametrize("protocol", [2, 3])
@pytest_twisted.ensureDeferred
async def test_one_raw_command_of_a_transaction_leaves_the_values_of_the_others(server, protocol):
    async with opened(redis.connect(f"redis://{server.host}:{server.port}/?protocol={protocol}")) as rc:
        await bounded(rc.hset("hash", "a", "x"))
        await bounded(rc.sadd("set", ["b", "c"]))
        async with rc.transaction() as transaction:
            transaction.dump("hash")
            transaction.hgetall("hash")
            transaction.smembers("set")
            transaction.config_get("maxmemory-policy")
        assert isinstance(transaction.results[0], bytes)
        assert transaction.results[1:] == [{"a": "x"}, {"b", "c"}, {"maxmemory-policy": "noeviction"}]


@pytest_twisted.ensureDeferred
async def test_with_undecodable_error_a_consumer_delivers_every_entry(server):
    """One that failed would be neither delivered nor acknowledged, and come first after each restart."""
    url = f"redis://{server.host}:{server.port}/?undecodable=error"
    async with opened(redis.connect(url)) as rc:
        for value in (b"a", b"\xff", b"c"):
            await bounded(rc.xadd("stream", {"field": value}))
        for _ in range(2):  # new ones, then as own pending ones
            entries = rc.consume("stream", "group", "me", count=2)
            got = [await bounded(entries.next_entry()) for _ in range(3)]
            assert [each.fields["field"] for each in got] == ["a", b"\xff", "c"]
            await bounded(entries.close())
        await bounded(rc.delete("stream"))


@pytest_twisted.ensureDeferred
async def test_endpoints(server):
    from twisted.internet import reactor

    endpoints = [
        f"tcp:host=127.0.0.1:port={server.port}",
        f"unix:path={server.path}",
        TCP4ClientEndpoint(reactor, *server.address),
    ]
    for endpoint in endpoints:
        async with opened(redis.from_endpoint(endpoint, poolsize=2, dbid=1)) as rc:
            await bounded(rc.ping())
            assert [client["db"] for client in clients(server)] == ["1", "1"]
        await until(lambda: not clients(server), "no connections")
        async with opened(redis.from_endpoint(endpoint, isLazy=True)) as rc:
            assert await bounded(rc.ping()) == "PONG"
        await until(lambda: not clients(server), "no connections")


# -- TLS


@pytest_twisted.ensureDeferred
async def test_tls_with_a_context_that_trusts_the_authority(server, tls_proxy):
    from twisted.internet import reactor

    def options(name):
        return optionsForClientTLS(name, trustRoot=tls_proxy.certificates.trust_root())

    port = tls_proxy.port
    plain = HostnameEndpoint(reactor, "localhost", port)
    by_name, by_address = options("localhost"), options("127.0.0.1")
    ways = [
        lambda: redis.Connection("localhost", port, ssl_context_factory=by_name),
        lambda: redis.lazyConnectionPool("127.0.0.1", port, poolsize=2, ssl_context_factory=by_address),
        lambda: redis.ShardedConnection([f"localhost:{port}"], ssl_context_factory=by_name),
        lambda: redis.from_url(f"rediss://localhost:{port}/1", ssl_context_factory=by_name),
        lambda: redis.from_endpoint(wrapClientTLS(by_name, plain)),
    ]
    big = "x" * 1_000_000
    for connect in ways:
        async with opened(connect()) as rc:
            assert await bounded(rc.set("key", big)) == "OK"
            assert await bounded(rc.get("key")) == big
            assert tls_proxy.connections >= 1


@pytest_twisted.ensureDeferred
async def test_tls_refuses_an_authority_that_the_machine_does_not_trust(tls_proxy):
    ways = [
        lambda: redis.Connection("localhost", tls_proxy.port, ssl_context_factory=True, reconnect=False),
        lambda: redis.from_url(f"rediss://localhost:{tls_proxy.port}?reconnect=no"),
    ]
    for connect in ways:
        with pytest.raises(redis.ConnectionFailedError, match="certificate verify failed"):
            await bounded(connect())
    async with opened(
        redis.lazyConnection("localhost", tls_proxy.port, ssl_context_factory=True, poolTimeout=0.5)
    ) as rc:
        with pytest.raises(redis.NotSentError, match="certificate verify failed"):
            await bounded(rc.ping())


@pytest_twisted.ensureDeferred
async def test_tls_refuses_another_host_name(server):
    certificates = make_certificates("redis.example")
    proxy = TLSProxy(server.host, server.port, certificates)
    try:
        trusting = optionsForClientTLS("localhost", trustRoot=certificates.trust_root())
        with pytest.raises(redis.ConnectionFailedError, match=r"(?i)verif|mismatch"):
            await bounded(redis.Connection("localhost", proxy.port, ssl_context_factory=trusting, reconnect=False))
    finally:
        await proxy.stop()


@pytest_twisted.ensureDeferred
async def test_connectTimeout_bounds_the_tls_handshake(fresh_server):
    fresh_server.pause()  # the kernel accepts the connection, and nobody answers
    options = {"ssl_context_factory": True, "connectTimeout": 0.2, "reconnect": False}
    with pytest.raises(redis.ConnectionFailedError, match=r"no TLS handshake within 0\.2 seconds"):
        await bounded(redis.Connection("localhost", fresh_server.port, **options), 5)


@pytest_twisted.ensureDeferred
async def test_tls_to_a_server_without_tls_fails(server):
    options = {"ssl_context_factory": True, "connectTimeout": 0.3, "reconnect": False}
    with pytest.raises(redis.ConnectionFailedError, match="could not connect"):
        await bounded(redis.Connection("localhost", server.port, **options))


# -- users and databases


@pytest_twisted.ensureDeferred
async def test_password_and_user(make_server):
    server = make_server(password="secret", users={"alice": "on >wonder ~a:* &* +@all"})
    async with opened(redis.ConnectionPool(*server.address, password="secret", poolsize=2)) as rc:
        assert await bounded(rc.execute_command("ACL", "WHOAMI")) == "default"
    alice = {"username": "alice", "password": b"wonder"}
    async with opened(redis.lazyConnection(*server.address, **alice)) as rc:
        assert await bounded(rc.execute_command("ACL", "WHOAMI")) == "alice"
        with pytest.raises(redis.NoPermissionError):
            await bounded(rc.set("b:1", 1))
    async with opened(redis.Connection(*server.address)) as rc:
        with pytest.raises(redis.AuthenticationError, match=r"^NOAUTH"):
            await bounded(rc.ping())


@pytest.mark.parametrize("reconnect", [True, False])
@pytest.mark.parametrize("username", [None, "alice"])
@pytest_twisted.ensureDeferred
async def test_a_wrong_password_is_refused_and_never_shown(make_server, username, reconnect):
    server = make_server(password="secret", users={"alice": "on >wonder ~* &* +@all"})
    options = {"username": username, "password": "wr0ng-passw0rd", "reconnect": reconnect}
    with pytest.raises(ValueError, match="WRONGPASS") as caught:
        await bounded(redis.ConnectionPool(*server.address, poolsize=3, **options))
    assert type(caught.value) is redis.ConnectionFailedError
    assert "wr0ng" not in str(caught.value) + repr(caught.value)
    await until(lambda: not clients(server), "no connections")
    async with opened(redis.lazyConnection(*server.address, **options)) as rc:
        with pytest.raises(redis.NotSentError, match="WRONGPASS") as lazily:
            await bounded(rc.ping())
    assert "wr0ng" not in str(lazily.value)


@pytest_twisted.ensureDeferred
async def test_a_password_that_rotates_is_fetched_for_each_connection(make_server):
    server = make_server(password="admin", users={"app": "on >first ~* &* +@all", "open": "on nopass ~* &* +@all"})
    tokens = ["first"]

    async def fetch():
        await deferLater(redis.reactor, 0.01)
        return tokens[-1]

    async with opened(redis.ConnectionPool(*server.address, poolsize=2, username="app", password=fetch)) as rc:
        rc._factory.maxDelay = rc._factory.initialDelay = 0.1
        assert await bounded(rc.execute_command("ACL", "WHOAMI")) == "app"
        assert await bounded(rc.blpop("no such list", 1)) is None
        await bounded(rc.execute_command("ACL", "SETUSER", "app", "resetpass", ">second-pä€s"))
        tokens.append("second-pä€s")
        await bounded(rc.execute_command("CLIENT", "KILL", "USER", "app", "SKIPME", "no", timeout=2).addBoth(str))
        await until(lambda: rc.stats().connections_lost >= 2 and rc._factory.size == 2, "back")
        assert await bounded(rc.execute_command("ACL", "WHOAMI")) == "app"
    async with opened(
        redis.Connection(*server.address, username="app", password="second-pä€s", charset="latin-1")
    ) as rc:
        assert await bounded(rc.execute_command("ACL", "WHOAMI")) == "app"
    async with opened(redis.Connection(*server.address, username="open")) as rc:
        assert await bounded(rc.execute_command("ACL", "WHOAMI")) == "open"


@pytest_twisted.ensureDeferred
async def test_auth_reaches_a_pool_that_is_cut_off(make_server):
    server = make_server(password="admin", users={"app": "on >first ~* &* +@all"})
    async with (
        opened(redis.Connection(*server.address, password="admin")) as admin,
        opened(redis.ConnectionPool(*server.address, poolsize=2, username="app", password="first")) as rc,
    ):
        rc._factory.maxDelay = rc._factory.initialDelay = 0.1
        await bounded(admin.execute_command("ACL", "SETUSER", "app", "resetpass", ">second"))
        await bounded(admin.execute_command("CLIENT", "KILL", "USER", "app"))
        await until(lambda: not rc._factory.size, "lost")
        with pytest.raises(redis.NotSentError, match="WRONGPASS"):
            await bounded(rc.ping())
        assert await bounded(rc.auth("second", "app")) == "OK"
        assert await bounded(rc.execute_command("ACL", "WHOAMI")) == "app"


@pytest_twisted.ensureDeferred
async def test_connections_have_the_name_of_their_pool(fresh_server):
    server = fresh_server
    async with opened(redis.ConnectionPool(*server.address, poolsize=2, clientName="web-1")) as rc:
        assert await bounded(rc.blpop("no such list", 1)) is None
        listed = (await bounded(rc.execute_command("CLIENT", "LIST"))).splitlines()
        assert sum(" name=web-1 " in line for line in listed) == 2
        # That of a blocking command has a mark of its own behind it, by which it is known.
        assert sum(" name=web-1-" in line for line in listed) == 1


@pytest_twisted.ensureDeferred
async def test_times_to_live_may_have_a_fraction(fresh_server):
    async with opened(redis.Connection(*fresh_server.address)) as rc:
        assert await bounded(rc.set("a", 1, expire=100.5)) == "OK"
        assert await bounded(rc.setex("b", 100.5, 1)) == "OK"
        assert await bounded(rc.set("c", 1)) == "OK"
        assert await bounded(rc.expire("c", 100.5)) == 1
        for key in "abc":
            assert 100_000 < await bounded(rc.execute_command("PTTL", key)) <= 100_500


@pytest_twisted.ensureDeferred
async def test_databases(fresh_server):
    server = fresh_server
    async with (
        opened(redis.Connection(*server.address, dbid=1)) as one,
        opened(redis.ConnectionPool(*server.address, dbid=2, poolsize=2)) as two,
    ):
        await bounded(one.set("key", "in one"))
        await bounded(two.set("key", "in two"))
        one._factory.spread = two._factory.spread = 0  # so that they are not back at once
        assert server.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes") == 3
        await until(lambda: not one._factory.size and not two._factory.size, "lost")
        assert await bounded(one.get("key")) == "in one"
        assert await bounded(two.get("key")) == "in two"
    with pytest.raises(redis.ConnectionFailedError, match=r"could not set dbid=99.*out of range"):
        await bounded(redis.Connection(*server.address, dbid=99))


@pytest_twisted.ensureDeferred
async def test_disconnect_closes_all_connections_and_fails_later_commands(fresh_server):
    server = fresh_server
    rc = await bounded(redis.ConnectionPool(*server.address, poolsize=3))
    assert len(clients(server)) == 3
    await bounded(rc.disconnect())
    await until(lambda: not clients(server), "no connections")
    with pytest.raises(redis.NotSentError, match=r"^Not connected"):
        await rc.get("key")
    for begin in (rc.multi, rc.transaction().__aenter__):
        with pytest.raises(redis.NotSentError, match=r"^Not connected"):
            await begin()
    await bounded(rc.disconnect())
