"""``select`` and ``auth`` of a handler while others change connections, too: none is left in a wrong state."""

from __future__ import annotations

import random

import pytest
from testbed.extent import extent
from testbed.support import Pool, failed, fired
from twisted.internet.defer import CancelledError

import txredis_fast as redis
from txredis_fast.caching.writes import commands_in

OK = b"+OK\r\n"
OUT_OF_RANGE = b"-ERR DB index is out of range\r\n"


class Server:
    """The state that a server has of one connection, and its replies."""

    def __init__(self, transport):
        self.transport = transport
        self.database = 0
        self.user = "default"
        self.queued = None
        self._unread = b""
        self._commands = []

    def answer(self, most=1000):
        """Execute some commands, and answer them in one piece."""
        self._commands += commands_in(self.transport.take())
        now, self._commands = self._commands[:most], self._commands[most:]
        replies = b"".join(map(self._execute, now))
        if replies and not self.transport.disconnecting:
            self.transport.protocol.dataReceived(replies)

    def _execute(self, args):
        name = args[0].upper()
        if name == b"EXEC":
            queued, self.queued = self.queued, None
            return b"*%d\r\n" % len(queued) + b"".join(map(self._execute, queued))
        if name == b"MULTI" or name == b"DISCARD":
            self.queued = [] if name == b"MULTI" else None
        elif self.queued is not None:
            self.queued.append(args)
            return b"+QUEUED\r\n"
        elif name == b"SELECT":
            if int(args[1]) > 9:
                return OUT_OF_RANGE
            self.database = int(args[1])
        elif name == b"AUTH":
            if args[-1] == b"wrong":
                return b"-WRONGPASS invalid username-password pair or user is disabled.\r\n"
            self.user = args[-1].decode()
        return OK


class Story:
    """A pool whose program selects, logs in, cancels, and uses batches and transactions, all at random."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        has_password = self.chance.random() < 0.5
        self.pool = Pool(self.chance.choice((1, 2, 3)), password="first" if has_password else None)
        self.servers = []

    def run(self):
        for _ in range(30):
            self._look_for_servers()
            act = self.chance.random()
            if act < 0.4:
                self.chance.choice(self.servers).answer(self.chance.choice((1, 2, 100)))
                continue
            asked = self._ask(self.pool.handler)
            asked.addErrback(lambda _: None)
            if self.chance.random() < 0.1:
                asked.cancel()

    def _ask(self, rc):
        kind = self.chance.randrange(5)
        if kind == 0:
            return rc.select(self.chance.choice((1, 2, 3, 99)))
        if kind == 1 and self.pool.factory.password:
            return rc.auth(self.chance.choice(("second", "third", "wrong")))
        if kind == 2:
            return rc.batch([("SELECT", 5), ("GET", "x")], raise_on_error=False)
        if kind == 3:
            return rc.multi().addCallback(lambda t: (t.set("a", 1).addErrback(lambda _: None), t.commit())[1])
        return rc.get("x")

    def _look_for_servers(self):
        while all(transport.disconnecting for transport in self.pool.transports):
            self.pool.connect()
        known = {server.transport for server in self.servers}
        self.servers += [Server(each) for each in self.pool.transports if each not in known]

    def wrong(self, clock):
        """What is wrong with free connections when all is answered."""
        for _ in range(30):
            self._look_for_servers()
            for server in self.servers:
                server.answer()
            clock.advance(0)
        factory = self.pool.factory
        free = [each for each in self.servers if each.transport.protocol in factory.connectionQueue.pending]
        wrong = [("database", each.database, factory.dbid) for each in free if each.database != (factory.dbid or 0)]
        wrong += [("open", each.queued) for each in free if each.queued is not None]
        if factory.password:
            logged_in = [each for each in free if each.transport.protocol.link.login == factory.login_number]
            wrong += [("user", each.user, factory.password) for each in logged_in if each.user != factory.password]
        return wrong


def test_random_stories(clock, monkeypatch):
    monkeypatch.setattr("twisted.logger.Logger.emit", lambda *_, **__: None)
    for seed in range(extent(600, 150)):
        story = Story(seed)
        story.run()
        assert story.wrong(clock) == [], seed


def test_a_change_that_is_refused_is_not_undone_behind_a_later_one(clock):
    pool = Pool(2)
    first, second = pool.transports
    wrong, right = pool.handler.select(99), pool.handler.select(2)
    first.protocol.dataReceived(OUT_OF_RANGE + OK)
    second.take()
    second.protocol.dataReceived(OUT_OF_RANGE + OK)
    failed(wrong, redis.ResponseError)
    assert fired(right) == "OK" and pool.factory.dbid == 2
    assert first.protocol.dbid == second.protocol.dbid == 2 and second.take() == b""


def test_a_change_that_is_cancelled_is_not_undone_behind_a_later_one(clock):
    pool = Pool(1)
    [transport] = pool.transports
    cancelled, kept = pool.handler.select(1), pool.handler.select(2)
    cancelled.cancel()
    failed(cancelled, CancelledError)
    assert transport.take().count(b"SELECT") == 2
    transport.protocol.dataReceived(OK + OK)
    assert fired(kept) == "OK" and transport.protocol.dbid == 2 and transport.take() == b""


@pytest.mark.parametrize("batch", [("SELECT", 5), ("AUTH", "guest", "pw")])
def test_what_a_batch_has_changed_behind_it_is_not_forgotten(clock, batch):
    pool = Pool(1, password="old")
    [transport] = pool.transports
    transport.take()
    transport.protocol.dataReceived(OK)
    changed = pool.handler.select(1) if batch[0] == "SELECT" else pool.handler.auth("new")
    replies = pool.handler.batch([batch, ("GET", "x")])
    transport.take()
    transport.protocol.dataReceived(OK)
    transport.protocol.dataReceived(OK + b"$1\r\nv\r\n")
    assert fired(changed) == "OK" and fired(replies) == ["OK", "v"]
    if batch[0] == "SELECT":
        assert b"SELECT\r\n$1\r\n1\r\n" in transport.take()
    else:
        assert transport.disconnecting and not pool.factory.connectionQueue.pending


def test_a_change_is_not_undone_in_somebodys_transaction(clock):
    pool = Pool(1)
    [transport] = pool.transports
    selected, begun = pool.handler.select(1), pool.handler.multi()
    selected.cancel()
    failed(selected, CancelledError)
    transport.protocol.dataReceived(OK + OK)
    ended = fired(begun).discard()
    assert b"SELECT\r\n$1\r\n0\r\n" not in transport.take()
    transport.protocol.dataReceived(OK)
    assert fired(ended) == "OK"
    assert b"SELECT\r\n$1\r\n0\r\n" in transport.take()


def test_a_login_that_all_refuse_harms_no_other_command(clock):
    pool = Pool(3, password="old")
    for each in pool.transports:
        each.take()
        each.protocol.dataReceived(OK)
    others = [each.protocol.set("k", "v") for each in pool.transports]
    asked = pool.handler.auth("typo")
    for each in pool.transports:
        each.protocol.dataReceived(OK + b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
    failed(asked, redis.AuthenticationError)
    assert [fired(other) for other in others] == ["OK"] * 3 and pool.factory.size == 3
