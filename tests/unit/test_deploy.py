"""`seeder run` without click must mean what it means with it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from seeder.command_line.deploy import FLAGS, PLAIN, flags_of
from seeder.commands import run


def by_click(arguments: Sequence[str]) -> dict[str, object]:
    """What click makes of the words after `run`, as far as they say something."""
    with run.command.make_context("run", list(arguments)) as context:
        return {
            name: value for name, value in context.params.items() if value not in (None, (), False)
        }


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--project", "db"],
        ["--project=db", "--mode", "update"],
        ["--mode=none", "--mode=init"],
        ["--project=a=b", "--environment", "dev", "--schema", "ledger"],
        ["--wait-timeout", "5", "--deadline=90", "--lock-timeout", "1.5", "--ddl-lock-timeout=2"],
        ["-q"],
        ["--project", "db", "--verbose", "--mode=none", "-v"],
        ["--log-format", "json", "--report", "report.html", "--set-role", "app"],
    ],
)
def test_a_plain_deploy_means_what_it_means_to_click(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("db", "a=b"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    assert flags_of(["run", *arguments]) == by_click(arguments)


def test_every_plain_flag_of_run_is_known_to_click() -> None:
    known = {each.name for each in run.command.params if isinstance(each, click.Option)}
    assert {*PLAIN, *FLAGS.values()} == known - {"allow_missing", "embedded", "dry_run"}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["plan"],
        ["--help"],
        ["run", "--help"],
        ["run", "extra"],
        ["run", "--moed", "init"],
        ["run", "--mod", "init"],
        ["run", "--mode"],
        ["run", "--mode", "--project"],
        ["run", "--mode", "every"],
        ["run", "--deadline=soon"],
        ["run", "--project", "no-such-directory"],
        ["run", "--embedded"],
        ["run", "--dry-run"],
        ["run", "--allow-missing", "roles"],
        ["run", "--", "--mode"],
    ],
)
def test_everything_else_is_left_to_click(arguments: list[str]) -> None:
    assert flags_of(arguments) is None
