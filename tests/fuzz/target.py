"""The fuzzer's entry: coverage of the compiled parser, under AddressSanitizer, compared with the pure one.

Started by ``run``, which builds what this imports.
"""

from __future__ import annotations

import sys

import atheris
from fuzz import cases

from txredis_fast.resp import _shared

# Large bulk strings are filled in a buffer of their own; here that begins where a short input reaches it. Both
# implementations read the number when they are imported.
_shared.LARGE_BULK = 24

from txredis_fast.resp import _cresp, _pyresp  # noqa: E402


def test_one_input(data: bytes) -> None:
    """Run one input."""
    cases.check(_cresp, _pyresp, data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, test_one_input)
    atheris.Fuzz()
