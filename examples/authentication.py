"""Authentication: a password, and an ACL user with limited rights.

python examples/authentication.py [URL]       (default URL: $REDIS_URL, else redis://localhost:6379)

User and password are in the URL: redis://user:password@localhost:6379. The user needs the right to manage users
(command ACL); the server is Redis 6 or later, or Valkey.
"""

import os
import secrets
import sys

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")
HOST, PORT = redis.RedisURL.parse(URL).addresses[0]


async def with_await():
    # The same for a host and a port: redis.connect(host="localhost", port=6379, password="...").
    rc = await redis.connect(URL)
    print("user:", await rc.execute_command("ACL", "WHOAMI"))

    # A user with all commands, but only on keys that begin with "example:".
    password = secrets.token_hex()
    await rc.execute_command("ACL", "SETUSER", "example", "on", f">{password}", "~example:*", "+@all")

    user = await redis.connect(host=HOST, port=PORT, username="example", password=password)
    print("user:", await user.execute_command("ACL", "WHOAMI"))
    await user.set("example:mine", "yes")
    print("mine:", await user.get("example:mine"))
    try:
        await user.get("other")
    except redis.NoPermissionError as error:
        print("refused:", error.code)
    await user.delete("example:mine")
    await user.disconnect()

    try:
        await redis.connect(host=HOST, port=PORT, username="example", password="wrong")
    except redis.ConnectionFailedError as error:
        print("wrong password:", error)

    await rc.execute_command("ACL", "DELUSER", "example")
    await rc.disconnect()


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.connect(URL)
    name = yield rc.execute_command("ACL", "WHOAMI")
    print("user:", name)

    password = secrets.token_hex()
    yield rc.execute_command("ACL", "SETUSER", "example", "on", f">{password}", "~example:*", "+@all")

    user = yield redis.connect(host=HOST, port=PORT, username="example", password=password)
    name = yield user.execute_command("ACL", "WHOAMI")
    print("user:", name)
    yield user.set("example:mine", "yes")
    value = yield user.get("example:mine")
    print("mine:", value)
    try:
        yield user.get("other")
    except redis.NoPermissionError as error:
        print("refused:", error.code)
    yield user.delete("example:mine")
    yield user.disconnect()

    try:
        yield redis.connect(host=HOST, port=PORT, username="example", password="wrong")
    except redis.ConnectionFailedError as error:
        print("wrong password:", error)

    yield rc.execute_command("ACL", "DELUSER", "example")
    yield rc.disconnect()


async def main(reactor):
    try:
        await with_await()
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
