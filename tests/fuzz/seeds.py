"""The inputs that fuzzing starts from: every rule of the grammar, every type of argument, and what was once found.

As a script: ``seeds.py unpack TARGET FOLDER`` writes each to a file there; ``seeds.py pack TARGET FOLDER`` keeps what
is there (first let libFuzzer leave out what is not needed: ``-merge=1 FOLDER CORPUS...``).
"""

from __future__ import annotations

import base64
import sys
from pathlib import Path

#: Each rule of the grammar in ``_pyresp.py``, whole and wrong.
STREAMS = [
    b"+OK\r\n+QUEUED\r\n+PONG\r\n+\r\n+text \xc3\xa9\r\n+\xff\r\n",
    b"-ERR unknown command\r\n-WRONGTYPE \xff\r\n-\r\n-NOSCRIPT x\r\n",
    b":0\r\n:-1\r\n:+5\r\n:9223372036854775807\r\n:-9223372036854775808\r\n:123456789012345678901234567890\r\n",
    b"$0\r\n\r\n$5\r\nhello\r\n$-1\r\n$2\r\n\r\n\r\n",
    b"$2\r\n42\r\n$4\r\n1.50\r\n$6\r\n1.5e10\r\n$3\r\n007\r\n$2\r\n+5\r\n$2\r\n-0\r\n$2\r\n.5\r\n$2\r\n5.\r\n",
    b"$5\r\n1_000\r\n$3\r\n12 \r\n$3\r\n1e5\r\n$3\r\ninf\r\n$8\r\n1.0e9999\r\n$1\r\n-\r\n$1\r\n.\r\n$5\r\n1.e+5\r\n",
    b"$20\r\n12345678901234567890\r\n$4\r\n\xd9\xa3\xd9\xa4\r\n$3\r\n\xe2\x82\xac\r\n$1\r\n\xff\r\n",
    b"*0\r\n*-1\r\n*3\r\n:1\r\n$1\r\na\r\n*2\r\n$-1\r\n+OK\r\n",
    b"*2\r\n*2\r\n*1\r\n:1\r\n*0\r\n*1\r\n*1\r\n-ERR in an array\r\n",
    b"_\r\n#t\r\n#f\r\n",
    b",1\r\n,-1.5\r\n,1.\r\n,1e5\r\n,inf\r\n,-inf\r\n,nan\r\n,+inf\r\n,-nan\r\n",
    b"(0\r\n(-3492890328409238509324850943850943825024385\r\n",
    b"!21\r\nSYNTAX invalid syntax\r\n!0\r\n\r\n",
    b"=15\r\ntxt:Some string\r\n=4\r\nmkd:\r\n=6\r\ntxt:42\r\n",
    b"%2\r\n+first\r\n:1\r\n$6\r\nsecond\r\n*1\r\n:2\r\n%0\r\n",
    b"~3\r\n:1\r\n+a\r\n*1\r\n:2\r\n~0\r\n~2\r\n:1\r\n:1\r\n",
    b"%1\r\n*2\r\n:1\r\n%1\r\n+a\r\n~1\r\n:2\r\n:3\r\n",
    b"|1\r\n+ttl\r\n:3600\r\n$1\r\na\r\n|1\r\n+a\r\n:1\r\n|1\r\n+b\r\n:2\r\n+OK\r\n",
    b"*2\r\n|1\r\n+a\r\n:1\r\n:1\r\n:2\r\n",
    b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$5\r\nhello\r\n+OK\r\n>0\r\n",
    b"|1\r\n+a\r\n:1\r\n>1\r\n+b\r\n",
    b"$-5\r\n",
    b"*-7\r\n",
    b"$+3\r\n",
    b":1_0\r\n",
    b"+a\rb\r\n",
    b"+a\nb\r\n",
    b"\r\n",
    b"$3\r\nabcd\r\n",
    b"$70\r\n" + b"x" * 70 + b"\r\n$100\r\n" + b"y" * 100 + b"\r\n",
    b"*1\r\n" * 8 + b":1\r\n",
    b"~1\r\n" + b"*1\r\n" * 33 + b":1\r\n",
    b"*99999999999999999999\r\n",
    b"*1\r\n>1\r\n:1\r\n",
    b"=3\r\ntxt\r\n=5\r\ntxtab\r\n",
    b"$1\r\n1\r\r\n",
    b"+" + b"a" * 64 + b"\r\n",
    b"hello\r\n",
    # A chunk that ends with text: nothing may be read past it.
    b"*2\r\n$8\r\nordinary\r\n$20\r\nabcdefghijklmnopqrst\r\n",
    b"$20\r\nabcdefghijklmnopqr\xc3\xa9\r\n",
    b"$25\r\n12345678901234567890.1234\r\n",
]

#: What goes before a stream: the defaults in one chunk, byte by byte, small limits, no charset and raw replies; twice,
#: received where it is awaited; twice, ASCII where what cannot be decoded fails.
OPTIONS = [
    b"\x01\x00\x00\x00",
    b"\x01\x40\x01\x00",
    b"\x61\x80\x07\x00",
    b"\x30\x15\x40\x00",
    b"\x01\x00\x10\x02",
    b"\x21\x00\x07\x02",
    b"\x02\x08\x00\x08",
    b"\x42\x00\x03\x08",
]

#: Streams spelled by a tape.
TAPES = [
    b"\x01\x00\x00\x01" + bytes([0, 20]) + b"abcdefghijklmnopqrst",
    b"\x01\x00\x00\x01" + bytes(range(100)),
    b"\x41\x80\x09\x01" + bytes([17, 3, 0, 9]) + b"some text" + bytes([6, 4, 14, 1, 18, 0, 0, 12]) + b"another text",
    b"\x09\x05\x50\x01"
    + bytes([20, 2, 0, 1, 97, 20, 1, 6, 2, 0, 21, 1, 9, 0, 6, 3, 23, 1, 9, 1, 6, 5, 24, 3, 1, 2, 3]),
]

#: Arguments for the encoders, see ``cases.arguments``.
COMMANDS = [
    b"\x81\x00\x00\x00\x00\x03SET\x00\x03key\x04\x06val\xc3\xa9e\x06\x02\x01\x02\x07\x08\x00\x00\x00\x00\x00\x00\xf8\x3f",
    b"\x81\x01\x02\x00\x01\x03GET\x02\x02ab\x03\x04abcd\x05\x02\xff\xfe\x08\x01x\x09\x00",
    b"\xa1\x00\x00\x00\x00\x03SET\x09\x00\x0d\x01\x01",
    b"\x82\x00\x01\x00\x00\x03SET\x04\x02\xc3\xa9\x0a\x01a\x0b\x01b\x0c\x01c\x0d\x01d\x0e\x01e\x0f\x01f\x10\x01g\x11\x04abcd",
    b"\x99\x00\x00\x00\x04\x01\xff\x04\x01\xff",
    b"\x80\x00\x00\x00",
]

#: Inputs that once failed. Each stays.
FOUND: list[bytes] = []


#: What fuzzing has found to reach something new, of each target: an input a line, in base64.
CORPUS = Path(__file__).parent / "corpus"


def seeds() -> list[bytes]:
    """Every input that is written here."""
    return [options + stream for stream in STREAMS for options in OPTIONS] + TAPES + COMMANDS + FOUND


def corpus(target: str) -> list[bytes]:
    """What is kept of a target's corpus."""
    path = CORPUS / f"{target}.txt"
    return [base64.b64decode(line) for line in path.read_text().split()] if path.exists() else []


def pack(target: str, folder: Path) -> None:
    """Keep the files of a folder as a target's corpus."""
    found = sorted({path.read_bytes() for path in folder.iterdir()}, key=lambda data: (len(data), data))
    (CORPUS / f"{target}.txt").write_text("".join(f"{base64.b64encode(data).decode()}\n" for data in found if data))


def unpack(target: str, folder: Path) -> None:
    """Write what a target starts from to files."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate([*corpus(target), *(seeds() if target == "resp" else [])]):
        (folder / f"seed-{number:04}").write_bytes(data)


if __name__ == "__main__":
    {"pack": pack, "unpack": unpack}[sys.argv[1]](sys.argv[2], Path(sys.argv[3]))
