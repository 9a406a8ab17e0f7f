"""Commands on users and what they may do."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred

from ..._types import Argument, Text, V
from .._parts import CommandHost, acl_entries, acl_user

__all__ = ["ACLCommands"]


class ACLCommands(CommandHost[V]):
    """Subcommands of ACL."""

    __slots__ = ()

    def acl_cat(self, category: Text | None = None) -> Deferred[list[Text]]:
        """List the categories of commands, or the commands of one.

        :param category: the category, without ``@``.
        :returns: fires with a list of names.

        https://redis.io/commands/acl-cat/, since 6.0.0
        """
        return self.execute_command("ACL", "CAT", *(() if category is None else (category,)))

    def acl_setuser(self, username: Argument, *rules: Argument) -> Deferred[Text]:
        """Create or change a user.

        :param username: the user.
        :param rules: such as ``"on"``, ``">password"``, ``"~key:*"``, ``"+@read"``. A new user may do nothing.
        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` for a wrong rule, and changes nothing.

        https://redis.io/commands/acl-setuser/, since 6.0.0
        """
        return self.execute_command("ACL", "SETUSER", username, *rules)

    def acl_deluser(self, *username: Argument) -> Deferred[int]:
        """Remove users, and close their connections.

        :param username: the users.
        :returns: fires with the number of users removed.

        https://redis.io/commands/acl-deluser/, since 6.0.0
        """
        return self.execute_command("ACL", "DELUSER", *username)

    def acl_getuser(self, username: Argument) -> Deferred[dict[str, Any] | None]:
        """Describe a user.

        :param username: the user.
        :returns: fires with a dict with ``"flags"``, ``"passwords"`` (hashes), ``"commands"``, ``"keys"``,
            ``"channels"`` and ``"selectors"`` (Redis 7.0), a list of dicts; None if there is no such user.

        https://redis.io/commands/acl-getuser/, since 6.0.0
        """
        return self.execute_command("ACL", "GETUSER", username, post_proc=acl_user)

    def acl_users(self) -> Deferred[list[Text]]:
        """List the names of all users.

        :returns: fires with a list of names.

        https://redis.io/commands/acl-users/, since 6.0.0
        """
        return self.execute_command("ACL", "USERS")

    def acl_list(self) -> Deferred[list[Text]]:
        """List all users with their rules, as in the server's file.

        :returns: fires with a list of lines.

        https://redis.io/commands/acl-list/, since 6.0.0
        """
        return self.execute_command("ACL", "LIST")

    def acl_whoami(self) -> Deferred[Text]:
        """Get the user of this connection.

        :returns: fires with the name.

        https://redis.io/commands/acl-whoami/, since 6.0.0
        """
        return self.execute_command("ACL", "WHOAMI")

    def acl_genpass(self, bits: int | None = None) -> Deferred[bytes]:
        """Let the server make a random password.

        :param bits: its strength. None: 256.
        :returns: fires with hexadecimal digits, four bits each, as bytes: number conversion would change some.

        https://redis.io/commands/acl-genpass/, since 6.0.0
        """
        return self.execute_command("ACL", "GENPASS", *(() if bits is None else (bits,)), raw=True)

    def acl_dryrun(self, username: Argument, *args: Argument) -> Deferred[Text]:
        """Test whether a user may execute a command, without executing it.

        :param username: the user.
        :param args: the command's name and arguments.
        :returns: fires with ``"OK"``, or a text that says what the user may not.

        https://redis.io/commands/acl-dryrun/, since 7.0.0
        """
        return self.execute_command("ACL", "DRYRUN", username, *args)

    def acl_log(self, count: int | None = None) -> Deferred[list[dict[str, Any]]]:
        """Get what was refused lately.

        :param count: maximum number of entries. None: 10.
        :returns: fires with a list of dicts of the server's fields, the latest first: ``"reason"``, ``"object"``,
            ``"username"``, ``"age-seconds"`` (a float), ``"client-info"`` (a dict) ...

        https://redis.io/commands/acl-log/, since 6.0.0
        """
        return self.execute_command("ACL", "LOG", *(() if count is None else (count,)), post_proc=acl_entries)

    def acl_log_reset(self) -> Deferred[Text]:
        """Empty the log of :meth:`acl_log`.

        :returns: fires with ``"OK"``.

        https://redis.io/commands/acl-log/, since 6.0.0
        """
        return self.execute_command("ACL", "LOG", "RESET")

    def acl_load(self) -> Deferred[Text]:
        """Read the users from the server's file again.

        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the server has no file.

        https://redis.io/commands/acl-load/, since 6.0.0
        """
        return self.execute_command("ACL", "LOAD")

    def acl_save(self) -> Deferred[Text]:
        """Write the users to the server's file.

        :returns: fires with ``"OK"``; fails with :exc:`.ResponseError` if the server has no file.

        https://redis.io/commands/acl-save/, since 6.0.0
        """
        return self.execute_command("ACL", "SAVE")
