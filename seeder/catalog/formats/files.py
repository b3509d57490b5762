"""Files of a project: which belong to it, and how their text is read.

Only the standard library: the fingerprint of an unchanged deploy passes here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

TEXT_LIMIT = 64 * 1024 * 1024
"""Bytes of a YAML, JSON, SQL, Python or `!file` file; CSV files have no limit."""

_FOREIGN = frozenset({"__pycache__", "node_modules", "site-packages"})
_COMPILED = (".pyc", ".pyo")
_VIRTUAL = "pyvenv.cfg"
"""A directory that holds it is a virtual environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Located:
    """A place in a file; both numbers are one-based."""

    line: int | None = None
    column: int | None = None


class Unreadable(Exception):
    """A file, or what it contains, cannot be read; becomes one Problem."""

    def __init__(
        self,
        message: str,
        remedy: str | None = None,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.at = Located(line=line, column=column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One file below a directory of the project."""

    file: str
    """Its path, as text: a Path for each of a thousand files takes longer than reading them."""
    name: str
    """Relative to the project, with forward slashes."""
    outside: bool = False
    """A symbolic link that leads out of the project; not to be opened."""

    @property
    def path(self) -> Path:
        """Its path."""
        return Path(self.file)


def is_inside(root: Path, path: Path) -> bool:
    """Whether `path` lies in `root` once every symbolic link is followed."""
    if "\0" in str(path):
        return False
    real, base = os.path.realpath(path), os.path.realpath(root)
    return real == base or real.startswith(base.rstrip(os.sep) + os.sep)


def walk(root: Path, below: Path, *, only: str = "") -> Iterator[Found]:
    """Every file below a directory, sorted by name; hidden files and caches left out.

    Links to directories are followed inside the project (Kubernetes mounts
    configuration that way), and a loop of them is entered once. `only` is a suffix.
    """
    inside = "" if below == root else below.relative_to(root).as_posix() + "/"
    yield from _walk(root, str(below), inside, only, (os.path.realpath(below),))


def _walk(
    root: Path, directory: str, inside: str, only: str, above: tuple[str, ...]
) -> Iterator[Found]:
    with os.scandir(directory) as entries:
        ordered = sorted(entries, key=lambda entry: entry.name)
    if inside and any(entry.name == _VIRTUAL for entry in ordered):
        return
    for entry in ordered:
        if _is_passed_over(entry.name):
            continue
        outside = entry.is_symlink() and not is_inside(root, Path(entry.path))
        if entry.is_dir() and not outside:
            real = os.path.realpath(entry.path)
            if real not in above:
                yield from _walk(root, entry.path, f"{inside}{entry.name}/", only, (*above, real))
        elif entry.name.endswith(only) and not entry.name.endswith(_COMPILED):
            yield Found(file=entry.path, name=f"{inside}{entry.name}", outside=outside)


def is_walked(root: Path, name: str) -> bool:
    """Whether `walk` comes upon a file of the project, given by its path relative to `root`."""
    path = PurePosixPath(name)
    return not (
        name.endswith(_COMPILED)
        or any(_is_passed_over(part) for part in path.parts)
        or any((root / above / _VIRTUAL).exists() for above in path.parents if above.parts)
    )


def _is_passed_over(name: str) -> bool:
    return name.startswith(".") or name in _FOREIGN


def read_bytes(path: Path) -> bytes:
    """The whole file; `Unreadable` with the system's reason, or when it is too large."""
    try:
        if not path.is_file():
            reason = "it is not a regular file" if path.exists() else "there is no such file"
            raise Unreadable(f"cannot be read: {reason}")
        size = path.stat().st_size
        if size > TEXT_LIMIT:
            raise Unreadable(
                f"is larger than {TEXT_LIMIT // 1024 // 1024} MB",
                remedy="Put the rows into a CSV file and name it in `rows_from:`.",
            )
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"cannot be read: {os_reason(error)}") from error


def read_text(path: Path) -> str:
    """The file's text, which must be UTF-8 without a byte order mark and without NUL."""
    return decoded(read_bytes(path))


LFS_POINTER = b"version https://git-lfs.github.com/spec/"
"""How the text begins that a repository has in the place of a file that Git LFS keeps."""


def pointer() -> Unreadable:
    """What is wrong with such a text."""
    return Unreadable(
        "is a pointer of Git LFS, not the file that it stands for",
        remedy="Fetch the files where the image is built: `git lfs pull`.",
        line=1,
    )


def decoded(raw: bytes) -> str:
    """UTF-8 bytes as text; `Unreadable` names the line and column of the first bad byte."""
    if raw.startswith(LFS_POINTER):
        raise pointer()
    if raw.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise Unreadable("starts with a byte order mark", "Save it as UTF-8 without BOM.", 1, 1)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Unreadable(
            f"is not valid UTF-8: byte 0x{raw[error.start]:02x}",
            "Save it as UTF-8.",
            *place_of(raw[: error.start].decode("utf-8"), error.start),
        ) from None
    if "\0" in text:
        raise Unreadable(
            "contains a NUL byte",
            "Postgres cannot store one; remove it, or save the file as UTF-8.",
            *place_of(text, text.index("\0")),
        )
    return text


def place_of(text: str, offset: int) -> tuple[int, int]:
    """Line and column, one-based, of a character."""
    before = text[:offset]
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


def os_reason(error: OSError) -> str:
    """The operating system's words, without the path."""
    return (error.strerror or type(error).__name__).lower()
