import pytest
from psycopg import sql

from seeder.database.connection.marked_sql import Named, Theirs
from seeder.database.connection.statements import MASK, shown


@pytest.mark.parametrize(
    "value", ["anna", "", b"anna", ["anna"], ("anna",), [1, "anna"], 1.5, {"a": 1}, [], [["anna"]]]
)
def test_a_literal_that_may_be_a_value_is_masked(value):
    assert shown(sql.SQL("SELECT {}").format(value)) == f"SELECT {MASK}"


@pytest.mark.parametrize(
    ("value", "text"), [(7, "7"), (True, "true"), (None, "NULL"), ([1, 2], "'{1,2}'::int2[]")]
)
def test_numbers_booleans_and_null_are_shown(value, text):
    assert shown(sql.SQL("SELECT {}").format(value)) == f"SELECT {text}"


def test_names_and_words_of_seeder_are_shown():
    parts = sql.Identifier("public", "roles"), Named("level"), Named(["a"]), sql.Placeholder("run")
    assert shown(sql.SQL("{} {} {} {}").format(*parts)) == (
        "\"public\".\"roles\" 'level' '{a}' %(run)s"
    )


@pytest.mark.parametrize("text", ["'draft'::text", "$$draft$$", "E'draft'"])
def test_an_expression_of_the_schema_is_masked_where_it_holds_a_text(text):
    assert shown(sql.SQL("SELECT {}").format(Theirs(text))) == f"SELECT {MASK}"


def test_an_expression_of_the_schema_without_a_text_is_shown():
    assert shown(sql.SQL("SELECT {}").format(Theirs("lower(code)"))) == "SELECT lower(code)"


def test_a_statement_of_the_project_is_not_shown():
    assert shown(b"SELECT 'anna'") == "/* the project's own, 13 bytes */"


def test_lines_stay_and_common_indentation_goes():
    assert shown("\n    SELECT 1\n      FROM t\n") == "SELECT 1\n  FROM t"
