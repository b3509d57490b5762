"""The commands of README.md, in a fresh copy of the repository, as a newcomer types them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)

MADE = shutil.ignore_patterns(
    *(".git", ".venv", ".seeder", ".*cache", ".hypothesis", "__pycache__", "node_modules")
)
"""What a clone does not have."""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    directory = tmp_path / "clone"
    shutil.copytree(ROOT, directory, ignore=MADE)
    return directory


def typed(commands: str, directory: Path) -> str:
    """Run commands in a shell without any variable of ours or of a `make` around the tests."""
    own = ("SEEDER_", "DATABASE_URL", "MAKE", "MFLAGS", "PYTHON", "VIRTUAL_ENV")
    done = subprocess.run(
        ["bash", "-euc", commands],
        cwd=directory,
        env={name: text for name, text in os.environ.items() if not name.startswith(own)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_the_readme_leads_with_run_and_test() -> None:
    commands = [line.partition("#")[0].strip() for line in BLOCKS[0].splitlines()]
    assert commands == ["make run", "make test"]


@pytest.mark.timeout(900)  # packages are installed anew, beside all other tests
def test_the_commands_work_in_a_fresh_clone(clone: Path) -> None:
    assert '"result": "done"' in typed("make run", clone)
    assert '"result": "nothing-to-do"' in typed("make run", clone)
    told = typed(BLOCKS[1], clone)
    assert "Valid: 3 seed sets" in told
    assert '"result": "done"' in told
