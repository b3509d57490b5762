"""Problems as GitHub's workflow commands: one line each, whatever they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from seeder.errors import ConfigurationInvalid, Problem
from seeder.merge.found import CheckResult
from seeder.report import annotations
from seeder.report.failure import describe
from tests.support.shop import Shop

ROOT = Path("/checkout")


def marks(*problems: Problem, message: str = "The catalog is invalid.") -> list[str]:
    failure = describe(ConfigurationInvalid(message, problems=problems, hint="Mend it."))
    return annotations.marks(failure, project=ROOT / "db", root=ROOT).splitlines()


def test_a_problem_is_marked_at_its_line_with_its_remedy() -> None:
    problem = Problem(
        message="Unknown key `colour`.",
        remedy="Did you mean `columns`?",
        file="a.yaml",
        line=2,
        column=5,
    )
    assert marks(problem) == [
        "::error file=db/a.yaml,line=2,col=5,title=seeder check::"
        "Unknown key `colour`. Did you mean `columns`?"
    ]


def test_a_problem_without_a_place_is_told_all_the_same() -> None:
    assert marks(Problem(message="No.", address="roles/a")) == [
        "::error title=seeder check::roles/a: No."
    ]
    assert marks() == ["::error title=seeder check::The catalog is invalid. Mend it."]


@pytest.mark.parametrize("ending", ["\n", "\r", "\r\n"])
def test_no_text_begins_a_command_of_its_own(ending: str) -> None:
    text = f"100%{ending}::set-env name=A::b"
    (mark,) = marks(Problem(message=text, file=f"a,b:c{ending}.yaml"))
    assert mark.startswith("::error file=db/a%2Cb%3Ac%0")
    assert "100%25%0" in mark
    assert mark.count("\r") == 0


def test_what_is_only_worth_a_look_is_a_warning() -> None:
    found = CheckResult(sets=1, rows=1, tasks=0, revisions=0, problems=(Problem(message="Hm."),))
    assert (
        annotations.marks(found, project=ROOT, root=ROOT) == "::warning title=seeder check::Hm.\n"
    )


def test_marks_are_made_in_github_or_when_asked_for_and_never_within_json(shop: Shop) -> None:
    shop.seed("roles", "tabel: roles\nkey: code\nrows: []\n")
    github = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": str(shop.directory.parent)}
    assert "::error file=db/seeds/core/roles.yaml,line=1" in shop.command("check", **github).stdout
    assert "::" in shop.command("check", "--github").stdout
    assert "::" not in shop.command("check").stdout
    assert "::" not in shop.command("check", "--no-github", **github).stdout
    assert "::" not in shop.command("check", "--json", **github).stdout
