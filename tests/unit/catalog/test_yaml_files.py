from __future__ import annotations

import time
from decimal import Decimal

import pytest

from seeder.merge.model import Text

HEAD = "table: t\nkey: k\n"


def test_values_have_the_types_they_are_written_in(rows_of):
    assert rows_of('- {k: a, i: 7, d: 1.10, t: true, n: null, s: "7", on: 2026-01-01}\n') == [
        {"k": "a", "i": 7, "d": Decimal("1.10"), "t": True, "n": None, "s": "7", "on": "2026-01-01"}
    ]


def test_a_date_is_postgres_text_and_a_quoted_one_is_a_string(rows_of):
    (row,) = rows_of('- {k: a, plain: 2026-01-01, quoted: "2026-01-01"}\n')
    assert type(row["plain"]) is Text
    assert type(row["quoted"]) is str


def test_column_names_are_text_whatever_they_look_like(rows_of):
    assert rows_of("- {k: a, y: 1, on: 2, 10: 3}\n") == [{"k": "a", "y": 1, "on": 2, "10": 3}]


def test_nested_values_become_documents(rows_of):
    (row,) = rows_of("- {k: a, doc: {list: [1, 2.5], no: null}}\n")
    assert row["doc"] == {"list": [1, Decimal("2.5")], "no": None}


def test_an_empty_value_behind_a_colon_is_null(rows_of):
    assert rows_of("- {v: , k: a}\n- k: b\n  v:\n") == [
        {"k": "a", "v": None},
        {"k": "b", "v": None},
    ]


def test_str_tag_and_exclamation_mark_make_text(rows_of):
    (row,) = rows_of("- {k: a, b: !!str 010, c: ! NO}\n")
    assert (row["b"], row["c"]) == ("010", "NO")


def test_anchors_aliases_and_merge_keys_work_and_own_values_win(rows_of):
    rows = rows_of("- &base {k: a, v: 1}\n- {<<: *base, k: b}\n- {k: c, v: 2, <<: [*base]}\n")
    assert rows == [{"k": "a", "v": 1}, {"k": "b", "v": 1}, {"k": "c", "v": 2}]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("# nothing\n", "t.yaml: is empty."),
        ("- a\n", "t.yaml:1:1: is a list, not a mapping."),
        (HEAD + "rows:\n- {k: NO}\n", "t.yaml:4:7: `NO` is true or false to some YAML readers"),
        (HEAD + "rows:\n- {k: 010}\n", "t.yaml:4:7: `010` is an octal number"),
        (HEAD + "rows:\n- {k: a, v: 1:30}\n", "t.yaml:4:13: `1:30` is a number in base 60"),
        (HEAD + "rows:\n- {k: a, k: b}\n", "t.yaml:4:10: the key `k` is already given in line 4."),
        (HEAD + "key: j\nrows: []\n", "t.yaml:3:1: the key `key` is already given in line 2."),
        (HEAD + "rows: []\n---\na: 1\n", "t.yaml:4:1: holds a second document."),
        (HEAD + "rows:\n\t- {k: 1}\n", "t.yaml:4:1: is not valid YAML: found character"),
        (HEAD + "rows: [\n", "t.yaml:4:1: is not valid YAML: "),
        (HEAD + "rows:\n- {k: a: b}\n", "t.yaml:4:8: is not valid YAML: "),
        (HEAD + "rows:\n- {k: a, b and c}\n", "t.yaml:4:10: `b and c` has no value: in braces"),
        (HEAD + "rows:\n- {k: a, 'b c', d: 1}\n", "t.yaml:4:10: `b c` has no value: in braces"),
        (HEAD + "columns: {k}\nrows: []\n", "t.yaml:3:11: `k` has no value: in braces"),
        (HEAD + "rows:\n- {k: *gone}\n", "t.yaml:4:7: the alias `*gone` has no anchor before it."),
        (HEAD + "rows: &a [*a]\n", "t.yaml:3:11: the alias `*a` stands inside its own anchor."),
        (HEAD + "rows:\n- {<<: 7, k: a}\n", "t.yaml:4:8: `<<` merges mappings only."),
        ("? [a]\n: 1\n", "t.yaml:1:3: a key must be plain text."),
        ("a: &x b\n*x : 1\n", "t.yaml:2:1: an alias cannot be a key."),
        (HEAD + "rows:\n- {!env k: a}\n", "t.yaml:4:4: a tag cannot stand before a key."),
        (
            HEAD + "rows:\n- {k: !evn X}\n",
            "t.yaml:4:7: `!evn` is not a known tag. Did you mean `!env`?",
        ),
        (
            HEAD + "rows:\n- {k: !!python/name:os X}\n",
            "t.yaml:4:7: `!!python/name:os` is not a known",
        ),
        (
            HEAD + "rows:\n- {k: !env {a: b}}\n",
            "t.yaml:4:7: `!env` needs text, not a list or mapping.",
        ),
        (HEAD + 'rows:\n- {k: "a\\0b"}\n', "t.yaml:4:7: Postgres cannot store a NUL character."),
        (HEAD + "rows:\n- {k: a\x07}\n", "t.yaml:4:8: contains the control character U+0007."),
        (
            HEAD + "rows:\n- {k: a, v: {x: .inf}}\n",
            "t.yaml:4:17: JSON knows no infinity and no NaN.",
        ),
    ],
)
def test_what_is_wrong_is_said_with_line_and_column(project, text, problem):
    found = project.core(t=text).problems()
    assert any(each.startswith(problem) for each in found), found


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        (b"\xef\xbb\xbftable: t\n", "t.yaml:1:1: starts with a byte order mark."),
        ("table: t\n".encode("utf-16"), "t.yaml:1:1: starts with a byte order mark."),
        (b"table: t\nkey: \xe4\n", "t.yaml:2:6: is not valid UTF-8: byte 0xe4."),
        (b"table: t\nkey: a\x00b\n", "t.yaml:2:7: contains a NUL byte."),
    ],
)
def test_bytes_that_are_not_plain_utf8_are_named(project, raw, problem):
    assert project.write({"seeds/core/t.yaml": raw}).problem().startswith(problem)


def test_an_alias_bomb_is_refused_at_once(project):
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [
        f"{name}: &{name} [{', '.join(['*' + before] * 10)}]"
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    ]
    began = time.perf_counter()
    found = project.core(t=HEAD + "\n".join(lines) + "\nrows: []\n").problem()
    assert "aliases repeat more than 1,000,000 values" in found
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize("text", ["[" * 100_000, "{a: " * 100_000])
def test_deep_nesting_is_refused_without_exhausting_the_stack(project, text):
    assert "nested more than 100 levels deep" in project.core(t=HEAD + "rows: " + text).problem()


def test_depth_that_aliases_bring_counts(project):
    text = "a: &a " + "[" * 60 + "]" * 60 + "\nb: " + "[" * 60 + "*a" + "]" * 60 + "\n"
    assert "nested more than 100 levels deep" in project.core(t=HEAD + text).problem()


def test_many_rows_that_share_a_base_are_no_bomb(project):
    rows = "".join(f"- {{<<: *base, k: r{n}}}\n" for n in range(2000))
    text = HEAD + "rows:\n- &base {k: a, b: 1, c: 2, d: 3}\n" + rows
    assert len(project.core(t=text).keys("t")) == 2001


def test_ten_thousand_rows_load_in_about_a_second(project):
    rows = "".join(
        f"- {{k: r{n}, name: Item {n}, price: {n}.50, on: true}}\n" for n in range(10_000)
    )
    project.core(t=HEAD + "rows:\n" + rows)
    began = time.process_time()
    assert len(project.keys("t")) == 10_000
    assert time.process_time() - began < 5  # a quarter of a second, of its own
