"""The files of a release agree: wheels, classifiers, changes, the workflow that publishes by tag."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import txredis_fast
from txredis_fast.commands._parts import results

ROOT = Path(__file__).parents[1]
CI = ROOT / ".ci" / "run"
WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"

pytestmark = pytest.mark.self_check


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.11 and later reads TOML")
    return dict(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8")))


def classified(project: dict[str, Any]) -> list[str]:
    """The versions of Python in the classifiers, from the oldest one."""
    text = "\n".join(project["project"]["classifiers"])
    return re.findall(r"^Programming Language :: Python :: (3\.\d+)$", text, re.MULTILINE)


def test_there_is_a_wheel_for_each_python_of_the_classifiers(project):
    versions = classified(project)
    assert versions == [f"3.{minor}" for minor in range(10, 16)]
    assert project["project"]["requires-python"] == f">={versions[0]}"
    built = project["tool"]["cibuildwheel"]["build"]
    assert {f"cp{version.replace('.', '')}-*" for version in versions} <= set(built)
    assert project["tool"]["cibuildwheel"]["linux"]["archs"] == ["x86_64", "aarch64"]
    assert project["tool"]["cibuildwheel"]["macos"]["archs"] == ["x86_64", "arm64"]


def test_what_python_3_10_imports_besides_is_declared_for_it(project):
    """The oldest Twisted is content with a typing_extensions that this package cannot be imported with."""
    needed = "from typing_extensions import NamedTuple"
    assert needed in Path(results.__file__).read_text(encoding="utf-8")
    twisted, extensions = map(Requirement, project["project"]["dependencies"])
    assert (twisted.name, twisted.marker, extensions.name) == ("Twisted", None, "typing_extensions")
    assert [version for version in ("4.2.0", "4.3.0", "4.15.0") if version in extensions.specifier] == [
        "4.3.0",
        "4.15.0",
    ]
    assert extensions.marker is not None
    pythons = [version for version in classified(project) if extensions.marker.evaluate({"python_version": version})]
    assert pythons == ["3.10"]
    found = subprocess.run(
        ["bash", "-c", re.search(r"^oldest=\$\((.+)\)$", CI.read_text(encoding="utf-8"), re.MULTILINE)[1]],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    assert found.stdout == f"{twisted.specifier}\n".lstrip(">=")


def test_each_wheel_is_tried_in_short_in_both_implementations(project):
    commands = project["tool"]["cibuildwheel"]["test-command"]
    assert len(commands) == 2
    for command in commands:
        script = re.search(r"python \{project\}/(\S+)$", command)
        assert script
        assert (ROOT / script[1]).is_file()
    assert "TXREDIS_FAST_PUREPYTHON=1 " in commands[1]
    assert not {"test-extras", "test-sources"} & project["tool"]["cibuildwheel"].keys()


@pytest.mark.parametrize(("platform", "tags"), [("linux", ["manylinux", "musllinux"]), ("macos", ["macosx"])])
def test_cibuildwheel_knows_every_wheel(platform, tags, project):
    pytest.importorskip("cibuildwheel", reason="only the workflow needs it")
    ran = subprocess.run(
        [sys.executable, "-m", "cibuildwheel", "--platform", platform, "--print-build-identifiers", str(ROOT)],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    wanted = {
        f"cp{version.replace('.', '')}-{tag}_{arch}"
        for version in classified(project)
        for tag in tags
        for arch in project["tool"]["cibuildwheel"][platform]["archs"]
    }
    assert wanted <= set(ran.stdout.split())
    assert not re.search(r"i686|win|pp3", ran.stdout)


def test_the_workflow_is_one():
    pytest.importorskip("check_jsonschema", reason="the linters' step has it")
    ran = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_workflow_publishes_tags_only_without_a_token_after_all_else():
    text = WORKFLOW.read_text(encoding="utf-8")
    body = text.partition("\njobs:\n")[2]
    jobs = dict(re.findall(r"^  (\w+):\n((?:    .*\n|\n)+)", body, re.MULTILINE))
    assert set(jobs) == {"version", "tests", "sdist", "wheels", "publish"}
    publish = jobs.pop("publish")
    assert "if: github.event_name == 'push' && startsWith(github.ref, 'refs/tags/v')" in publish
    assert "needs: [tests, sdist, wheels]" in publish
    assert "id-token: write" in publish
    assert not re.search(r"secrets\.|password:", text)
    assert not any("id-token" in body for body in jobs.values())
    assert "\npermissions:\n  contents: read\n" in text
    for script in re.findall(r"(?:\.ci|tests)/[\w./-]+", text):
        assert (ROOT / script).is_file(), script


PACKAGE = '__version__ = "1.2.0"\n'
CHANGES = (
    "Changes\n=======\n\nText.\n\n1.2.0 (2026-12-01)\n------------------\n\n1.1.0 (2026-11-01)\n------------------\n"
)


@pytest.mark.parametrize(
    ("tag", "changes", "problem"),
    [
        ("v1.2.0", CHANGES, None),
        ("v1.2.1", CHANGES, "the tag is v1.2.1, but the version is 1.2.0"),
        ("1.2.0", CHANGES, "the tag is 1.2.0, but the version is 1.2.0"),
        (
            "v1.2.0",
            CHANGES.replace("2026-12-01", "unreleased"),
            'CHANGES.rst does not begin with a section "1.2.0 (date)"',
        ),
        ("v1.2.0", CHANGES.replace("1.2.0", "1.3.0"), 'CHANGES.rst does not begin with a section "1.2.0 (date)"'),
    ],
)
def test_a_tag_is_published_only_if_version_and_changes_agree(tag, changes, problem):
    found = runpy.run_path(str(ROOT / ".ci" / "check_release.py"))["problem"]
    assert found(tag, PACKAGE, changes) == problem


def test_the_changes_begin_with_this_version():
    text = (ROOT / "CHANGES.rst").read_text(encoding="utf-8")
    first = re.search(r"^(\d\S*) \((unreleased|\d{4}-\d\d-\d\d)\)\n-+$", text, re.MULTILINE)
    assert first
    assert first[1] == txredis_fast.__version__


def test_a_section_of_the_changes_is_short():
    text = (ROOT / "CHANGES.rst").read_text(encoding="utf-8")
    sections = re.split(r"^.+\n~+\n", text, flags=re.MULTILINE)[1:]
    assert len(sections) > 5
    assert max(section.count("\n- ") for section in ["\n" + section.strip() for section in sections]) <= 15


#: What the short test of a wheel does but for asking whether a wheel is installed.
ROUND_TRIPS = """
import runpy, sys
from twisted.internet.task import react
react(runpy.run_path(sys.argv[1])["main"])
"""


def round_trips(script: Path) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, "-c", ROUND_TRIPS, str(script)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_the_short_test_of_a_wheel_passes_here_and_can_fail(tmp_path):
    script = ROOT / ".ci" / "smoke.py"
    assert round_trips(script) == (0, "")
    broken = tmp_path / "smoke.py"
    source = script.read_text(encoding="utf-8")
    broken.write_text(source.replace('expect(await rc.get("no such key"), None)', 'expect(None, "a value")'))
    assert round_trips(broken) == (1, "None, and not 'a value'\n")
