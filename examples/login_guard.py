"""Locks an account for a while after too many wrong passwords. ``test_login_guard.py`` tests it without a server.

python examples/login_guard.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)
"""

import os
import sys

from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")

PASSWORDS = {"alice": "wonderland"}
MAX_FAILURES = 3
LOCKED_SECONDS = 60


class LoginGuard:
    """Checks passwords, and counts the wrong ones of each user in Redis."""

    def __init__(self, rc: redis.ConnectionHandler) -> None:
        self.rc = rc

    async def log_in(self, user: str, password: str) -> str:
        """Return "welcome", "wrong password", or "locked for N s"; "try again later" without a Redis server."""
        key = f"example:failures:{user}"
        try:
            if int(await self.rc.get(key) or 0) >= MAX_FAILURES:
                return f"locked for {await self.rc.ttl(key)} s"
            if PASSWORDS.get(user) == password:
                await self.rc.delete(key)
                return "welcome"
            async with self.rc.transaction() as t:
                t.incr(key)
                t.expire(key, LOCKED_SECONDS)
        except redis.ConnectionError:
            return "try again later"
        return "wrong password"


async def main(reactor: IReactorCore) -> None:
    try:
        async with redis.connect(URL, replyTimeout=2) as rc:
            guard = LoginGuard(rc)
            for password in ("looking-glass", "wonderland", "1", "2", "3", "wonderland"):
                print(f"{password}: {await guard.log_in('alice', password)}")
            await rc.delete("example:failures:alice")
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
