"""Triggers that make rows which a later set seeds, and triggers that let a row not in."""

from __future__ import annotations

import pytest

from tests.support.merge import Project, counts, outcome

ACCOUNTS = """
CREATE TABLE accounts (id serial PRIMARY KEY, code text NOT NULL UNIQUE);
CREATE TABLE wallets (id serial PRIMARY KEY, account_id int NOT NULL UNIQUE REFERENCES accounts,
    name text NOT NULL DEFAULT 'made');
CREATE FUNCTION open_wallet() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO wallets (account_id) VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER opens AFTER INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION open_wallet();
"""


def accounts(project: Project, *codes: str) -> None:
    """Accounts, whose trigger makes a wallet for each, and wallets that the catalog seeds too."""
    project.write(
        "accounts",
        "table: accounts\nkey: code\nrows:\n" + "".join(f"  - {{code: {c}}}\n" for c in codes),
    )
    project.write(
        "wallets",
        "table: wallets\nkey: account_id\ncolumns: {account_id: {ref: accounts}}\nrows:\n"
        + "".join(f"  - {{account_id: {c}, name: made}}\n" for c in codes),
    )


WALLETS = "SELECT code, name FROM wallets w JOIN accounts a ON a.id = account_id ORDER BY 1"


def test_what_a_trigger_made_of_a_parent_is_adopted_at_a_first_launch(project: Project) -> None:
    project.sql(ACCOUNTS)
    accounts(project, "one", "two")
    result = project.run()
    assert counts(result, "wallets") == {"adopt": 2}
    assert project.rows(WALLETS) == [("one", "made"), ("two", "made")]
    project.assert_settled()


def test_and_at_an_update(project: Project) -> None:
    project.sql(ACCOUNTS)
    accounts(project, "one")
    project.run()
    accounts(project, "one", "two")
    project.surveyed = False  # a plan cannot know what a trigger will make
    assert counts(project.update(), "wallets") == {"adopt": 1}
    project.surveyed = True
    project.assert_settled()


def test_rows_that_a_trigger_made_are_adopted_by_a_set_that_is_copied_from_a_file(
    project: Project,
) -> None:
    project.sql(
        "CREATE TABLE things (code text PRIMARY KEY);"
        "CREATE TABLE lists (code text PRIMARY KEY, name text NOT NULL);"
        "CREATE FUNCTION listed() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN INSERT INTO lists VALUES (NEW.code, 'made'); RETURN NULL; END $$;"
        "CREATE TRIGGER lists AFTER INSERT ON things FOR EACH ROW EXECUTE FUNCTION listed()"
    )
    project.write("a_things", "table: things\nkey: code\nrows:\n  - {code: one}\n")
    project.write("b_lists", "table: lists\nkey: code\nrows_from: lists.csv\n")
    project.write("lists.csv", "code,name\none,made\ntwo,ours\n")
    assert counts(project.run(), "b_lists") == {"adopt": 1, "insert": 1}
    assert project.rows("SELECT code, name FROM lists ORDER BY 1") == [
        ("one", "made"),
        ("two", "ours"),
    ]
    project.assert_settled()


DROPS = """
CREATE TABLE words (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text);
CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF NEW.code = 'bad' THEN RETURN NULL; END IF; RETURN NEW; END $$;
CREATE TRIGGER forbids BEFORE INSERT ON words FOR EACH ROW EXECUTE FUNCTION forbid();
"""


def words(project: Project, *codes: str) -> None:
    """Write the set `words`."""
    listed = "".join(f"  - {{code: {code}, name: x}}\n" for code in codes)
    project.write("words", f"table: words\nkey: code\nrows:\n{listed}")


@pytest.mark.parametrize("first", [("good", "bad"), ("bad",)])
def test_a_row_that_a_trigger_drops_is_reported_once_as_not_there(
    project: Project, first: tuple[str, ...]
) -> None:
    project.sql(DROPS)
    words(project, *first)
    result = project.run()
    inserted = {"insert": 1} if "good" in first else {}
    assert counts(result, "words") == {**inserted, "keep": 1, "conflicts": 1}
    (row,) = outcome(result, "words").kept
    assert (row.address, row.rule) == ("words/bad", "dropped")
    assert "a trigger of public.words did not let it in" in row.reason
    assert project.entry("words", "bad")["state"] == "d"
    again = project.update()
    assert counts(again, "words") == {"keep": 1}, "as any row that is deleted here"
    assert outcome(again, "words").kept == ()
    project.assert_settled()


def test_a_row_that_a_trigger_drops_in_an_update_is_reported_once(project: Project) -> None:
    project.sql(DROPS)
    words(project, "good")
    project.run()
    words(project, "good", "bad", "fine")
    project.surveyed = False  # a plan cannot know what a trigger will do
    assert counts(project.update(), "words") == {"insert": 1, "keep": 1, "conflicts": 1}
    project.surveyed = True
    assert counts(project.update(), "words") == {"keep": 1}
    assert project.rows("SELECT code FROM words ORDER BY 1") == [("fine",), ("good",)]


def test_a_row_that_a_trigger_does_not_let_go_is_reported_once_and_stays(
    project: Project,
) -> None:
    project.sql("CREATE TABLE words (id serial PRIMARY KEY, code text NOT NULL UNIQUE, name text)")
    words(project, "good", "bad", "fine")
    project.run()
    project.sql(
        "CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF OLD.code = 'bad' THEN RETURN NULL; END IF; RETURN OLD; END $$;"
        "CREATE TRIGGER keeps BEFORE DELETE ON words FOR EACH ROW EXECUTE FUNCTION keep()"
    )
    project.write(
        "words", "table: words\nkey: code\nremoved: delete\nrows: [{code: good, name: x}]\n"
    )
    project.surveyed = False  # a plan cannot know what a trigger will do
    result = project.update()
    assert counts(result, "words") == {"delete": 1, "keep": 1, "conflicts": 1}
    assert [(row.address, row.rule) for row in outcome(result, "words").kept] == [
        ("words/bad", "left_protected")
    ]
    assert project.rows("SELECT code FROM words ORDER BY 1") == [("bad",), ("good",)]
    assert project.rows("SELECT addr FROM seeder.changes") == [("fine",)]
    project.surveyed = True
    assert counts(project.update(), "words") == {}
    project.assert_settled()
