"""The files that an open project has beside its code: they agree with it and with each other."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
FORMS = sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
BY_NAME = re.compile(
    r"(?:pip3?|pipx|uv|uvx|poetry|pdm)\s+(?:tool\s+)?(?:install|add|run)\s+"
    r"(?:-\S+\s+)*['\"]?seeder(?![\w/.])"
)
"""Installing by a name on an index, where anybody may have put a package."""


def steps(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize(
    "path",
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("seeder/**/*.py")],
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_nobody_is_told_to_install_by_a_name_that_somebody_else_has(path: Path) -> None:
    assert BY_NAME.findall(path.read_text(encoding="utf-8")) == []


def test_the_search_for_such_commands_finds_them() -> None:
    found = ("pip install seeder", "pip install 'seeder[embedded]'", "uv tool install seeder")
    assert all(BY_NAME.search(command) for command in found)
    assert not BY_NAME.search("pip install 'vendor/seeder_job-0.1.0-py3-none-any.whl[embedded]'")


def test_the_wheel_has_another_name_and_says_that_it_is_typed(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith("seeder_job-")
    names = zipfile.ZipFile(wheel).namelist()
    assert "seeder/py.typed" in names
    assert "seeder/starter/seeder.toml" in names


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_runs_what_there_is(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    for step in steps(workflow):
        assert len({"uses", "run"} & set(step)) == 1
        for target in re.findall(r"^make ([a-z-]+)", step.get("run", ""), re.MULTILINE):
            assert target in TARGETS
        # Text of others is never put into a script.
        assert "${{" not in step.get("run", "")


def test_ci_covers_every_python_and_postgres_that_is_supported() -> None:
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    matrix = workflow["jobs"]["matrix"]["strategy"]["matrix"]
    lowest = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert lowest == f">={matrix['python'][0]}"
    assert matrix["postgres"] == [str(major) for major in range(14, 19)]
    assert any(".ci/run" in step.get("run", "") for step in steps(workflow))


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_an_issue_form_has_what_is_asked_of_one(path: Path) -> None:
    form = yaml.safe_load(path.read_text())
    if path.name != "config.yml":
        assert {"name", "description", "body"} <= set(form)
        assert all(each["attributes"]["label"] for each in form["body"])


def test_hooks_run_the_linters_of_make_lint() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    lint = (ROOT / "Makefile").read_text()
    for hook in hooks:
        program = hook["entry"].split()[0].removeprefix(".venv/bin/")
        assert f"$(BIN)/{program}" in lint
