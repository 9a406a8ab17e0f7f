"""What the model's program adds to connections: an own protocol class and a hook, which raise now and then."""

from __future__ import annotations

from typing import Any

from testbed.soak.ledger import OnPurpose

from txredis_fast import ConnectionOptions, RedisProtocol


class Protocol(RedisProtocol):
    """Sees replies and push messages.

    :cvar armed: 1: raises instead of handing the next one on; 2: raises when it has done so.
    """

    armed = 0

    def replyReceived(self, reply: Any) -> None:
        if self._is_to_raise(1):
            raise OnPurpose("before a reply")
        super().replyReceived(reply)
        if self._is_to_raise(2):
            raise OnPurpose("after a reply")

    def pushReceived(self, push: Any) -> None:
        if self._is_to_raise(1) or self._is_to_raise(2):
            raise OnPurpose("at a push message")
        super().pushReceived(push)

    def _is_to_raise(self, when: int) -> bool:
        if type(self).armed != when:
            return False
        type(self).armed = 0
        return True


class Hook:
    """A hook for commands that raises at every fifth of its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.armed = True

    def command_started(self, command: Any) -> Any:
        self._called()
        return command

    def command_ended(self, token: Any, error: BaseException | None) -> None:
        self._called()

    def _called(self) -> None:
        self.calls += 1
        if self.armed and self.calls % 5 == 0:
            raise OnPurpose


def takes_callables() -> bool:
    """Whether a password may be something that is asked for it at each handshake."""
    known = str(ConnectionOptions.__annotations__["password"])
    return "Callable" in known or "Credential" in known
