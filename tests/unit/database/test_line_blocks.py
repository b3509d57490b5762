"""Which lines of a file are sent, where some of its blocks were applied before."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from seeder.database.ledger.runs import line_blocks
from seeder.database.ledger.runs.line_blocks import Hashes, Lines
from seeder.merge.model import CsvFile

HEADER = b"note,code\n"


def file(keys: list[int], *, changed: frozenset[int] = frozenset()) -> bytes:
    """Lines of these keys, in the second field."""
    rows = (b"%s %d,%d\n" % (b"other" if n in changed else b"note", n, n) for n in keys)
    return HEADER + b"".join(rows)


def read(
    content: bytes,
    applied: Hashes | None = None,
    looked_at: tuple[str, ...] = (),
    *,
    numeric: bool = True,
    unique: bool = False,
) -> tuple[Lines, bytes]:
    """What is noted of a file, and what of it is staged."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "rows.csv"
        path.write_bytes(content)
        status = path.stat()
        stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
        source = CsvFile(path=path, header=("note", "code"), stamp=stamp, unique=unique)
        lines = Lines(source, key=1, numeric=numeric)
        lines.read(applied)
        if applied:
            lines.choose(looked_at, entries=0, missing=())
        hashes = lines.hashes
    assert (lines.part is not None) == bool(applied and hashes)
    ranges = [(0, len(content))] if lines.part is None else lines.part.ranges
    return lines, b"".join(content[start:end] for start, end in ranges)


def applied(content: bytes, *, numeric: bool = True, unique: bool = False) -> Hashes:
    """What is known once the content was applied."""
    noted, staged = read(content, numeric=numeric, unique=unique)
    assert staged == content
    assert noted.hashes
    return noted.hashes


def counted(lines: Lines) -> tuple[int, int]:
    """How many lines are staged, and how many are skipped."""
    assert lines.part is not None
    return lines.part.sent, lines.part.skipped


@pytest.fixture(params=[7, 1000, 1 << 20], autouse=True)
def size(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read so many bytes at once."""
    monkeypatch.setattr(line_blocks, "_CHUNK", request.param)


def test_of_a_file_that_was_applied_its_header_alone_is_staged() -> None:
    content = file(list(range(5000)))
    lines, staged = read(content, applied(content))
    assert staged == HEADER
    assert counted(lines) == (0, 5000)
    assert read(content.rstrip(b"\n"), applied(content))[1] == HEADER


def test_lines_around_a_changed_one_are_staged_and_no_others() -> None:
    keys = list(range(5000))
    lines, staged = read(file(keys, changed=frozenset({2500})), applied(file(keys)))
    assert b"\nother 2500,2500\n" in staged
    number, skipped = counted(lines)
    assert staged.count(b"\n") - 1 == number < 50
    assert number + skipped == 5000


def test_lines_that_come_and_go_move_few_other_blocks() -> None:
    keys = list(range(0, 10_000, 2))
    more = sorted({*keys, 4001, 4003} - {8000})
    lines, staged = read(file(more), applied(file(keys)))
    assert b"note 4001,4001\n" in staged
    assert counted(lines)[0] < 100


def test_lines_that_are_looked_at_are_staged_once() -> None:
    content = file(list(range(5000)))
    other = file(list(range(5000)), changed=frozenset({4321}))
    lines, staged = read(other, applied(content), ("0", "99", "4321", "4999", "70000"))
    for line in (b"\nnote 0,0\n", b"\nnote 99,99\n", b"\nother 4321,4321\n", b"\nnote 4999,4999\n"):
        assert staged.count(line) == 1
    assert counted(lines)[0] == staged.count(b"\n") - 1 < 50
    assert sum(counted(lines)) == 5000


@pytest.mark.parametrize("numeric", [True, False])
def test_every_line_can_be_looked_at(*, numeric: bool) -> None:
    content = file(list(range(100, 400))).rstrip(b"\n")
    keys = tuple(str(n) for n in range(90, 410))
    lines, staged = read(content, applied(content, numeric=numeric), keys, numeric=numeric)
    assert staged == content
    assert counted(lines) == (300, 0)


@pytest.mark.parametrize("numeric", [True, False])
def test_keys_in_no_order_that_are_known_to_be_unique_are_told_apart(*, numeric: bool) -> None:
    keys = random.Random(1).sample(range(5000), 5000)
    known = applied(file(keys), numeric=numeric, unique=True)
    content = file(keys, changed={100, 2500}).rstrip(b"\n")
    asked = ("77", str(keys[-1]), "9999", "2500")
    lines, staged = read(content, known, asked, numeric=numeric, unique=True)
    rows = staged.removeprefix(HEADER).splitlines()
    assert {b"other 100,100", b"other 2500,2500", b"note 77,77"} <= set(rows)
    assert content.splitlines()[-1] in rows
    assert (len(rows), len(content.splitlines()) - 1 - len(rows)) == counted(lines)
    assert len(rows) == len(set(rows)) < 50


def test_a_number_that_is_written_otherwise_is_not_told_by_its_text() -> None:
    content = file([3, 2, 1])
    assert read(content, unique=True)[0].hashes
    assert read(content + b"another,01\n", unique=True)[0].hashes is None


def test_a_block_that_stands_there_twice_has_the_whole_file_staged() -> None:
    content = file(list(range(1000)))
    twice = content + content.removeprefix(HEADER)
    assert read(twice, applied(content))[1] == twice


def test_a_key_that_stands_there_twice_has_the_whole_file_staged() -> None:
    content = file(list(range(1000)))
    twice = content + b"another,500\n"
    assert read(twice, applied(content))[1] == twice


def test_numbers_ascend_by_their_size_and_texts_as_they_are_written() -> None:
    content = file(list(range(5, 105)))
    assert read(content)[0].hashes
    assert read(content, numeric=False)[0].hashes is None


@pytest.mark.parametrize(
    "content", [file([3, 2, 1]), file([1, 2, 3]) + b"no comma\n"], ids=["descending", "no field"]
)
def test_what_cannot_be_told_is_not_noted(content: bytes) -> None:
    assert read(content)[0].hashes is None


def test_a_file_that_changes_while_it_is_read_is_not_noted(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(file([1, 2, 3]))
    source = CsvFile(path=path, header=("note", "code"), stamp=(0, 0, 0))
    assert Lines(source, key=1, numeric=True).hashes is None
    path.unlink()
    assert Lines(source, key=1, numeric=True).hashes is None


def test_no_block_has_many_lines() -> None:
    content = HEADER + b"".join(b"%d,%d\n" % (n, n) for n in range(100_000))
    assert 12 * 100_000 / 8 < len(applied(content).blocks) < 12 * 100_000 / 5


def test_what_was_the_last_line_may_go_on() -> None:
    content = file(list(range(500))).rstrip(b"\n")
    lines, staged = read(content + b"9\nnote 5000,5000\n", applied(content))
    assert staged.endswith(b"note 499,4999\nnote 5000,5000\n")
    assert sum(counted(lines)) == 501


@pytest.mark.parametrize("seed", range(8))
def test_versions_that_follow_each_other(seed: int) -> None:
    chance = random.Random(seed)
    keys, texts = list(range(0, 6000, 3)), dict.fromkeys(range(6000), b"note")
    content, known = b"", None
    for _ in range(6):
        for _ in range(chance.choice([0, 1, 5, 200])):
            texts[chance.choice(keys)] = b"x" * chance.randrange(1, 60)
        keys = sorted(
            {*keys, *chance.sample(range(6000), chance.choice([0, 0, 3, 50]))}
            - set(chance.sample(keys, chance.choice([0, 0, 3, 50])))
        )
        before = set(content.splitlines())
        content = HEADER + b"".join(b"%s,%d\n" % (texts[n], n) for n in keys)
        content = content.removesuffix(chance.choice([b"", b"\n"]))
        lines, staged = read(content, known)
        new = [each for each in content.splitlines() if each not in before]
        assert set(new) <= set(staged.splitlines())
        if known is not None:
            assert sum(counted(lines)) == len(keys)
            assert staged.count(b"\n") + (not staged.endswith(b"\n")) - 1 == counted(lines)[0]
        known = lines.hashes
        assert known is not None
        assert known.blocks == applied(content).blocks


def test_of_a_file_with_one_changed_line_few_lines_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line_blocks, "_CHUNK", 1000)
    keys = list(range(5000))
    before = applied(file(keys))
    seen: list[int] = []
    bounds = line_blocks._bounds

    def count(lines: Sequence[bytes], *, ended: bool) -> list[int]:
        seen.append(len(lines))
        return bounds(lines, ended=ended)

    monkeypatch.setattr(line_blocks, "_bounds", count)
    lines, _ = read(file(keys, changed=frozenset({2500})), before)
    assert 0 < sum(seen) < 250
    assert counted(lines)[0] <= 8
