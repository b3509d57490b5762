"""What is made to exhaust memory, stack or patience is refused by a process that has little."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MEMORY = 1_200_000_000
"""Bytes of address space, of which interpreter and libraries take a good part."""

MEGABYTE = 1 << 20


def alias_bomb(innermost: bytes) -> bytes:
    lines = [b"a0: &a0 " + innermost]
    lines += [b"a%d: &a%d [%s]" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)]
    return b"\n".join(lines)


def endless_line(path: Path, *, start: bytes) -> None:
    """A line of more than a gigabyte, which takes no room on the disk."""
    path.write_bytes(start)
    with path.open("rb+") as file:
        file.truncate(1200 * MEGABYTE)


Write = Callable[[Path], object]
LIMITS: dict[str, tuple[str, Write, str]] = {
    "aliases that repeat one another": (
        "seeds/core/rows.yaml",
        lambda path: path.write_bytes(alias_bomb(b"[x, x, x, x, x, x, x, x, x, x]")),
        "aliases repeat more than 1,000,000 values",
    ),
    "merge keys that repeat one another": (
        "seeds/core/rows.yaml",
        lambda path: path.write_bytes(alias_bomb(b"{<<: {a: 1, b: 2, c: 3, d: 4}}")),
        "aliases repeat more than 1,000,000 values",
    ),
    "brackets within brackets in YAML": (
        "seeds/core/rows.yaml",
        lambda path: path.write_bytes(b"[" * 20 * MEGABYTE),
        "is nested more than 100 levels deep",
    ),
    "brackets within brackets in JSON": (
        "seeds/core/rows.json",
        lambda path: path.write_bytes(b'{"a":' * 5 * MEGABYTE),
        "is nested more than 100 levels deep",
    ),
    "brackets within brackets in seeder.toml": (
        "seeder.toml",
        lambda path: path.write_bytes(b"release = " + b"[" * MEGABYTE),
        "is not valid TOML",
    ),
    "very many small values in YAML": (
        "seeds/core/rows.yaml",
        lambda path: path.write_bytes(b"- a\n" * (10 * MEGABYTE)),
        "holds more than 2,000,000 values",
    ),
    "very many small values in JSON": (
        "seeds/core/rows.json",
        lambda path: path.write_bytes(b"[" + b"1," * (20 * MEGABYTE)),
        "holds more than 2,000,000 values",
    ),
    "a number of ten million digits": (
        "seeds/core/rows.json",
        lambda path: path.write_bytes(b"[" + b"9" * 10_000_000 + b"]"),
        "is a number that Postgres cannot hold",
    ),
    "a YAML file of a gigabyte": (
        "seeds/core/rows.yaml",
        lambda path: endless_line(path, start=b"table: t"),
        "is larger than 64 MB",
    ),
    "a seeder.toml of a gigabyte": (
        "seeder.toml",
        lambda path: endless_line(path, start=b"release = '1"),
        "is larger than 64 MB",
    ),
    "a CSV line of a gigabyte": (
        "seeds/core/rows.csv",
        lambda path: endless_line(path, start=b"k,v\na,"),
        "a row is longer than 64 million characters",
    ),
    "a CSV header of a gigabyte": (
        "seeds/core/rows.csv",
        lambda path: endless_line(path, start=b"k,v"),
        "a row is longer than 64 million characters",
    ),
    "a CSV field of many lines without end": (
        "seeds/core/rows.csv",
        lambda path: path.write_bytes(b'k,v\na,"' + (b"x" * MEGABYTE + b"\n") * 70),
        "a row is longer than 64 million characters",
    ),
    "bytes that are no text at the end of a long CSV line": (
        "seeds/core/rows.csv",
        lambda path: path.write_bytes(b"k,v\na," + b"x" * 80 * MEGABYTE + b"\xff"),
        "a row is longer than 64 million characters",
    ),
}


def limit_memory() -> None:
    """Run in the child before the command."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@pytest.mark.parametrize("case", LIMITS)
def test_what_is_too_much_is_refused_in_little_memory(tmp_path: Path, case: str) -> None:
    name, write, told = LIMITS[case]
    (tmp_path / "seeds/core").mkdir(parents=True)
    (tmp_path / "seeder.toml").touch()
    if name.endswith(".csv"):
        text = "table: t\nkey: k\nrows_from: rows.csv\n"
        # Another set refers to it, so that all of its rows are read with the catalog.
        (tmp_path / "seeds/core/t.yaml").write_text(text)
        (tmp_path / "seeds/core/u.yaml").write_text(
            "table: u\nkey: k\ncolumns: {k: {ref: t}}\nrows: [{k: a}]\n"
        )
    write(tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-m", "seeder", "check", "--project", tmp_path, "--log-format", "json"],
        preexec_fn=limit_memory,  # the parent runs no other thread
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 10, done.stderr[-2000:]
    assert len(done.stderr) < 10_000
    (failed,) = [json.loads(line) for line in done.stderr.splitlines()]
    assert any(problem.startswith(name) and told in problem for problem in failed["problems"])


@pytest.mark.parametrize("variable", ["DATABASE_URL", "SEEDER_DATABASE_URL", "DEV_PASSWORD"])
def test_a_variable_that_names_a_file_without_end_is_refused_in_little_memory(
    variable: str,
) -> None:
    given = {"DATABASE_URL": "postgresql://app:x@localhost:1/app", "SEEDER_ENVIRONMENT": "dev"}
    given.pop(variable, None)
    done = subprocess.run(
        [sys.executable, "-m", "seeder", "run", "--project", "starter", "--log-format", "json"],
        env={**given, f"{variable}_FILE": "/dev/zero"},
        preexec_fn=limit_memory,  # the parent runs no other thread
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 10, done.stderr[-2000:]
    assert f"{variable}_FILE names" in done.stderr
    assert "more than 1,048,576 characters" in done.stderr
