"""Check what an sdist and a wheel contain, and which systems the wheel suits.

Usage: ``check_artifacts.py FOLDER``, with one of each in the folder. Needs auditwheel.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

#: The newest glibc that a wheel may need.
GLIBC = (2, 17)

IN_SDIST = [
    ".ci/run",
    "CHANGES.rst",
    "LICENSE",
    "README.rst",
    "SECURITY.rst",
    "pyproject.toml",
    "setup.py",
    "tests/test_packaging.py",
    "tests/fuzz/run",
    "txredis_fast/py.typed",
]
#: Every Python and Cython file of these, too.
FOLDERS_IN_SDIST = ["bench", "examples", "tests", "txredis_fast"]


def problems_of_sdist(path: Path) -> list[str]:
    """What is missing in an sdist, or should not be there."""
    with tarfile.open(path) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
    sources = [path for folder in FOLDERS_IN_SDIST for path in Path(folder).rglob("*")]
    wanted = IN_SDIST + [str(path) for path in sources if path.suffix in (".py", ".pyx", ".pxd")]
    found = [f"the sdist lacks {name}" for name in wanted if name not in names]
    unwanted = [name for name in names if re.search(r"\.(c|so|pyc|pyo)$|(^|/)__pycache__(/|$)|^build/", name)]
    return found + [f"the sdist has {name}" for name in unwanted]


def problems_of_wheel(path: Path) -> list[str]:
    """What is missing in a wheel, or should not be there."""
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    unwanted = re.compile(r"\.(pyx|pxd|c|pyc)$|^(tests|bench|examples)/").search
    found = [f"the wheel has {name}" for name in names if unwanted(name)]
    built = [name.partition(".")[0] for name in names if name.endswith(".so")]
    extensions = [str(source.with_suffix("")) for source in Path("txredis_fast").rglob("*.pyx")]
    found += [f"the wheel lacks the extension {name}" for name in extensions if name not in built]
    modules = [str(module) for module in Path("txredis_fast").rglob("*.py") if "build" not in module.parts]
    return found + [f"the wheel lacks {name}" for name in [*modules, "txredis_fast/py.typed"] if name not in names]


def problems_of_platform(path: Path) -> list[str]:
    """Whether auditwheel finds the wheel fit for the glibc above."""
    ran = subprocess.run(
        [sys.executable, "-m", "auditwheel", "show", "--json", str(path)], capture_output=True, text=True, check=True
    )
    tag = json.loads(ran.stdout)["overall_tag"]
    print(f"{path.name}: {tag}")
    version = re.match(r"manylinux_(\d+)_(\d+)_", tag)
    if version is None or tuple(map(int, version.groups())) > GLIBC:
        return [f"the wheel is fit for {tag} only, not for glibc {'.'.join(map(str, GLIBC))}"]
    return []


def main(folder: Path) -> int:
    """Print each problem; return the exit code."""
    (sdist,) = folder.glob("*.tar.gz")
    (wheel,) = folder.glob("*.whl")
    problems = problems_of_sdist(sdist) + problems_of_wheel(wheel) + problems_of_platform(wheel)
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
