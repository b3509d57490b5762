"""Every page: its links lead somewhere, and what it says of commands and settings is so."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from seeder.command_line import group
from seeder.configuration import options
from tests.docs.pages import ROOT, Block, anchors, blocks, pages, without_blocks

PAGES = pages()
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))

_LINK = re.compile(
    r"!?\[(?:[^\]\[]|\[[^\]]*\])*\]\((?P<target>[^)\s]+)\)|<img src=\"(?P<image>[^\"]+)\""
)
_CODE = re.compile(r"`[^`]+`")
_INVOCATION = re.compile(r"(?:^|[\s\"'`(/])seeder (?P<rest>[a-z][^`\n|;&>)\"'}]*)")
_VARIABLE = re.compile(r"\bSEEDER_[A-Z_]+\b")
_OWN_FILE = re.compile(r"`((?:tests|docs|seeder|benchmarks|examples|deploy|\.ci)/[\w./*-]+)`")
_COMMANDS_IN = {"sh", "bash", "console", "yaml", "diff", "dockerfile"}
_OTHER_VARIABLES = {
    "SEEDER_DATABASE_URL",
    "SEEDER_DATABASE_URL_FILE",
    "SEEDER_ENVIROMENT",  # the misspelling that is warned of
    "SEEDER_PANEL_DATABASE_URL",  # an application's own, for the panel
    "SEEDER_PORT",  # this and the next: set by Kubernetes, passed over
    "SEEDER_SERVICE_HOST",
}


def test_a_page_that_names_a_command_names_its_digest() -> None:
    names = [page for page in PAGES if "command = [" in page.read_text("utf-8")]
    assert len(names) >= 5
    assert [page.name for page in names if "digest" not in page.read_text("utf-8")] == []


@each_page
def test_links_lead_to_files_and_headings_that_exist(page: Path) -> None:
    broken = [target for target in links(page) if not leads_somewhere(page, target)]
    assert broken == []


def links(page: Path) -> Iterator[str]:
    """Where the links and pictures of a page lead."""
    for match in _LINK.finditer(_CODE.sub("", without_blocks(page))):
        yield match["target"] or match["image"]


def leads_somewhere(page: Path, target: str) -> bool:
    if re.match(r"https?://|mailto:", target):
        return True
    name, _, anchor = target.partition("#")
    found = (page.parent / name).resolve() if name else page
    if not found.exists() or not found.is_relative_to(ROOT):
        return False
    return not anchor or (found.suffix == ".md" and anchor in anchors(found))


@each_page
def test_commands_exist_with_the_options_they_are_given(page: Path) -> None:
    wrong = [problem for line in invocations(page) for problem in problems_of(line)]
    assert wrong == []


def invocations(page: Path) -> Iterator[str]:
    """What follows `seeder` wherever a page writes a command."""
    for code in _CODE.findall(without_blocks(page)):
        yield from (match["rest"] for match in _INVOCATION.finditer(code))
    for block in blocks(page):
        if block.language in _COMMANDS_IN:
            for line in lines(block):
                yield from (match["rest"] for match in _INVOCATION.finditer(line))


def lines(block: Block) -> Iterator[str]:
    """The lines of a block on which a command may stand; in `console`, those with a prompt."""
    for line in block.text.replace("\\\n", " ").splitlines():
        if block.language != "console" or line.startswith(("$ ", "> ")):
            yield line.partition("  #")[0]


def problems_of(line: str) -> Iterator[str]:
    """What is wrong with `COMMAND [OPTIONS]...`."""
    try:
        name, *words = shlex.split(line)
    except ValueError:  # prose with an apostrophe
        name, *words = line.split()
    if name == "seeder":  # `docker run seeder seeder run`: the image and the command
        name, *words = words
    context = click.Context(group.seeder, info_name="seeder")
    command = group.seeder.get_command(context, name)
    if command is None:
        yield f"seeder {line}: there is no command {name!r}"
        return
    known = {text for each in command.params for text in each.opts} | {"--help", "-h"}
    for word in words:
        option = word.strip("[].,:").partition("=")[0]
        if option.strip("-") and option.startswith("-") and option not in known:
            yield f"seeder {line}: {name} has no option {option}"


@each_page
def test_settings_exist(page: Path) -> None:
    known = {options.variable(name) for name in options.PARSERS} | _OTHER_VARIABLES
    assert set(_VARIABLE.findall(page.read_text(encoding="utf-8"))) <= known


@each_page
def test_files_and_targets_of_the_repository_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = [path for path in _OWN_FILE.findall(text) if not any(ROOT.glob(path))]
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    asked = [name for code in _CODE.findall(text) for name in re.findall(r"^`make (\w+)", code)]
    assert missing + [f"make {name}" for name in asked if name not in targets] == []


def test_a_broken_link_is_found() -> None:
    page = ROOT / "docs" / "tutorial.md"
    assert leads_somewhere(page, "merge.md#columns")
    assert not leads_somewhere(page, "merge.md#no-such-heading")
    assert not leads_somewhere(page, "no-such-page.md")


@pytest.mark.parametrize("line", ["sing", "run --lout", "undo 3 --mode update"])
def test_a_command_that_does_not_exist_is_found(line: str) -> None:
    assert list(problems_of(line)) != []
