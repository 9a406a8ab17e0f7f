"""Count the words of texts in a sorted set, and show the most frequent ones.

python examples/word_count.py [URL [FILE ...]]       (default URL: $REDIS_URL, else redis://localhost:6379)

Without files it counts the words of its own source.
"""

import os
import re
import sys
from collections import Counter
from pathlib import Path

from twisted.internet.defer import inlineCallbacks
from twisted.internet.task import react

import txredis_fast as redis

URL = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("REDIS_URL", "redis://localhost:6379")
FILES = sys.argv[2:] or [__file__]


def count_words(file):
    return Counter(re.findall(r"[^\W\d_]+", Path(file).read_text().lower()))


async def with_await():
    rc = await redis.connect(URL)
    for file in FILES:
        words = count_words(file)
        async with rc.pipelined() as p:  # one write for each file
            for word, count in words.items():
                p.zincrby("example:words", count, word)
        print(f"{file}: {words.total()} words")
    print("different words:", await rc.zcard("example:words"))
    for word, count in await rc.zrevrange("example:words", 0, 4, withscores=True):
        print(f"{count:6.0f} {word}")
    await rc.delete("example:words")
    await rc.disconnect()


@inlineCallbacks
def with_inline_callbacks():
    rc = yield redis.connect(URL)
    for file in FILES:
        words = count_words(file)
        p = yield rc.pipeline()
        for word, count in words.items():
            p.zincrby("example:words", count, word)
        yield p.execute_pipeline()
        print(f"{file}: {words.total()} words")
    different = yield rc.zcard("example:words")
    print("different words:", different)
    top = yield rc.zrevrange("example:words", 0, 4, withscores=True)
    for word, count in top:
        print(f"{count:6.0f} {word}")
    yield rc.delete("example:words")
    yield rc.disconnect()


async def main(reactor):
    try:
        await with_await()
        await with_inline_callbacks()
    except redis.ConnectionError as error:
        raise SystemExit(f"no connection to Redis: {error}") from None


if __name__ == "__main__":
    react(main)
