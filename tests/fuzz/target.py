"""The fuzzer's entry: coverage of the compiled code, under sanitizers.

Started by ``run``, which builds what this imports, with what is to be fuzzed in ``TARGET``:

* ``resp``: the parser and the encoders, compared with the pure ones;
* ``dispatch``: the dispatcher of replies, compared with the pure one.

``native.pyx.in`` has the others.
"""

from __future__ import annotations

import os
import sys
import warnings

import atheris
from fuzz import cases, dispatch

from txredis_fast.resp import _shared

# Large bulk strings are filled in a buffer of their own; here that begins where a short input reaches it. Both
# implementations read the number when they are imported.
_shared.LARGE_BULK = 24

from txredis_fast.request import _crequest, _pyrequest  # noqa: E402
from txredis_fast.resp import _cresp, _pyresp  # noqa: E402


def compare_resp(data: bytes) -> None:
    """Run one input over both implementations."""
    cases.check(_cresp, _pyresp, data)


def compare_dispatch(data: bytes) -> None:
    """Tell one story over both implementations."""
    dispatch.check((_cresp, _crequest), (_pyresp, _pyrequest), data)


TARGETS = {"resp": compare_resp, "dispatch": compare_dispatch}

if __name__ == "__main__":
    warnings.simplefilter("ignore")
    atheris.Setup(sys.argv, TARGETS[os.environ.get("TARGET", "resp")])
    atheris.Fuzz()
