"""Pages whose `console` blocks are carried out, and whose outputs are compared.

In a block, `$ ` starts a command, `> ` goes on with it, and the lines below are its output; `...`
in an output stands for anything. A block with a file's name writes that file, or with the language
`diff` edits it.

After a change of words, `MEND_DOCS=1` in the environment writes into the pages what the commands
say now, and keeps lines with `...` that still fit. Read the difference before you commit it.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from tests.docs.pages import Block, blocks


def carry_out(
    page: Path, directory: Path, environ: Mapping[str, str], *, until: str | None = None
) -> int:
    """Carry out a page, starting in a directory; returns the number of commands.

    With `until` it ends before this command.

    Raises AssertionError at the first command that fails or says something else.
    """
    mend = bool(os.environ.get("MEND_DOCS"))
    with Shell(directory, environ) as shell:
        count = place = 0
        for block in list(blocks(page)):
            if block.language == "console":
                for step in steps(block):
                    if step.command == until:
                        return count
                    said = shell.run(step.command, at=str(block))
                    if mend:
                        place = _mend(page, step, said, place)
                    assert mend or matches(step.output, said), _difference(block, step, said)
                    count += 1
            elif block.file is not None:
                _write(block, shell.directory() / block.file)
        return count


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A command of a block and the output below it."""

    shown: str
    """The command with its prompts."""
    command: str
    output: str


def steps(block: Block) -> Iterator[Step]:
    """The commands of a block, each with the output below it."""
    for part in re.split(r"^(?=\$ )", block.text, flags=re.MULTILINE)[1:]:
        first, *rest = part.splitlines(keepends=True)
        more = 0
        while more < len(rest) and re.match(r">( |$)", rest[more]):
            more += 1
        lines = [first, *rest[:more]]
        yield Step(
            shown="".join(lines),
            command="".join(line[2:] or "\n" for line in lines).rstrip("\n"),
            output="".join(rest[more:]),
        )


def matches(expected: str, said: str) -> bool:
    """Whether an output is as expected; `...` stands for anything, blanks at line ends for none."""
    parts = [re.escape(part) for part in _plain(expected).split("...")]
    return re.fullmatch(".*?".join(parts), _plain(said), re.DOTALL) is not None


def mended(expected: str, said: str) -> str:
    """An output as it is now, with those lines of the former that have `...` and still fit."""
    kept = [line for line in expected.splitlines() if "..." in line and line.strip() != "..."]
    lines = []
    for line in _plain(said).splitlines():
        fitting = next((each for each in kept if matches(each, line)), None)
        lines.append(_VARIES.sub("...", line) if fitting is None else fitting)
    return "".join(f"{line}\n" for line in lines)


_VARIES = re.compile(r"\b[0-9a-f]{64}\b|(?<= in )[0-9.]+(?= s\b)")
"""Ids of plans and durations."""


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip("\n").splitlines())


def _mend(page: Path, step: Step, said: str, place: int) -> int:
    """Write an output into a page, looking for the command from a place on; returns its end."""
    text = page.read_text(encoding="utf-8")
    start = text.index(step.shown + step.output, place) + len(step.shown)
    if matches(step.output, said):
        return start + len(step.output)
    output = mended(step.output, said)
    page.write_text(text[:start] + output + text[start + len(step.output) :], encoding="utf-8")
    return start + len(output)


def _difference(block: Block, step: Step, said: str) -> str:
    shown = textwrap.indent(said, "    ")
    expected = textwrap.indent(step.output, "    ")
    return f"{block}: $ {step.command}\nsays\n{shown}\ninstead of\n{expected}"


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
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115  # __exit__
        self._process = subprocess.Popen(
            ["bash", "--norc"],
            cwd=directory,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )

    def __enter__(self) -> Shell:
        return self

    def __exit__(self, *_: object) -> None:
        self._stdin.close()
        self._process.wait(timeout=60)
        self._stdout.close()
        self._errors.close()

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
        self._stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n<<%s>>\\n' $?\n")
        self._stdin.flush()
        lines: list[str] = []
        while (line := self._stdout.readline()) and not re.fullmatch(r"<<\d+>>\n", line):
            lines.append(line)
        said = "".join(lines)
        assert line == "<<0>>\n", f"{at}: $ {command}\n{said}{self._said_on_stderr()}"
        return said

    def _said_on_stderr(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-4000:]

    def directory(self) -> Path:
        """Where the shell is now."""
        return Path(self.run("pwd").strip())
