"""What is told of a mistake without click is what click would say of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from seeder import cli
from seeder.commands.mistakes import told
from seeder.commands.takes import FLAG, OPTIONAL, TAKES, VALUE

COMMANDS = [name for name in TAKES if name]


def misspelled(word: str) -> Iterator[str]:
    """A word with a letter left out, doubled or exchanged for its neighbour, and other words."""
    letters = range(len(word) - len(word.lstrip("-")), len(word))
    for n in letters:
        yield word[:n] + word[n + 1 :]
        yield word[:n] + word[n] + word[n:]
        yield word[:n] + word[n + 1 : n + 2] + word[n : n + 1] + word[n + 2 :]
    yield word + "-and-more"
    yield word.upper()
    yield "zzz" if letters.start == 0 else "--zzz"


def of_commands() -> Iterator[list[str]]:
    for name in COMMANDS:
        yield from ([wrong] for wrong in misspelled(name) if wrong not in TAKES)
    yield ["it's"]
    yield from (["run'"], ["ru\n"])
    yield ["rnu", "--help"]
    yield from (["--verzion"], ["--verison=1", "run"], ["--zzz", "run"])
    yield ["seeder", "rnu"]


def of_options(command: str) -> Iterator[list[str]]:
    _, options, closed = TAKES[command]
    for flag, kind in options.items():
        for wrong in misspelled(flag):
            if wrong not in options and wrong.strip("-"):
                yield [command, wrong]
                yield [command, f"{wrong}=x", "--help"]
        if kind == FLAG:
            yield [command, f"{flag}=x"]
            yield [command, flag, "--zzz"]
        elif kind == VALUE:
            yield [command, flag]
            yield [command, flag, "--help", "--zzz"]
            yield [command, f"{flag}=x", "a word", "--zzz"]
        else:
            yield [command, flag, "--zzz"]
            yield [command, flag, "x", "--zzz"]
    if closed:
        yield [command, "one"]
        yield [command, "one", "-", "it's"]


def by_click(arguments: list[str], capsys: pytest.CaptureFixture[str], directory: Path) -> str:
    assert cli.main(arguments, {}, termination_log=directory / "none") == 2
    written = capsys.readouterr()
    assert written.out == ""
    return written.err


def test_an_unknown_command_is_told_in_the_words_of_click(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for arguments in of_commands():
        assert f"{told(arguments)}\n" == by_click(arguments, capsys, tmp_path), arguments


@pytest.mark.parametrize("command", COMMANDS)
def test_mistakes_in_the_options_of_a_command_are_told_in_the_words_of_click(
    command: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for arguments in of_options(command):
        assert f"{told(arguments)}\n" == by_click(arguments, capsys, tmp_path), arguments


@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_no_plain_mistake_is_left_to_click(command: str) -> None:
    _, options, closed = TAKES[command]
    for flag, kind in options.items():
        assert told([command, flag, *(["x"] if kind == VALUE else [])]) is None
        assert told([command, flag, "-x"]) is None
        if kind in (VALUE, OPTIONAL):
            assert told([command, f"{flag}=--zzz"]) is None
    assert told([command]) is None
    assert told([command, "--help", "one"]) is None
    assert told([command, "--", "--zzz"]) is None
    if not closed:
        assert told([command, "one", "two", "three"]) is None


@pytest.mark.parametrize("arguments", [["r\x1b[31mn"], ["run", "\x1b[31mred"]])
def test_what_colours_a_terminal_is_left_to_click(arguments: list[str]) -> None:
    assert told(arguments) is None


@pytest.mark.parametrize("arguments", [[], [""], ["seeder"], ["-x"], ["--"], ["--help", "--zzz"]])
def test_what_stands_before_a_command_is_left_to_click(arguments: list[str]) -> None:
    assert told(arguments) is None


@pytest.mark.parametrize("arguments", [["rnu"], ["run", "--moed"], ["plan", "--out"], ["run", "x"]])
def test_a_plain_mistake_waits_for_no_import(arguments: list[str]) -> None:
    program = (
        "import sys; from seeder.__main__ import main; code = main();"
        "print(code, *(name for name in sys.modules if name.partition('.')[0] in"
        " ('click', 'signal', 'pathlib', 'typing', 'seeder')))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert done.stderr == f"{told(arguments)}\n"
    own = ("__main__", "commands", "commands.mistakes", "commands.takes")
    assert set(done.stdout.split()) == {"2", "seeder", *(f"seeder.{name}" for name in own)}
