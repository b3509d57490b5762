"""Reading by blocks finds what reading field by field does, wherever blocks end."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seeder.catalog.formats.csv_blocks import PlainLines, QuotedLines, read_blocks
from seeder.catalog.formats.csv_files import Record, read_rows, read_traits, split_records
from seeder.catalog.formats.files import Unreadable
from seeder.catalog.rows.csv_rows import CsvRows, CsvTable, RowLines
from seeder.errors import ConfigurationInvalid

PIECES = ("a", "b", "é", ",", ",", "\n", "\n", "\r\n", '"', '""', "\r", "\0", "\\", " ", "\u2028")


def rows_of(path: Path, key: Sequence[str] = ("k",)) -> CsvRows:
    table = CsvTable(path=path, file="d.csv", header=("k", "v"), traits=read_traits(path), width=2)
    return CsvRows(table=table, columns=("k", "v"), key=tuple(key))


def field_by_field(rows: CsvRows) -> RowLines:
    lines: dict[str, int] = {}
    repeated = []
    try:
        for row in rows.read():
            if lines.setdefault(row.key, row.line) != row.line:
                repeated.append((row.key, row.line))
    except Unreadable as fault:
        return RowLines(lines, tuple(repeated), fault)
    return RowLines(lines, tuple(repeated), None)


def told(fault: Unreadable | None) -> tuple[object, ...] | None:
    return None if fault is None else (fault.message, fault.remedy, fault.at)


@settings(max_examples=400, deadline=None)
@given(
    text=st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    key=st.sampled_from([("k",), ("v",), ("v", "k")]),
    size=st.sampled_from([1, 3, 7, 20, 1 << 18]),
)
def test_keys_lines_and_faults_are_the_same(tmp_path_factory, text, key, size):
    path = tmp_path_factory.getbasetemp() / "blocks.csv"
    path.write_text("k,v\n" + text, encoding="utf-8", newline="")
    rows = rows_of(path, key)
    expected, found = field_by_field(rows), rows.lines(size=size)
    assert told(found.fault) == told(expected.fault)
    assert found.repeated == expected.repeated
    assert list(found.lines.items()) == list(expected.lines.items())
    if rows.is_faultless(size=size):
        assert (expected.fault, expected.repeated) == (None, ())
        assert rows.known_lines() == expected.lines


@pytest.mark.parametrize(
    ("keys", "faultless"),
    [
        ([f"r{n:03}" for n in range(300)], True),
        ([str(n) for n in range(300)], True),
        ([f'"{n}"' for n in range(300)], True),
        ([], True),
        (["a", "b", "b"], False),
        (["b", "a"], True),
        (["b", "a", "c", "b"], False),
        ([str(n * 7919 % 1000) for n in range(1000)], True),
        ([str(n * 7919 % 1000) for n in range(1001)], False),
        (["a", "b", ""], False),
        (["a", "b", '""'], True),
        (["a", "b", "c,"], False),
        (["a", "b", 'c"'], False),
        (["9", "10", "a", "b"], True),
    ],
)
@pytest.mark.parametrize("size", [1, 64, 1 << 18])
def test_no_key_stands_there_twice(tmp_path, keys, faultless, size):
    path = tmp_path / "d.csv"
    path.write_text("".join(f"{key},x\n" for key in ["k", *keys]).replace("k,x", "k,v", 1))
    assert rows_of(path).is_faultless(size=size) is faultless


def test_a_file_that_has_changed_is_not_faultless(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("k,v\na,b\n")
    rows = rows_of(path)
    path.write_text("k,v\na,b\nb,c\n")
    assert not rows.is_faultless()
    with pytest.raises(ConfigurationInvalid):
        rows.known_lines()


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.sampled_from(["a,b", "a,", ",", 'a,"x\ny"', '"",b']), max_size=12),
    end=st.sampled_from(["\n", "\r\n"]),
    closed=st.booleans(),
    size=st.sampled_from([1, 5, 16, 1 << 18]),
)
def test_records_are_the_same(tmp_path_factory, lines, end, closed, size):
    path = tmp_path_factory.getbasetemp() / "records.csv"
    path.write_text(end.join(["k,v", *lines]) + end * closed, encoding="utf-8", newline="")
    found: list[Record] = []
    for block in read_blocks(path, width=2, size=size, well_quoted=True):
        found += block if isinstance(block, list) else block.records()
    assert found == list(read_rows(path, width=2))


def test_plain_lines_are_not_read_field_by_field(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("k,v\n" + "".join(f"r{n},\\\n" for n in range(10_000)))
    blocks = list(read_blocks(path, width=2, size=4096))
    assert all(isinstance(block, PlainLines) for block in blocks)
    assert rows_of(path).lines(size=4096).lines == {f"r{n}": n + 2 for n in range(10_000)}


def test_quoted_fields_are_split_a_block_at_a_time(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("k,v\n" + "".join(f'"r,{n}","{{""n"": {n}}}"\n' for n in range(10_000)))
    blocks = list(read_blocks(path, width=2, size=4096, well_quoted=True))
    assert all(isinstance(block, QuotedLines) for block in blocks)
    rows = rows_of(path)
    assert rows.lines(size=4096).lines == {f"r\\,{n}": n + 2 for n in range(10_000)}
    assert rows.is_faultless(size=4096)


def test_a_line_with_a_quote_leaves_the_other_blocks_plain(tmp_path):
    path = tmp_path / "d.csv"
    rows = [f"r{n},x" for n in range(1000)]
    rows[500] = 'r500,"x"'
    path.write_text("\n".join(["k,v", *rows, ""]))
    kinds = [isinstance(block, PlainLines) for block in read_blocks(path, width=2, size=512)]
    assert kinds.count(False) == 1
    assert len(kinds) > 10


@pytest.mark.parametrize("size", [4, 1 << 18])
def test_bytes_that_are_no_text_are_named(tmp_path, size):
    path = tmp_path / "d.csv"
    path.write_bytes(b"k,v\na,b\nc,\xff\n")
    fault = rows_of(path).lines(size=size).fault
    assert told(fault) == told(field_by_field(rows_of(path)).fault)
    assert fault is not None
    assert "0xff" in fault.message


@settings(max_examples=600, deadline=None)
@given(
    text=st.lists(st.sampled_from(["a", ",", "\n", "\r\n", '"', '""', '"a"']), max_size=20),
    chunk=st.sampled_from([1, 4, 1 << 16]),
)
def test_a_scan_finds_the_quotes_that_a_reading_refuses(tmp_path_factory, text, chunk):
    path = tmp_path_factory.getbasetemp() / "quotes.csv"
    path.write_text("k,v\n" + "".join(text), encoding="utf-8", newline="")
    well_quoted = True
    try:
        with path.open(encoding="utf-8", newline="\n") as file:
            list(split_records(file))
    except Unreadable:
        well_quoted = False
    assert read_traits(path, chunk_size=chunk).well_quoted == well_quoted


@pytest.mark.parametrize("long", ["x" * (1 << 21), 'x""' * (1 << 19)])
def test_a_field_too_long_for_the_scan_is_left_to_a_reading(tmp_path, long):
    path = tmp_path / "d.csv"
    path.write_text(f'k,v\na,"{long}\n"\nb,"c"\n')
    assert not read_traits(path).well_quoted
    assert rows_of(path).csv is None
    assert [row.key for row in rows_of(path)] == ["a", "b"]


@pytest.mark.parametrize("size", [2, 3, 1 << 20])
@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("k,v\na b,c\n", False),
        ("k,v\na ,c\n", True),
        ("k,v\na,c \n", True),
        ("k,v\na,c \r\n", True),
        ('k,v\n"a ",c\n', True),
        ("k,v\na,c ", True),
        ("k,v\na, c", False),
    ],
)
def test_blanks_at_the_end_of_a_field_are_seen(tmp_path, text, ends, size):
    path = tmp_path / "d.csv"
    path.write_bytes(text.encode())
    assert read_traits(path, chunk_size=size).blank_ends is ends


def test_rows_of_a_file_that_has_changed_are_refused(tmp_path):
    path = tmp_path / "d.csv"
    path.write_text("k,v\na,b\n")
    rows = rows_of(path)
    path.write_text("v,k\nb,ab\n")
    fault = rows.lines().fault
    assert fault is not None
    assert "has changed" in fault.message
    with pytest.raises(ConfigurationInvalid):
        list(rows)


@settings(max_examples=400, deadline=None)
@given(
    text=st.lists(st.sampled_from(["a", "\n", "\r", "\r\n", "\\.", "\n\\.\n"]), max_size=20),
    size=st.sampled_from([1, 2, 3, 5, 1 << 20]),
)
def test_a_scan_tells_the_same_wherever_chunks_end(tmp_path_factory, text, size):
    path = tmp_path_factory.getbasetemp() / "traits.csv"
    raw = "".join(text).encode()
    path.write_bytes(raw)
    found = read_traits(path, chunk_size=size)
    ends = set(re.findall(rb"\r\n|\r|\n", raw))
    assert found.size == len(raw)
    only = {frozenset(): "\n", frozenset({b"\n"}): "\n", frozenset({b"\r\n"}): "\r\n"}
    assert found.newline == only.get(frozenset(ends))
    assert found.end_marker == (rb"\." in re.split(rb"[\r\n]", raw))
