"""``FakeServer`` replies to random commands, and to sessions of several clients, as a real server does."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from testbed.extent import extent
from testbed.wire import command
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import Clock

from txredis_fast import Reader
from txredis_fast.testing import FakeServer

from .random_commands import TABLE, Chooser

#: Seconds for a reply of the real server.
LIMIT = 20.0
#: Replies whose order no server promises.
UNORDERED = ("KEYS", "SCAN", "SMEMBERS", "SINTER", "SUNION", "SDIFF", "SSCAN", "SPOP", "SRANDMEMBER")
UNORDERED_PAIRS = ("HGETALL", "HSCAN", "HKEYS", "HVALS")
#: Replies that depend on when they are asked for.
FLEETING = ("TTL", "PTTL")
#: How far the two clocks may be apart: that of the fake server runs 20 ms for each command.
FLEETING_SECONDS = 300


class FakeClient(Protocol):
    """A connection to a ``FakeServer``."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.came = b""

    def dataReceived(self, data: bytes) -> None:
        self.came += data

    def call(self, words: list[bytes]) -> bytes:
        self.send(words)
        # Blocking commands of the random test wait for 10 ms.
        self.server.advance(0.02)
        return self.take()

    def send(self, words: list[bytes]) -> None:
        self.transport.write(command(*words))
        self.server.advance(0)

    def take(self) -> bytes:
        self.server.advance(0)
        came, self.came = self.came, b""
        return came


class RealClient:
    """A connection to a real server."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._socket = socket.create_connection(address, timeout=LIMIT)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def call(self, words: list[bytes]) -> bytes:
        self.send(words)
        return self.take(1)

    def send(self, words: list[bytes]) -> None:
        self._socket.sendall(command(*words))

    def take(self, count: int) -> bytes:
        """The bytes of so many replies."""
        reader, came, found = Reader(charset=None, convert_numbers=False), b"", 0
        while found < count:
            data = self._socket.recv(65536)
            assert data, "the server closed the connection"
            came += data
            reader.feed(data)
            found += len(reader.get_all())
        return came

    def close(self) -> None:
        self._socket.close()


class Both:
    """One client at each of two servers."""

    def __init__(self, fake: FakeServer, address: tuple[str, int]) -> None:
        self.fake = FakeClient(fake)
        fake.reactor.connectTCP("fake", 6379, _FactoryOf(self.fake))
        fake.advance(0)
        self.real = RealClient(address)

    def call(self, *words: bytes) -> tuple[bytes, bytes]:
        return self.fake.call(list(words)), self.real.call(list(words))

    def same(self, *words: bytes) -> Any:
        fake, real = self.call(*words)
        assert fake == real, words
        return real

    def send(self, *words: bytes) -> None:
        """Send, and wait for nothing."""
        self.fake.send(list(words))
        self.real.send(list(words))

    def same_arrives(self, count: int = 1) -> bytes:
        """The same comes to both, without another command."""
        fake, real = self.fake.take(), self.real.take(count)
        assert fake == real
        return real


class _FactoryOf(Factory):
    noisy = False

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol

    def buildProtocol(self, address: Any) -> Any:
        return self._protocol

    def startedConnecting(self, connector: Any) -> None: ...

    def clientConnectionLost(self, connector: Any, reason: Any) -> None: ...


@pytest.fixture
def fake():
    clock = Clock()
    clock.advance(time.time())
    return FakeServer(clock)


@pytest.fixture
def clients(fake, server):
    made: list[Both] = []

    def make() -> Both:
        made.append(Both(fake, server.address))
        return made[-1]

    yield make
    for each in made:
        each.real.close()


def decoded(data: bytes) -> Any:
    reader = Reader(charset=None, convert_numbers=False)
    reader.feed(data)
    [reply] = reader.get_all()
    return reply


def comparable(name: str, data: bytes) -> Any:
    """A reply as it must be the same on both servers."""
    reply = decoded(data)
    if isinstance(reply, Exception) or reply in (b"QUEUED", None):
        return data
    if name in UNORDERED:
        return sorted(reply[1] if name in ("SCAN", "SSCAN") else reply)
    if name in UNORDERED_PAIRS:
        if isinstance(reply, dict):
            return data[:1], sorted(reply.items())
        items = reply[1] if name == "HSCAN" else reply
        pairs = zip(items[::2], items[1::2], strict=True) if name in ("HGETALL", "HSCAN") else items
        return data[:1], sorted(pairs)
    return data


def compared(name: str, fake: bytes, real: bytes, queued: list[str]) -> bool:
    if fake == real:
        return True
    if name == "EXEC" and queued:
        replies = [decoded(data) for data in (fake, real)]
        if not all(isinstance(reply, list) and len(reply) == len(queued) for reply in replies):
            return False
        loose = (*UNORDERED, *UNORDERED_PAIRS, *FLEETING)
        return all(
            repr(ours) == repr(theirs) or each in loose for ours, theirs, each in zip(*replies, queued, strict=True)
        )
    if name in FLEETING and fake[:1] == real[:1] == b":" and min(decoded(fake), decoded(real)) > 0:
        return bool(
            abs(decoded(fake) - decoded(real)) < (FLEETING_SECONDS if name == "TTL" else FLEETING_SECONDS * 1000)
        )
    return comparable(name, fake) == comparable(name, real)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("seed", range(extent(10, 2)))
def test_random_commands_get_the_replies_of_a_real_server(clients, server, seed, protocol):
    name, version = server.version
    if int(version.partition(".")[0]) < 7:
        pytest.skip(f"{name} {version} has other texts and fewer options")
    chooser = Chooser(seed)
    three = [clients() for _ in range(3)]
    queued: dict[Both, list[str]] = {}
    for client in three:
        if protocol == 3:
            client.call(b"HELLO", b"3")
    last: list[Any] = []
    for _ in range(1500):
        client = chooser.random.choice(three)
        words = chooser.command(client in queued)
        name = words[0].decode().upper()
        fake, real = client.call(*words)
        last = [*last[-5:], words]
        assert compared(name, fake, real, queued.get(client, [])), f"{last}\nfake: {fake!r}\nreal: {real!r}"
        if name == "MULTI":
            queued[client] = []
        elif fake == b"+QUEUED\r\n":
            queued.setdefault(client, []).append(name)
        elif name in ("EXEC", "DISCARD"):
            queued.pop(client, None)


def test_every_command_but_those_of_sessions_is_compared():
    from txredis_fast.testing.commands import COMMANDS

    by_sessions = {
        "SSUBSCRIBE",
        "SUNSUBSCRIBE",
        "SPUBLISH",
        "SUBSCRIBE",
        "PSUBSCRIBE",
        "UNSUBSCRIBE",
        "PUNSUBSCRIBE",
        "PUBSUB",
        "HELLO",
        "QUIT",
        "RESET",
    }
    # Random, changing, or other words for the same.
    elsewhere = {"RANDOMKEY", "TIME", "INFO", "ROLE", "FLUSHALL", "TOUCH", "SUBSTR", "EXPIRETIME", "PEXPIRETIME"}
    assert COMMANDS.keys() - TABLE.keys() == by_sessions | elsewhere


@pytest.mark.parametrize("protocol", [b"2", b"3"])
def test_messages_and_confirmations_are_those_of_a_real_server(clients, protocol):
    subscriber, publisher = clients(), clients()
    subscriber.call(b"HELLO", protocol)
    publisher.same(b"PUBSUB", b"NUMPAT")
    subscriber.send(b"SUBSCRIBE", b"news", b"sport")
    subscriber.same_arrives(2)
    subscriber.same(b"PSUBSCRIBE", b"n*")
    publisher.same(b"PUBSUB", b"CHANNELS", b"n*")
    publisher.same(b"PUBSUB", b"NUMSUB", b"news", b"none")
    publisher.same(b"PUBSUB", b"BOGUS")
    assert publisher.same(b"PUBLISH", b"news", b"text") == b":2\r\n"
    assert b"pmessage" in subscriber.same_arrives(2)
    publisher.same(b"PUBLISH", b"elsewhere", b"text")
    subscriber.same(b"PING")
    subscriber.same(b"PING", b"text")
    subscriber.same(b"GET", b"k")
    subscriber.same(b"UNSUBSCRIBE", b"news")
    subscriber.same(b"UNSUBSCRIBE", b"never")
    subscriber.same(b"UNSUBSCRIBE")
    subscriber.same(b"PUNSUBSCRIBE")
    subscriber.same(b"PUNSUBSCRIBE")
    subscriber.same(b"GET", b"k")
    publisher.same(b"PUBLISH", b"news", b"text")
    subscriber.same(b"SSUBSCRIBE", b"shard")
    subscriber.same(b"SUBSCRIBE", b"news")
    publisher.same(b"SPUBLISH", b"shard", b"text")
    assert b"smessage" in subscriber.same_arrives()
    subscriber.same(b"SUNSUBSCRIBE", b"shard")
    subscriber.same(b"SUNSUBSCRIBE")
    subscriber.same(b"UNSUBSCRIBE")
    subscriber.same(b"GET", b"k")


def test_a_pop_that_waits_gets_what_another_client_pushes(clients):
    first, second, other = clients(), clients(), clients()
    for client in (first, second):
        client.send(b"BLPOP", b"queue", b"other", b"0")
        other.same(b"PING")  # so that the real server has them in this order
    assert other.same(b"RPUSH", b"queue", b"a", b"b", b"c") == b":3\r\n"
    assert b"a" in first.same_arrives()
    assert b"b" in second.same_arrives()
    assert other.same(b"LRANGE", b"queue", b"0", b"-1").endswith(b"c\r\n")
    first.send(b"BLMOVE", b"from", b"to", b"RIGHT", b"LEFT", b"0")
    other.same(b"PING")
    other.same(b"MULTI")
    other.same(b"RPUSH", b"from", b"1")
    other.same(b"RPUSH", b"from", b"2")
    other.same(b"EXEC")
    first.same_arrives()
    other.same(b"LRANGE", b"from", b"0", b"-1")
    first.send(b"BZPOPMIN", b"scores", b"0")
    other.same(b"PING")
    other.same(b"ZADD", b"scores", b"2", b"two", b"1", b"one")
    first.same_arrives()


def test_a_pop_that_waits_is_ended_by_its_limit_and_by_unblock(clients):
    client, other = clients(), clients()
    numbers = [decoded(reply) for reply in client.call(b"CLIENT", b"ID")]
    assert client.same(b"BLPOP", b"queue", b"0.01") == b"*-1\r\n"
    assert client.same(b"BLMOVE", b"a", b"b", b"LEFT", b"LEFT", b"0.01") == b"*-1\r\n"
    for reason in (b"ERROR", b"TIMEOUT"):
        client.send(b"BLPOP", b"queue", b"0")
        other.same(b"PING")
        unblocked = [
            asker.call([b"CLIENT", b"UNBLOCK", b"%d" % number, reason])
            for asker, number in zip((other.fake, other.real), numbers, strict=True)
        ]
        assert unblocked == [b":1\r\n", b":1\r\n"]
        client.same_arrives()


def test_a_watched_key_that_changes_ends_the_transaction(clients):
    client, other = clients(), clients()
    for change in ([b"SET", b"k", b"1"], [b"DEL", b"k"], [b"EXPIRE", b"k", b"100"], [b"FLUSHALL"], [b"GET", b"k"]):
        client.same(b"SET", b"k", b"0")
        client.same(b"WATCH", b"k", b"l")
        other.same(*change)
        client.same(b"MULTI")
        client.same(b"PING")
        client.same(b"EXEC")


def test_logging_in_is_refused_and_accepted_with_the_texts_of_a_real_server(make_server):
    real = make_server(password="secret")
    client = Both(FakeServer(password="secret"), real.address)
    client.same(b"GET", b"k")
    client.same(b"HELLO", b"2")
    client.same(b"AUTH", b"wrong")
    client.same(b"AUTH", b"default", b"wrong")
    client.same(b"AUTH", b"somebody", b"secret")
    client.same(b"HELLO", b"3", b"AUTH", b"default", b"wrong")
    client.same(b"AUTH", b"secret")
    client.same(b"SET", b"k", b"v")
    client.same(b"RESET")
    client.same(b"GET", b"k")
    client.same(b"AUTH", b"default", b"secret")
    client.same(b"HELLO", b"4")
    client.same(b"HELLO", b"x")
    client.same(b"HELLO", b"2", b"BOGUS")
    client.same(b"QUIT")
    client.real.close()


def test_moments_of_expiry_are_those_of_a_real_server(clients):
    client = clients()
    client.same(b"SET", b"k", b"v", b"PXAT", b"4000000000499")
    client.same(b"PEXPIRETIME", b"k")
    client.same(b"EXPIRETIME", b"k")
    client.same(b"PEXPIRETIME", b"none")
    client.same(b"EXPIREAT", b"k", b"4000000001")
    client.same(b"EXPIRETIME", b"k")
    client.same(b"TOUCH", b"k", b"none")
    client.same(b"SUBSTR", b"k", b"0", b"0")
    client.same(b"ROLE")
