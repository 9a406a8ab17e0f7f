"""Commands on functions, which are scripts that the server keeps; and scripts that only read."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Items, Keys, Text, V
from .._parts import CommandHost, errors_to_deferred, flags, function_libraries, function_state, one_or_many

__all__ = ["FunctionCommands"]


class FunctionCommands(CommandHost[V]):
    """Commands of Redis's group "scripting" for functions (Redis 7.0), and EVAL_RO.

    The keys and arguments of a call are given as redis-py has them: the number of keys, the keys, the arguments.
    """

    __slots__ = ()

    def fcall(self, function: Argument, numkeys: int, *keys_and_args: Argument) -> Deferred[Any]:
        """Call a function.

        :param function: its name.
        :param numkeys: number of keys among *keys_and_args*.
        :param keys_and_args: the keys that the function uses, then its arguments.
        :returns: fires with what the function returns; fails with :exc:`.ResponseError` if there is no such function or
            it raises an error.

        https://redis.io/commands/fcall/, since 7.0.0
        """
        return self.execute_command("FCALL", function, numkeys, *keys_and_args)

    def fcall_ro(self, function: Argument, numkeys: int, *keys_and_args: Argument) -> Deferred[Any]:
        """Call a function that only reads, also on a replica.

        :param function: its name; it must have the flag ``no-writes``.
        :param numkeys: number of keys among *keys_and_args*.
        :param keys_and_args: the keys that the function uses, then its arguments.
        :returns: fires with what the function returns; fails as :meth:`fcall` does.

        https://redis.io/commands/fcall_ro/, since 7.0.0
        """
        return self.execute_command("FCALL_RO", function, numkeys, *keys_and_args)

    @errors_to_deferred
    def eval_ro(self, script: Argument, keys: Keys = (), args: Argument | Items = ()) -> Deferred[Any]:
        """Execute a Lua script that only reads, also on a replica.

        :param script: the script, which is always sent whole.
        :param keys: the keys that the script uses, its ``KEYS``: one key or an iterable of keys.
        :param args: its ``ARGV``: one argument or an iterable of arguments.
        :returns: fires with the script's return value; fails with :exc:`.ResponseError` if the script writes.

        https://redis.io/commands/eval_ro/, since 7.0.0
        """
        names = one_or_many(keys)
        return self.execute_command("EVAL_RO", script, len(names), *names, *one_or_many(args))

    @errors_to_deferred
    def evalsha_ro(self, sha1_hash: Text, keys: Keys = (), args: Argument | Items = ()) -> Deferred[Any]:
        """Execute a Lua script that only reads by its hash, also on a replica.

        :param sha1_hash: SHA-1 hash of the script, in hexadecimal digits.
        :param keys: the keys that the script uses, its ``KEYS``: one key or an iterable of keys.
        :param args: its ``ARGV``: one argument or an iterable of arguments.
        :returns: fires with the script's return value; fails with :exc:`.ScriptDoesNotExist` if the server does not
            have the script.

        https://redis.io/commands/evalsha_ro/, since 7.0.0
        """
        names = one_or_many(keys)
        return self.execute_command("EVALSHA_RO", sha1_hash, len(names), *names, *one_or_many(args))

    def script_show(self, sha1_hash: Text) -> Deferred[Text]:
        """Get the text of a script (Valkey 8.0).

        :param sha1_hash: its SHA-1 hash, in hexadecimal digits.
        :returns: fires with the text; fails with :exc:`.ScriptDoesNotExist` if the server does not have the script.

        https://valkey.io/commands/script-show/, since 8.0.0
        """
        return self.execute_command("SCRIPT", "SHOW", sha1_hash)

    def function_load(self, code: Argument, replace: bool = False) -> Deferred[Text]:
        """Load a library of functions.

        :param code: its text, which begins with ``#!lua name=``.
        :param replace: replace the library of this name.
        :returns: fires with the library's name; fails with :exc:`.ResponseError` if it exists or does not compile.

        https://redis.io/commands/function-load/, since 7.0.0
        """
        return self.execute_command("FUNCTION", "LOAD", *flags(replace=replace), code)

    def function_delete(self, library: Argument) -> Deferred[Text]:
        """Remove a library.

        :param library: its name.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if there is no such library.

        https://redis.io/commands/function-delete/, since 7.0.0
        """
        return self.execute_command("FUNCTION", "DELETE", library)

    def function_flush(self, mode: Text | None = None) -> Deferred[Text]:
        """Remove all libraries.

        :param mode: ``"ASYNC"``: the server frees the memory in the background; ``"SYNC"``: at once. None: as the
            server is configured.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/function-flush/, since 7.0.0
        """
        return self.execute_command("FUNCTION", "FLUSH", *(() if mode is None else (mode,)))

    def function_list(self, library: Argument | None = None, withcode: bool = False) -> Deferred[list[dict[str, Any]]]:
        """Describe the libraries.

        :param library: glob-style pattern of their names. None: all.
        :param withcode: with their texts.
        :returns: fires with a list of dicts with ``"library_name"``, ``"engine"`` and ``"functions"``, a list of dicts;
            with *withcode*, ``"library_code"``, too.

        https://redis.io/commands/function-list/, since 7.0.0
        """
        some: tuple[Argument, ...] = () if library is None else ("LIBRARYNAME", library)
        arguments = (*some, *flags(withcode=withcode))
        return self.execute_command("FUNCTION", "LIST", *arguments, post_proc=function_libraries)

    def function_stats(self) -> Deferred[dict[str, Any]]:
        """Describe the running function, and count the libraries.

        :returns: fires with a dict with ``"running_script"``, a dict or None, and ``"engines"``, a dict of dicts.

        https://redis.io/commands/function-stats/, since 7.0.0
        """
        return self.execute_command("FUNCTION", "STATS", post_proc=function_state)

    def function_kill(self) -> Deferred[Text]:
        """Stop the running function, if it has not written to the data set.

        :returns: fires with ``"OK"``; fails with :exc:`.NoScriptRunning` if none is running.

        https://redis.io/commands/function-kill/, since 7.0.0
        """
        return self.execute_command("FUNCTION", "KILL")

    def function_dump(self) -> Deferred[bytes]:
        """Serialize all libraries in the server's own format, for :meth:`function_restore`.

        :returns: fires with bytes, whatever the charset.

        https://redis.io/commands/function-dump/, since 7.0.0
        """
        return self.execute_command("FUNCTION", "DUMP", raw=True)

    def function_restore(self, payload: bytes, policy: Text | None = None) -> Deferred[Text]:
        """Load the libraries that :meth:`function_dump` has serialized.

        :param payload: the bytes.
        :param policy: ``"APPEND"``: fail if a library exists; ``"REPLACE"``: replace it; ``"FLUSH"``: remove all
            before. None: APPEND.
        :returns: fires with ``"OK"``.

        https://redis.io/commands/function-restore/, since 7.0.0
        """
        return self.execute_command("FUNCTION", "RESTORE", payload, *(() if policy is None else (policy,)))
