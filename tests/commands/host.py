"""The least host that commands can stand on: it keeps what is sent, and parses what is answered."""

from __future__ import annotations

from functools import partial

from twisted.internet.defer import Deferred

from txredis_fast.commands import Commands
from txredis_fast.commands._parts import Recovery
from txredis_fast.exceptions import ResponseError


class Host(Commands):
    """Sends nowhere.

    :ivar sent: bytes of the commands that nobody took yet.
    :ivar options: the keyword arguments of each command.
    """

    def __init__(self, resp, charset="utf-8", convert_numbers=True):
        self._resp = resp
        self._charset = charset
        self._reader = resp.Reader(charset, convert_numbers)
        self._waiting = []
        self.sent = b""
        self.options = []

    def execute_command(self, *args, post_proc=None, **options):
        self.sent += self._resp.encode_command(args, self._charset)
        self.options.append(options)
        recovers = isinstance(post_proc, Recovery)
        deferred = Deferred(partial(post_proc.cancel, lambda _: None) if recovers else None)
        self._waiting.append((deferred, post_proc))
        return deferred

    def take_sent(self):
        """Return and forget the bytes sent."""
        sent, self.sent = self.sent, b""
        return sent

    def answer(self, data):
        """Receive bytes that are one reply."""
        self._reader.feed(data)
        (reply,) = self._reader.get_all()
        deferred, post_proc = self._waiting.pop(0)
        if isinstance(reply, ResponseError) and isinstance(post_proc, Recovery):
            post_proc.recover(reply, deferred)
        elif isinstance(reply, ResponseError):
            deferred.errback(reply)
        else:
            deferred.callback(reply if post_proc is None else post_proc(reply))


class QueuingHost(Host):
    """A host that says, as transactions and pipelines do, that a reply comes too late to be acted on."""

    _eval_by_hash = False


def result_of(deferred):
    """The value that a Deferred fired with, or the exception that it failed with."""
    results = []
    deferred.addBoth(results.append)
    assert results, "the Deferred has not fired"
    return getattr(results[0], "value", results[0])
