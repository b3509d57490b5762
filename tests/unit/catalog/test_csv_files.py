from __future__ import annotations

import pytest

from seeder.catalog.assembling.assemble import CHECKED_SIZE
from seeder.catalog.formats.csv_files import stamp_of
from seeder.catalog.rows import drafts
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import CsvFile, Text

HEAD = "table: t\nkey: k\n"
FROM = HEAD + "rows_from: d.csv\n"


def with_csv(project, raw, text=FROM):
    return project.core(t=text).write({"seeds/core/d.csv": raw})


def values(project, raw, text=FROM):
    return [row.values for row in with_csv(project, raw, text).set("t").rows]


@pytest.mark.parametrize(
    ("raw", "rows"),
    [
        ("k,v\na,b\n", [("a", "b")]),
        ("k,v\na,b", [("a", "b")]),
        ("k,v\r\na,b\r\n", [("a", "b")]),
        ('k,v\na,\nb,""\n', [("a", None), ("b", "")]),
        ('k,v\n"a","b,""c"""\n', [("a", 'b,"c"')]),
        ('k,v\na,"two\nlines"\nb,c\n', [("a", "two\nlines"), ("b", "c")]),
        ('k,v\na,"two\r\nlines"\r\n', [("a", "two\nlines")]),
        ('k,v\na," b "\n c , d \n', [("a", " b "), (" c ", " d ")]),
        ('"k","v"\nä,😀\n', [("ä", "😀")]),
        ("v,k\n1,a\n", [("a", "1")]),
        ("k,v\n", []),
    ],
)
def test_fields_are_read_as_postgres_reads_them(project, raw, rows):
    assert values(project, raw.encode()) == rows


def test_fields_are_postgres_text_and_rows_know_their_lines(project):
    found = with_csv(project, 'k,v\na,"x\ny"\nb,1\n').set("t")
    rows = list(found.rows)
    assert [(row.key, row.line, row.file) for row in rows] == [
        ("a", 2, "seeds/core/d.csv"),
        ("b", 4, "seeds/core/d.csv"),
    ]
    assert all(type(value) is Text for row in rows for value in row.values)
    assert list(found.rows) == rows


def test_a_plain_file_can_be_copied_as_it_is(project):
    found = with_csv(project, "v,k\r\n1,a\r\n").set("t")
    assert found.rows.csv == CsvFile(
        path=project.root / "seeds/core/d.csv",
        header=("v", "k"),
        stamp=stamp_of((project.root / "seeds/core/d.csv").stat()),
        newline="\r\n",
        verbatim=True,
        unique=True,
    )
    assert [column.name for column in found.columns] == ["k", "v"]


@pytest.mark.parametrize(
    "raw",
    [
        "k\n\\.\nb\n",
        "k\na\n\\.",
        "k\r\n\\.\r\n",
        'k,v\na,"x\n\\.\ny"\n',
        "k,v\r\na,b\n",
        'k,v\na,"x\r\ny"\n',
    ],
)
def test_what_postgres_versions_read_differently_is_not_offered_for_copy(project, raw):
    found = with_csv(project, raw.encode()).set("t")
    assert found.rows.csv is None
    assert list(found.rows)


@pytest.mark.parametrize(
    ("rows", "verbatim"),
    [("a,1\n", True), ('"a",1\n', False), ("a\\b,1\n", False), ("a,\\\n", False)],
)
def test_what_an_address_may_have_to_escape_is_seen(project, rows, verbatim):
    long = "".join(f"r{n},x\n" for n in range(200_000))  # more than one block
    file = with_csv(project, "k,v\n" + rows + long).set("t").rows.csv
    assert file is not None
    assert file.verbatim is verbatim


def test_an_end_marker_is_found_across_the_blocks_of_the_scan(project):
    for pad in range(-4, 3):
        raw = b"k\n" + b"x" * ((1 << 20) - 3 + pad) + b"\n\\.\nz\n"
        assert with_csv(project, raw).set("t").rows.csv is None


@pytest.mark.parametrize(("value", "offered"), [("a", True), ('"a,b"', False), ("a\\b", False)])
def test_a_large_file_with_references_is_offered_for_copy_where_keys_need_no_escape(
    project, monkeypatch, value, offered
):
    monkeypatch.setattr(drafts, "LARGE", 0)
    written = f"k,v\n{value},\nb,{value}\n"
    found = with_csv(project, written, FROM + "columns: {v: {ref: t}}\n").set("t")
    assert (found.rows.csv is not None) == offered
    first, second = found.rows
    assert (first.values[1], second.values[1]) == (None, first.key)


@pytest.mark.parametrize("extra", ["scope: {o: 1}\n", "defaults: {o: 1}\n"])
def test_what_every_row_has_goes_with_the_file(project, extra):
    found = with_csv(project, "k,v\na,a\n", FROM + extra).set("t")
    assert found.rows.csv.constants == (("o", 1),)


@pytest.mark.parametrize("extra", ["columns: {v: {secret: true}}\n", "columns: {v: {ref: t}}\n"])
def test_sets_that_need_more_than_the_bytes_are_not_offered_for_copy(project, extra):
    found = with_csv(project, "k,v\na,a\n", FROM + extra).set("t")
    assert found.rows.csv is None
    assert [row.key for row in found.rows] == ["a"]


def test_scope_and_defaults_are_constant_columns_of_every_row(project):
    text = "table: t\nkey: [o, k]\nscope: {o: null}\ndefaults: {d: 7}\nrows_from: d.csv\n"
    found = with_csv(project, "v,k\n1,a\n", text).set("t")
    assert found.key == ("k",)
    assert [column.name for column in found.columns] == ["k", "o", "v", "d"]
    assert [row.values for row in found.rows] == [("a", None, "1", 7)]


def test_a_null_in_the_file_is_not_filled_by_a_default(project):
    text = FROM + "defaults: {v: 7}\n"
    assert values(project, "k,v\na,\n", text) == [("a", None)]
    assert with_csv(project, "k,v\na,\n", text).set("t").rows.csv is not None


def test_references_from_a_file_are_checked_and_its_rows_can_be_referred_to(project):
    project.core(
        c="table: c\nkey: code\nrows_from: c.csv\n",
        t="table: t\nkey: k\ncolumns: {c: {ref: c}}\nrows_from: d.csv\n",
    )
    project.write({"seeds/core/c.csv": "code\nDE\n", "seeds/core/d.csv": "k,c\na,DE\nb,\nc,FR\n"})
    assert project.problem() == "d.csv:4: `c` refers to `c/FR`, which is not in the catalog."


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("", "d.csv:1: is empty."),
        ("k,,v\n", "d.csv:1: the header has a column without a name."),
        ("k, v\n", "d.csv:1: the header has blanks around `v`."),
        ("k,k\n", "d.csv:1: the header names `k` twice."),
        ("kk,v\n", "d.csv: the header has no key column `k`."),
        ("k;v\na;b\n", "d.csv: the header has no key column `k`. Separate columns by commas, not"),
        ("k\tv\na\tb\n", "d.csv: the header has no key column `k`. Separate columns by commas"),
        ("k,v\na\n", "d.csv:2: 1 field where the header has 2."),
        ("k,v\na,b,c\n", "d.csv:2: 3 fields where the header has 2."),
        ("k,v\na,b\n\nc,d\n", "d.csv:3: an empty line."),
        ("k,v\n,b\n", "d.csv:2: the key column `k` is NULL."),
        ("k,v\na,1\nb,2\na,3\n", "d.csv:4: the row `t/a` is already given at d.csv:2."),
        ('k,v\na,b"c"\n', "d.csv:2:3: a quote stands inside a field that is not quoted."),
        ('k,v\na,"b"c\n', "d.csv:2:3: a quote stands inside a field that is not quoted."),
        ('k,v\na,"b\n', "d.csv:2: a quoted field has no end."),
        ("k,v\na\rb,c\n", "d.csv:2: a carriage return stands inside a line."),
        ("k,v\na\x00,c\n", "d.csv:2: contains a NUL byte."),
        ('k,v\n"a\x00",c\n', "d.csv:2: contains a NUL byte."),
        (
            'k,v\r\na,1\r\n"x"y,"1\r\n2"\r\n',
            "d.csv:3:1: a quote stands inside a field that is not quoted.",
        ),
        ('k,v\na,"1\n2"\r3\n', "d.csv:2: a carriage return stands inside a line."),
        ('k,v\na,"1\n2\x00"\n', "d.csv:3: contains a NUL byte."),
        (b"\xef\xbb\xbfk,v\n", "d.csv:1:1: starts with a byte order mark."),
        (b"k,v\na,b\n\xe4,c\n", "d.csv:3:1: is not valid UTF-8: byte 0xe4."),
    ],
)
def test_bad_files_are_named_with_their_line(project, raw, problem):
    found = with_csv(project, raw).problem()
    assert found.startswith(problem), found


def test_scope_and_the_file_cannot_both_give_a_column(project):
    text = "table: t\nkey: k\nscope: {o: 1}\nrows_from: d.csv\n"
    found = with_csv(project, "k,o\na,1\n", text).problem()
    assert found.startswith("t.yaml:1:1: `scope` fixes `o`, and d.csv gives it as well.")


@pytest.fixture
def large(project):
    filler = "x" * 1_000_000
    rows = "".join(f"r{n},{filler}\n" for n in range(CHECKED_SIZE // 1_000_000 + 1))
    return with_csv(project, "k,v\nr0,first\n" + rows + "broken\n")


def test_a_large_file_is_left_to_whoever_reads_it(large):
    found = large.set("t")
    assert found.rows.csv is not None
    with pytest.raises(ConfigurationInvalid) as caught:
        list(found.rows)
    assert "1 field where the header has 2" in str(caught.value.problems[0])


def test_a_large_file_that_another_set_refers_to_is_checked(large):
    large.core(u="table: u\nkey: k\ncolumns: {k: {ref: t}}\nrows: [{k: r1}]\n")
    found = large.problems()
    assert any("the row `t/r0` is already given at d.csv:2." in each for each in found)
    assert any("1 field where the header has 2." in each for each in found)
