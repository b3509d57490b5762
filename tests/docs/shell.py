"""Pages whose `console` blocks are carried out, and whose outputs are compared.

In a block, `$ ` starts a command and the lines below it are its output; `...` in an output stands
for anything. A block with a file's name writes that file, or with the language `diff` edits it.
"""

from __future__ import annotations

import re
import subprocess
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO

from tests.docs.pages import Block, blocks


def carry_out(page: Path, directory: Path, environ: Mapping[str, str]) -> int:
    """Carry out a page, starting in a directory; returns the number of commands.

    Raises AssertionError at the first command that fails or says something else.
    """
    with Shell(directory, environ) as shell:
        count = 0
        for block in blocks(page):
            if block.language == "console":
                for command, expected in commands(block):
                    said = shell.run(command, at=str(block))
                    assert matches(expected, said), _difference(block, command, expected, said)
                    count += 1
            elif block.file is not None:
                _write(block, shell.directory() / block.file)
        return count


def commands(block: Block) -> Iterator[tuple[str, str]]:
    """The commands of a block, each with the output below it."""
    for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command, output


def matches(expected: str, said: str) -> bool:
    """Whether an output is as expected; `...` stands for anything, blanks at line ends for none."""
    parts = [re.escape(part) for part in _plain(expected).split("...")]
    return re.fullmatch(".*?".join(parts), _plain(said), re.DOTALL) is not None


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _difference(block: Block, command: str, expected: str, said: str) -> str:
    shown = textwrap.indent(said, "    ")
    return f"{block}: $ {command}\nsays\n{shown}\ninstead of\n{textwrap.indent(expected, '    ')}"


def _write(block: Block, path: Path) -> None:
    if block.language != "diff":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return
    lines = block.text.splitlines(keepends=True)
    before = "".join(line[1:] for line in lines if line[0] != "+")
    after = "".join(line[1:] for line in lines if line[0] != "-")
    text = path.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{block}: {path.name} does not hold what is to be edited"
    path.write_text(text.replace(before, after), encoding="utf-8")


class Shell:
    """A bash that keeps its directory and variables between commands."""

    def __init__(self, directory: Path, environ: Mapping[str, str]) -> None:
        self._errors = directory / "stderr"
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._stdin.close()
        self._process.wait(timeout=60)
        self._stdout.close()

    @property
    def _stdin(self) -> IO[str]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _stdout(self) -> IO[str]:
        assert self._process.stdout is not None
        return self._process.stdout

    def run(self, command: str, *, at: str = "") -> str:
        """Run a command that has to succeed, and return its output."""
        self._stdin.write(f"{command} 2>{self._errors} </dev/null\nprintf '\\n<<%s>>\\n' $?\n")
        self._stdin.flush()
        lines: list[str] = []
        while (line := self._stdout.readline()) and not re.fullmatch(r"<<\d+>>\n", line):
            lines.append(line)
        said = "".join(lines)
        assert line == "<<0>>\n", f"{at}: $ {command}\n{said}{self._errors.read_text()}"
        return said

    def directory(self) -> Path:
        """Where the shell is now."""
        return Path(self.run("pwd").strip())
