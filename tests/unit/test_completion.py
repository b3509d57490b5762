"""What a shell is given, and what it is offered for a word that is being typed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from seeder.merge.given import Mode


def seeder(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "seeder", *arguments],
        env={"PATH": os.environ["PATH"], "PYTHONUTF8": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def offers(line: str, **environ: str) -> list[str]:
    """What bash would be offered at the end of a line."""
    words = line.split(" ")
    done = seeder(
        {
            "_SEEDER_COMPLETE": "bash_complete",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(words) - 1),
            **environ,
        }
    )
    assert done.returncode == 0, done.stderr
    return [each.partition(",")[2] for each in done.stdout.splitlines() if each]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_is_given_a_function(shell: str) -> None:
    done = seeder({}, "completion", shell)
    assert done.returncode == 0, done.stderr
    assert f"_SEEDER_COMPLETE={shell}_complete" in done.stdout
    if shutil.which(shell):  # bash is everywhere; the others where they are
        checked = subprocess.run([shell, "-n"], input=done.stdout, text=True, check=False)
        assert checked.returncode == 0


def test_an_unknown_shell_gets_nothing() -> None:
    done = seeder({"_SEEDER_COMPLETE": "cmd_source"})
    assert (done.returncode, done.stdout) == (1, "")


def test_commands_and_options_are_offered() -> None:
    assert offers("seeder re") == ["ready", "requests", "restore", "resolve"]
    assert offers("seeder run --allow") == ["--allow-missing"]


def test_values_are_offered() -> None:
    assert offers("seeder run --mode ") == list(Mode)
    assert offers("seeder plan --mode u") == ["update"]
    assert offers("seeder run --log-format ") == ["json", "text"]
    assert offers("seeder resolve roles/owner --take ") == ["live", "desired"]


def test_the_sets_of_the_project_are_offered(tmp_path: Path) -> None:
    (tmp_path / "seeder.toml").write_text('[migrations]\nnone = true\n[seeds]\npath = "data"\n')
    (tmp_path / "data" / "core").mkdir(parents=True)
    (tmp_path / "data" / "core" / "01_roles.yaml").write_text("not: [read")
    (tmp_path / "data" / "core" / "tiers.json").write_text("")
    assert offers("seeder run --allow-missing ", SEEDER_PROJECT=str(tmp_path)) == ["roles", "tiers"]
    assert offers(f"seeder run --project {tmp_path} --allow-missing r") == ["roles"]


def test_a_project_that_is_not_in_order_offers_nothing(tmp_path: Path) -> None:
    assert offers("seeder run --allow-missing ", SEEDER_PROJECT=str(tmp_path)) == []
    (tmp_path / "seeder.toml").write_text("= broken")
    assert offers("seeder run --allow-missing ", SEEDER_PROJECT=str(tmp_path)) == []
