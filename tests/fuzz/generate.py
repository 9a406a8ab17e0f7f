"""RESP streams spelled by a tape: bytes that say, one after another, what comes next.

Mutations of a stream seldom leave its lengths right; mutations of a tape always do.
"""

from __future__ import annotations

from testbed.wire import bulk

#: What a bulk string may hold besides bytes of the tape.
NUMBERS = [b"0", b"-1", b"42", b"007", b"+5", b"1.50", b".5", b"-0.0", b"1.5e10", b"1e5", b"1_0", b"9" * 19, b"8" * 40]
LINES = [b"_", b"#t", b"#f", b",1.5", b",-inf", b",nan", b",1e400", b":7", b":-12", b"(" + b"7" * 30, b"$-1", b"*-1"]
WORDS = [b"OK", b"QUEUED", b"PONG", b"ERR no", b"", b"text \xc3\xa9", b"\xff"]
#: Bytes of a stream; longer ones make the fuzzer slow.
ENOUGH = 400
#: One for each value of a byte, more often what is more common.
KINDS = b"$$$$$$nnn++-!=lll***%~|>?"


class Tape:
    """Bytes, from first to last; then zeros."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Nothing is left."""
        return self._at >= len(self._data)

    def take(self, size: int) -> bytes:
        """The next bytes, fewer at the end."""
        taken = self._data[self._at : self._at + size]
        self._at += size
        return taken

    def below(self, limit: int) -> int:
        """The next number, less than the limit."""
        return (self.take(1) or b"\0")[0] % limit


def value(tape: Tape, depth: int = 0) -> bytes:
    """A value of any type with its elements; rarely, bytes that are none."""
    kind = KINDS[tape.below(len(KINDS))]
    if kind in b"$!=":
        data = tape.take(tape.below(90))
        if kind == ord("="):
            data = b"txt:" + data
        return bulk(data, b"%c" % kind)
    if kind == ord("n"):
        data = NUMBERS[tape.below(len(NUMBERS))]
        return bulk(data)
    if kind in b"+-":
        return b"%c%b\r\n" % (kind, WORDS[tape.below(len(WORDS))])
    if kind == ord("l"):
        return LINES[tape.below(len(LINES))] + b"\r\n"
    if kind == ord("?"):
        return tape.take(tape.below(8))
    size = tape.below(5)
    if depth > 40 or tape.is_over:
        size = 0
    body = b"".join(value(tape, depth + 1) for _ in range(size * (2 if kind in b"%|" else 1)))
    after = value(tape, depth + 1) if kind == ord("|") and not tape.is_over else b""
    return b"%c%d\r\n%b%b" % (kind, size, body, after)


def stream(data: bytes) -> bytes:
    """Values until the tape is over, or enough."""
    tape = Tape(data)
    values = bytearray()
    while not tape.is_over and len(values) < ENOUGH:
        values += value(tape)
    return bytes(values)
