"""The project as it was: directories, or what git has of it."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from seeder.errors import ConfigurationInvalid


class FormerState(Struct, frozen=True, kw_only=True):
    """A project directory as it was once."""

    name: str
    directory: Path
    one_of_many: bool = False
    """Of a range of commits: one that does not load, or no longer fits, is passed over."""


@contextmanager
def former_states(project: Path, given: Sequence[str]) -> Iterator[tuple[FormerState, ...]]:
    """The states that are meant, in the order given; those of a range newest first.

    Each is a directory, a revision of git, or a range `A..B`, which stands for every state of
    the project's folder from A to B, A's included.

    Raises:
        ConfigurationInvalid: there is no such directory or revision.
    """
    with TemporaryDirectory(prefix="seeder-as-of-") as room:
        states: list[FormerState] = []
        for each in given:
            if Path(each).is_dir():
                states.append(FormerState(name=Path(each).name, directory=Path(each).absolute()))
            else:
                states += _of_git(project, each, Path(room))
        yield tuple(states)


def _of_git(project: Path, revisions: str, room: Path) -> list[FormerState]:
    first, dots, last = revisions.partition("..")
    commits = [_git(project, "rev-parse", "--verify", f"{first}^{{commit}}", of=revisions)]
    if dots:
        between = _git(project, "rev-list", f"{first}..{last or 'HEAD'}", "--", ".", of=revisions)
        commits = [*between.split(), *commits]
    found: dict[str, str] = {}
    for commit in commits:
        try:
            found.setdefault(_git(project, "rev-parse", f"{commit}:./", of=revisions), commit)
        except ConfigurationInvalid:
            if not dots:
                raise
            # the folder was not there yet
    states = []
    for tree, commit in found.items():
        directory = room / tree
        archive = _run(project, "archive", "--format=tar", tree, of=revisions)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(directory, filter="data")
        states.append(FormerState(name=commit[:12], directory=directory, one_of_many=bool(dots)))
    return states


def _git(project: Path, *arguments: str, of: str) -> str:
    return _run(project, *arguments, of=of).decode().strip()


def _run(project: Path, *arguments: str, of: str) -> bytes:
    hint = "Give a directory, or a revision or a range such as v1..v2 of the project's repository."
    if of.startswith("-"):
        raise ConfigurationInvalid(f"{of} is no revision.", hint=hint)
    try:
        done = subprocess.run(  # no shell, and nothing begins with a dash
            ["git", "-C", str(project), *arguments],  # the one on PATH
            capture_output=True,
            check=False,
        )
    except OSError:
        raise ConfigurationInvalid(
            f"{of} is no directory, and git is not here to look for a revision.", hint=hint
        ) from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise ConfigurationInvalid(
            f"{of} is no directory, and git has no such state of the project"
            f"{': ' if said else ''}{''.join(said[-1:]).rstrip('.')}.",
            hint=hint,
        )
    return done.stdout
