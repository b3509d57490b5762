from __future__ import annotations

from decimal import Decimal

import pytest


def rows(project, text):
    seed_set = project.write({"seeds/core/t.json": text}).set("t")
    return [row.values for row in seed_set.rows]


def test_a_json_file_has_the_same_keys(project):
    assert rows(project, '{"table": "t", "key": ["k"], "rows": [{"k": "a", "v": [1, {}]}]}') == [
        ("a", [1, {}])
    ]


def test_numbers_are_exact_and_escapes_are_read(project):
    row = '{"k":"\\ud83d\\ude00\\/\\u00e4","i":12345678901234567890,"d":1.10,"e":1e5}'
    text = f'{{"table":"t","key":"k","rows":[{row}]}}'
    assert rows(project, text) == [("😀/ä", 12345678901234567890, Decimal("1.10"), Decimal("1E5"))]


def test_lines_are_those_of_the_rows(project):
    text = '{\n "table": "t",\n "key": "k",\n "rows": [\n  {"k": "a"},\n  {"k": "b"}\n ]\n}\n'
    seed_set = project.write({"seeds/core/t.json": text}).set("t")
    assert [row.line for row in seed_set.rows] == [5, 6]


def test_words_that_surprise_in_yaml_are_plain_text_in_json(project):
    assert rows(project, '{"table":"t","key":"k","rows":[{"k":"NO"},{"k":"010"}]}') == [
        ("NO",),
        ("010",),
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "t.json:1:1: is not valid JSON: a value expected."),
        ('{"table": "t",}', "t.json:1:15: is not valid JSON: a quoted key expected."),
        ('{"table": "t"\n"key": 1}', "t.json:2:1: is not valid JSON: `,` or `}` expected."),
        ("[1 2]", "t.json:1:4: is not valid JSON: `,` or `]` expected."),
        ('{"table" "t"}', "t.json:1:10: is not valid JSON: `:` expected."),
        ('{"table": t}', "t.json:1:11: is not valid JSON: a value expected."),
        ('{"table": NaN}', "t.json:1:11: is not valid JSON: a value expected."),
        ('{"a": 010}', "t.json:1:8: is not valid JSON: `,` or `}` expected."),
        ("{'table': 1}", "t.json:1:2: is not valid JSON: a quoted key expected."),
        ('{"table": "t', "t.json:1:11: is not valid JSON: unterminated string starting at."),
        ('{"a": "\t"}', "t.json:1:8: is not valid JSON: invalid control character at."),
        ('{"a": "\\u0000"}', "t.json:1:7: contains a NUL character"),
        ('{"a": "\\ud800"}', "t.json:1:7: contains half of a surrogate pair"),
        ('{"a": 1e99999999}', "t.json:1:7: is a number that Postgres cannot hold."),
        ('{"a": 1} x', "t.json:1:10: is not valid JSON: something follows its end."),
        ("[" * 100_000, "t.json:1:101: is nested more than 100 levels deep."),
        ('{"a":' * 100_000, "t.json:1:501: is nested more than 100 levels deep."),
    ],
)
def test_bad_json_is_named_with_line_and_column(project, text, problem):
    assert project.write({"seeds/core/t.json": text}).problem().startswith(problem)


def test_a_duplicate_key_is_named(project):
    text = '{"table": "t", "key": "k",\n "rows": [{"k": 1, "k": 2}]}'
    found = project.write({"seeds/core/t.json": text}).problem()
    assert found.startswith("t.json:2:20: the key `k` is already given in line 2.")
