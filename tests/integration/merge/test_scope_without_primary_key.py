"""Tables without a primary key, where the key alone may not tell a customer's row apart."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from tests.support.merge import Project

TABLE = "CREATE TABLE labels (org int, code text NOT NULL, name text, gone_at timestamptz);"


def refused(project: Project, head: str) -> str:
    """Seed a set that must be refused before anything is written; returns the problem."""
    project.write("labels", f"table: labels\n{head}rows: [{{code: a, name: New}}]\n")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.update()
    assert project.rows("SELECT org, code, name FROM labels") == [(7, "a", "of a customer")]
    (problem,) = caught.value.problems
    return problem.message


@pytest.mark.parametrize(
    ("index", "head"),
    [
        ("(code) WHERE org IS NULL", "key: code\nscope: {org: null}\n"),
        ("(org, code)", "key: code\nscope: {org: 1}\n"),
        ("(org, code)", "key: [org, code]\nscope: {org: 1}\n"),
        ("(code) WHERE gone_at IS NULL", "key: code\ndeleted: gone_at\n"),
    ],
)
def test_a_key_that_does_not_tell_rows_apart_in_the_whole_table_needs_a_primary_key(
    project: Project, index: str, head: str
) -> None:
    project.sql(f"{TABLE} CREATE UNIQUE INDEX ON labels {index}")
    project.sql("INSERT INTO labels VALUES (7, 'a', 'of a customer')")
    assert "labels has no primary key, and the key code alone" in refused(project, head)
