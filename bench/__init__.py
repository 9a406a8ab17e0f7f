"""Benchmarks: each is a module to run, ``python -m bench.NAME``, and prints what it was measured on."""

import sys
from pathlib import Path

# Servers and the encoder of RESP are in ``tests/testbed``, under the one name that the tests have for it. As
# ``tests.testbed`` it would be imported twice, and not found where another distribution has installed ``tests``.
sys.path.append(str(Path(__file__).parents[1] / "tests"))
