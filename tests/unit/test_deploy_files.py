"""What the files for platforms say to seeder is something that seeder knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from seeder.configuration import options

ROOT = Path(__file__).parents[2]
FILES = [
    ROOT / "docker-compose.yml",
    ROOT / "render.yaml",
    *sorted((ROOT / "deploy" / "kubernetes").glob("*.yaml")),
    *(ROOT / "docs" / f"{name}.md" for name in ("compose", "image", "kubernetes", "render")),
]
KNOWN = {options.variable(name) for name in options.PARSERS} | {
    "SEEDER_DATABASE_URL",
    "SEEDER_DATABASE_URL_FILE",
}

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)


@each_file
def test_every_variable_is_one_that_seeder_knows(file: Path) -> None:
    named = set(re.findall(r"\bSEEDER_[A-Z_]*[A-Z]\b", file.read_text(encoding="utf-8")))
    assert {name for name in named - KNOWN if not options.is_foreign(name)} == set()


@each_file
def test_every_link_leads_somewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        if target != "reference/exit-codes.md":  # written together with the commands
            assert (file.parent / target).exists(), target
