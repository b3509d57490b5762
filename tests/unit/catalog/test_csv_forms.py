"""CSV files as somebody else makes them: `rows_from: {file: ...}`."""

from __future__ import annotations

import tracemalloc

import pytest

from seeder.catalog.rows.csv_rows import CHECKED_SIZE

HEAD = "table: t\nkey: k\nrows_from: {file: d.csv"


def rows_of(project, raw, form):
    project.core(t=f"{HEAD}{form}}}\n").write({"seeds/core/d.csv": raw})
    seed_set = project.set("t")
    names = [column.name for column in seed_set.columns]
    return [dict(zip(names, row.values, strict=True)) for row in seed_set.rows]


@pytest.mark.parametrize(
    ("raw", "form", "rows"),
    [
        (b"\xef\xbb\xbfk,v\na,1\n", "", [{"k": "a", "v": "1"}]),
        (
            b'k;v\na;"1;2"\nb;\n',
            ', delimiter: ";"',
            [{"k": "a", "v": "1;2"}, {"k": "b", "v": None}],
        ),
        (b"k\tv\na\t1,5\n", r', delimiter: "\t"', [{"k": "a", "v": "1,5"}]),
        (b"k|v\na|1\n", ', delimiter: "|"', [{"k": "a", "v": "1"}]),
        (
            b'k,v\na,n/a\nb,"n/a"\nc,\n',
            ', "null": "n/a"',
            [{"k": "a", "v": None}, {"k": "b", "v": "n/a"}, {"k": "c", "v": ""}],
        ),
        (b"k,v\na,\\N\n", ', null: "\\\\N"', [{"k": "a", "v": None}]),
        (b"k,x,v\na,b,c\n", ", skip: x", [{"k": "a", "v": "c"}]),
        (b"Code,Full Name\na,b\n", ", rename: {Code: k, Full Name: v}", [{"k": "a", "v": "b"}]),
    ],
)
def test_a_file_of_another_form_is_read(project, raw, form, rows):
    assert rows_of(project, raw, form) == rows


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (", delimiter: ';;'", "t.yaml:3:37: `delimiter` is not one character. Write"),
        (", null: 1", "t.yaml:3:32: `null` takes text, not a number."),
        (", skip: [x]", "d.csv:1: the header has no column `x`. It has k, v."),
        (", rename: {v: k}", "d.csv:1: two columns would be `k`. Skip one."),
        (", delimeter: ','", "t.yaml:3:26: unknown key of `rows_from` `delimeter`."),
        (", delimiter: ';'", "d.csv: the header has no key column `k`."),
    ],
)
def test_a_form_that_does_not_fit_is_named(project, form, problem):
    project.core(t=f"{HEAD}{form}}}\n").write({"seeds/core/d.csv": "k,v\na,1\n"})
    found = project.problems()[0]
    assert found.startswith(problem), found


def test_a_mapping_without_a_file_is_refused(project):
    project.core(t="table: t\nkey: k\nrows_from: {delimiter: ';'}\n")
    assert project.problems()[0].startswith("t.yaml:3:12: `rows_from` needs a file.")


@pytest.mark.parametrize("wide", [100, 1000])
def test_a_file_of_another_form_is_never_held_in_memory_as_a_whole(project, wide):
    rows = b"".join(b"%d;%b;n/a\n" % (n, b"x" * wide) for n in range(100_000, 122_000))
    assert (len(rows) > CHECKED_SIZE) is (wide == 1000)
    form = ', delimiter: ";", "null": "n/a", skip: x, rename: {Code: k, Name: v}'
    project.core(t=f"{HEAD}{form}}}\n").write({"seeds/core/d.csv": b"Code;x;Name\n" + rows})
    tracemalloc.start()
    try:
        found = project.set("t").rows
        count = sum(row.values == (row.key, None) for row in found)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 22_000
    assert peak < 4_000_000


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("1;a\n2;b\n1;c\n", "d.csv:4: the row `t/1` is already given at d.csv:2."),
        ("1;a\n2\n", "d.csv:3: 1 field where the header has 2"),
        ("2;a\nn/a;b\n", "d.csv:3: the key column `k` is NULL"),
    ],
)
def test_a_bad_row_of_a_file_of_another_form_is_named_with_its_line(project, rows, problem):
    form = ', delimiter: ";", "null": "n/a", rename: {Code: k}'
    project.core(t=f"{HEAD}{form}}}\n").write({"seeds/core/d.csv": "Code;v\n" + rows})
    assert problem in project.problem()
