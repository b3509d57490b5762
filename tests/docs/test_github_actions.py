"""The workflows of docs/github-actions.md: well-formed, and their steps carried out."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from seeder.report.markdown import MARKER
from tests.docs.pages import DOCS, blocks
from tests.support.shop import ROLES_SEED, Shop

PAGE = DOCS / "github-actions.md"
WORKFLOWS = {
    Path(block.file).stem: yaml.load(block.text, yaml.BaseLoader)
    for block in blocks(PAGE)
    if block.file is not None and block.language == "yaml"
}

GH = """#!{python}
# Stands in for GitHub's own client: keeps comments in a file, one JSON object a line.
import json, os, pathlib, sys
store = pathlib.Path(os.environ["COMMENTS"])
found = [json.loads(line) for line in store.read_text().splitlines()] if store.exists() else []
arguments = sys.argv[1:]
if "--method" not in arguments:
    print("\\n".join(str(each["id"]) for each in found if each["body"].startswith({marker!r})))
    sys.exit()
(body,) = [each for each in arguments if each.startswith("body=@")]
text = pathlib.Path(body.removeprefix("body=@")).read_text()
if "PATCH" in arguments:
    (target,) = [each for each in arguments if "/comments/" in each]
    for each in found:
        if target.endswith("/" + str(each["id"])):
            each["body"] = text
else:
    found.append({{"id": len(found) + 1, "body": text}})
store.write_text("".join(json.dumps(each) + "\\n" for each in found))
"""


class Runner:
    """Runs the `run` steps of a job as GitHub does, in a checkout of the shop's project."""

    def __init__(self, shop: Shop, directory: Path) -> None:
        self.checkout = directory / "checkout"
        self.checkout.mkdir()
        (self.checkout / "db").symlink_to(shop.directory)
        self.summary = directory / "summary.md"
        self.comments = directory / "comments"
        programs = directory / "bin"
        programs.mkdir()
        gh = programs / "gh"
        gh.write_text(GH.format(python=sys.executable, marker=MARKER))
        seeder = programs / "seeder"
        seeder.write_text(f'#!/bin/sh\nexec {sys.executable} -m seeder "$@"\n')
        for program in (gh, seeder):
            program.chmod(0o755)
        self._secrets = {
            "secrets.PLAN_DATABASE_URL": shop.database.url,
            "secrets.DATABASE_URL": shop.database.url,
            "github.token": "token",
            "github.event.pull_request.number": "7",
        }
        self._environ = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(directory),
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.checkout),
            "GITHUB_REPOSITORY": "shop/shop",
            "GITHUB_STEP_SUMMARY": str(self.summary),
            "COMMENTS": str(self.comments),
        }

    def run(self, workflow: str, job: str) -> tuple[int, str]:
        """Carry out a job; gives the exit code of the step that failed, or 0, and what was said."""
        whole = WORKFLOWS[workflow]
        said = ""
        for step in whole["jobs"][job]["steps"]:
            if "run" not in step or step["run"].startswith("pip install"):
                continue  # an action, or what this checkout has installed already
            environ = {**whole["env"], **step.get("env", {})}
            known = {name: self._filled(value) for name, value in environ.items()}
            done = subprocess.run(
                ["bash", "-e", "-o", "pipefail", "-c", step["run"]],
                cwd=self.checkout,
                env=self._environ | known,
                capture_output=True,
                text=True,
                check=False,
            )
            said += done.stdout + done.stderr
            if done.returncode:
                return done.returncode, said
        return 0, said

    def _filled(self, value: str) -> str:
        return re.sub(r"\$\{\{ (\S+) \}\}", lambda match: self._secrets[match[1]], value)


@pytest.fixture
def runner(shop: Shop, tmp_path: Path) -> Runner:
    shop.configure(release="1")
    directory = tmp_path / "runner"
    directory.mkdir()
    return Runner(shop, directory)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_has_what_github_asks_of_it(name: str) -> None:
    workflow = WORKFLOWS[name]
    assert {"name", "on", "permissions", "jobs"} <= set(workflow)
    for job in workflow["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert len({"uses", "run"} & set(step)) == 1
            # Values of others, such as the title of a pull request, are never put into a script.
            assert "${{" not in step.get("run", "")


def test_a_release_runs_the_job_and_leaves_its_report(shop: Shop, runner: Runner) -> None:
    code, said = runner.run("release", "database")
    assert code == 0, said
    assert shop.value("SELECT count(*) FROM roles") == 3
    assert "seeder ran on production" in (runner.checkout / "report.html").read_text()


def test_a_pull_request_gets_one_comment_that_later_pushes_rewrite(
    shop: Shop, runner: Runner
) -> None:
    assert runner.run("release", "database")[0] == 0
    for level in (4, 5):
        shop.seed("roles", ROLES_SEED.replace("level: 3", f"level: {level}"))
        code, said = runner.run("seeder", "plan")
        assert code == 0, said
    (comment,) = [json.loads(line) for line in runner.comments.read_text().splitlines()]
    assert "1 to update" in comment["body"]
    assert "level: 5" in comment["body"]
    assert comment["body"] in runner.summary.read_text()
    assert "1 to update" in re.sub("<[^>]+>", "", (runner.checkout / "plan.html").read_text())
    assert shop.value("SELECT level FROM roles WHERE code = 'owner'") == 3


def test_a_plan_is_made_by_a_role_that_may_only_read(shop: Shop, runner: Runner) -> None:
    assert runner.run("release", "database")[0] == 0
    (grants,) = [block.text for block in blocks(PAGE) if block.language == "sql"]
    name = "seeder_plan_of_a_test"
    mine = grants.replace("seeder_plan", name).replace(
        "DATABASE shop", "DATABASE " + shop.database.name
    )
    try:
        shop.database.execute(mine)
        reader = shop.database.server.url(shop.database.name, user=name, password="...")
        done = shop.command("plan", "--markdown", DATABASE_URL=reader)
        assert done.exit_code == 0, done.stderr
        assert done.stdout.startswith(MARKER)
    finally:
        shop.database.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


def test_a_check_marks_each_problem_at_its_line_and_fails(shop: Shop, runner: Runner) -> None:
    code, said = runner.run("seeder", "check")
    assert code == 0, said
    assert "::error" not in said
    shop.seed("roles", ROLES_SEED.replace("key:", "kye:"))
    code, said = runner.run("seeder", "check")
    assert code == 10
    (mark,) = [line for line in said.splitlines() if "Did you mean" in line and "::" in line]
    assert mark.startswith("::error file=db/seeds/core/roles.yaml,line=2,col=1,title=seeder")


def test_a_check_holds_the_catalog_against_the_schema(shop: Shop, runner: Runner) -> None:
    shop.seed("roles", ROLES_SEED.replace("level: 1", "level: 1, grade: 2"))
    code, said = runner.run("seeder", "check")
    assert code == 10
    (mark,) = [line for line in said.splitlines() if line.startswith("::")]
    assert mark.startswith("::error file=db/seeds/core/roles.yaml,")
    assert "grade" in mark


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [(name, job) for flow in WORKFLOWS.values() for name, job in flow["jobs"].items()]


def test_no_job_hands_the_database_to_a_fork_or_to_more_steps_than_need_it() -> None:
    for name, job in jobs():
        for step in job["steps"]:
            if any("DATABASE_URL" in value for value in step.get("env", {}).values()):
                assert step["run"].startswith("seeder "), name
    assert "head.repo.full_name == github.repository" in WORKFLOWS["seeder"]["jobs"]["plan"]["if"]
