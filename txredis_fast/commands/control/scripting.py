"""Lua scripts, sent by their hash if the server probably has them.

``eval`` sends EVALSHA if the connection has executed the script before, and then EVAL if the server replies
``NOSCRIPT`` (after a restart or SCRIPT FLUSH). On a connection that has not executed the script it sends EVAL at once:
after a failed EVALSHA, commands issued later would be executed before the script. A transaction or pipeline always
sends EVAL, because ``NOSCRIPT`` would arrive too late (``_eval_by_hash`` is False).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..._tunables import SCRIPT_CACHE_MAX_BYTES, SCRIPT_HASHES_KEPT, SCRIPTS_KEPT
from ..._types import Argument, Items, Key, Keys, Reply, Text, V
from ...exceptions import NoScriptRunning, ScriptDoesNotExist
from .._parts import CommandHost, Recovery, errors_to_deferred, one_or_many, truth_values

__all__ = ["ScriptingCommands", "hash_of_script", "hash_of_text"]


class ScriptingCommands(CommandHost[V]):
    """Commands of Redis's group "scripting".

    ``script_hashes``, if the host has it, is the set of hashes of the scripts that its connection has executed.
    """

    __slots__ = ()

    def eval(
        self,
        script: str | bytes | bytearray | memoryview,
        keys: Keys = [],  # noqa: B006  # txredisapi's defaults; nothing changes them
        args: Argument | Items = [],  # noqa: B006
    ) -> Deferred[Any]:
        """Execute a Lua script, by its hash if the server has it.

        :param script: the script; ``str`` is sent as UTF-8.
        :param keys: the keys that the script uses, its ``KEYS``: one key or an iterable of keys.
        :param args: its ``ARGV``: one argument or an iterable of arguments.
        :returns: fires with the script's return value; fails with :exc:`.ResponseError` if the script does not compile
            or raises an error.

        https://redis.io/commands/eval/, since 2.6.0
        """
        try:
            if type(script) is str and len(script) <= SCRIPT_CACHE_MAX_BYTES:
                script, sha1_hash = hash_of_text(script)
            else:
                script, sha1_hash = _with_hash(script)
            tail = _keys_and_args(keys, args)
        except Exception as error:
            return self._refuse(error)
        known = getattr(self, "script_hashes", None)
        remember = None if known is None or sha1_hash in known else partial(_remember, known, sha1_hash)
        if not self._eval_by_hash or remember is not None:
            return self.execute_command("EVAL", script, *tail, post_proc=remember)
        again = partial(self._eval_whole, script, sha1_hash, tail, self._host_later())
        return self.execute_command("EVALSHA", sha1_hash, *tail, post_proc=Recovery(None, again))

    @errors_to_deferred
    def evalsha(
        self,
        sha1_hash: Text,
        keys: Keys = [],  # noqa: B006
        args: Argument | Items = [],  # noqa: B006
    ) -> Deferred[Any]:
        """Execute a Lua script by its hash.

        :param sha1_hash: SHA-1 hash of the script, in hexadecimal digits.
        :param keys: the keys that the script uses, its ``KEYS``: one key or an iterable of keys.
        :param args: its ``ARGV``: one argument or an iterable of arguments.
        :returns: fires with the script's return value; fails with :exc:`.ScriptDoesNotExist` if the server does
            not have the script, with :exc:`.ResponseError` if the script raises an error.

        https://redis.io/commands/evalsha/, since 2.6.0
        """
        deferred = self._execute_script("EVALSHA", sha1_hash, sha1_hash, _keys_and_args(keys, args))
        return self._on_error(deferred, self._script_missing, sha1_hash)

    def script_exists(self, *hashes: Text) -> Deferred[Any]:
        """Test which scripts the server has.

        :param hashes: SHA-1 hashes of the scripts, in hexadecimal digits.
        :returns: fires with a list of bools in the order of the hashes; for a single hash, with the bool.

        https://redis.io/commands/script-exists/, since 2.6.0
        """
        return self.execute_command("SCRIPT", "EXISTS", *hashes, post_proc=truth_values)

    def script_flush(self, *, sync_type: Text | None = None) -> Deferred[Text]:
        """Remove all scripts from the server.

        :param sync_type: ``"ASYNC"``: the server frees the memory in the background; ``"SYNC"``: at once (Redis 6.2).
            None: as the server is configured.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/script-flush/, since 2.6.0
        """
        return self.execute_command(
            "SCRIPT", "FLUSH", *(() if sync_type is None else (sync_type,)), post_proc=self._scripts_flushed
        )

    def script_kill(self) -> Deferred[Text]:
        """Stop the running script, if it has not written to the data set.

        :returns: fires with ``"OK"``; fails with :exc:`.NoScriptRunning` if no script is running, with
            :exc:`.ResponseError` if the script has written.

        https://redis.io/commands/script-kill/, since 2.6.0
        """
        return self._on_error(self.execute_command("SCRIPT", "KILL"), _no_script_running)

    def script_load(self, script: Argument) -> Deferred[Text]:
        """Load a script into the server without executing it.

        :param script: the script.
        :returns: fires with its SHA-1 hash, in hexadecimal digits; fails with :exc:`.ResponseError` if the script
            does not compile.

        https://redis.io/commands/script-load/, since 2.6.0
        """
        return self.execute_command("SCRIPT", "LOAD", script)

    def _execute_script(self, command: str, script: Text, sha1_hash: Text, tail: tuple[Argument, ...]) -> Deferred[Any]:
        known = getattr(self, "script_hashes", None)
        if known is None or sha1_hash in known:
            return self.execute_command(command, script, *tail)
        return self.execute_command(command, script, *tail, post_proc=partial(_remember, known, sha1_hash))

    def _eval_whole(
        self, script: bytes, sha1_hash: str, tail: tuple[Argument, ...], host: Any, error: Exception
    ) -> Deferred[Any] | None:
        if not isinstance(error, ScriptDoesNotExist):
            return None
        self._forget(sha1_hash)
        sent: Deferred[Any]
        if host is self:
            sent = self._execute_script("EVAL", script, sha1_hash, tail)
        else:
            sent = host.execute_command("EVAL", script, *tail)
        return sent

    def _script_missing(self, failure: Failure, sha1_hash: Text) -> Failure:
        if not isinstance(failure.value, ScriptDoesNotExist):
            return failure
        self._forget(sha1_hash)
        shown = sha1_hash if isinstance(sha1_hash, str) else sha1_hash.decode("ascii", "replace")
        raise ScriptDoesNotExist(f"No script matching hash: {shown} found")

    def _forget(self, sha1_hash: Text) -> None:
        known = getattr(self, "script_hashes", None)
        if known is not None:
            known.discard(sha1_hash)

    def _scripts_flushed(self, reply: Reply) -> Reply:
        known = getattr(self, "script_hashes", None)
        if known is not None:
            known.clear()
        return reply

    def _on_error(self, deferred: Deferred[Any], errback: Callable[..., Any], *args: object) -> Deferred[Any]:
        return deferred.addErrback(errback, *args) if self._eval_by_hash else deferred


def _with_hash(script: str | bytes | bytearray | memoryview) -> tuple[bytes, str]:
    """Return a script as bytes, and its SHA-1 hash in hexadecimal digits."""
    if type(script) is _HashedScript:
        return script, script.sha1_hash
    if type(script) is bytes and len(script) <= SCRIPT_CACHE_MAX_BYTES:
        return _hash_of_bytes(script)
    return _hashed(script.encode() if isinstance(script, str) else bytes(script))


def _hashed(script: bytes) -> tuple[bytes, str]:
    return script, hashlib.sha1(script).hexdigest()


#: The scripts of the last calls. Two caches, because Python may warn where str and bytes are compared.
_hash_of_bytes = lru_cache(SCRIPTS_KEPT)(_hashed)


@lru_cache(SCRIPTS_KEPT)
def hash_of_text(script: str) -> tuple[bytes, str]:
    """Return a script as bytes, and its SHA-1 hash in hexadecimal digits."""
    return _hashed(script.encode())


class _HashedScript(bytes):
    """A script with its SHA-1 hash."""

    sha1_hash: str


def hash_of_script(script: str | bytes) -> tuple[str | bytes, str]:
    """Return the text of a script that is executed often, for ``eval``, and its SHA-1 hash.

    The first is the script, or the same with its hash if ``eval`` would compute the hash at each call.
    """
    if type(script) is str and len(script) <= SCRIPT_CACHE_MAX_BYTES:
        return script, hash_of_text(script)[1]
    hashed = _HashedScript(script.encode() if isinstance(script, str) else script)
    hashed.sha1_hash = _hashed(hashed)[1]
    return hashed, hashed.sha1_hash


def _keys_and_args(keys: Keys, args: Argument | Items) -> tuple[Argument, ...]:
    if type(keys) is int:  # the number of keys, as other clients want it
        raise TypeError(f"keys must be one key or a list of keys, whose number is added, not {keys}")
    names: list[Key] | tuple[Key, ...] = keys if type(keys) is list else one_or_many(keys)
    return (len(names), *names, *(args if type(args) is list else one_or_many(args)))


def _remember(known: set[Text], sha1_hash: Text, reply: Reply) -> Reply:
    while len(known) >= SCRIPT_HASHES_KEPT and sha1_hash not in known:
        known.pop()
    known.add(sha1_hash)
    return reply


def _no_script_running(failure: Failure) -> Failure:
    if not isinstance(failure.value, NoScriptRunning):
        return failure
    raise NoScriptRunning("No script running")
