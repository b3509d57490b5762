"""Sets that turn out to share a table once the schema is known."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid
from tests.support.merge import Project


def test_two_names_of_one_table_must_agree_on_the_key(project: Project) -> None:
    project.sql("CREATE TABLE tags (id serial PRIMARY KEY, code text UNIQUE, name text UNIQUE)")
    project.write("one", "table: tags\nkey: code\nrows:\n  - {code: a, name: x}\n")
    project.write("two", "table: public.tags\nkey: name\nrows:\n  - {code: b, name: z}\n")
    project.surveyed = False
    with pytest.raises(ConfigurationInvalid) as caught:
        project.update()
    (problem,) = caught.value.problems
    assert problem.file == "seeds/core/two.yaml"
    assert "set one on the same table has code" in str(problem)


def test_two_names_of_one_table_share_its_ledger(project: Project) -> None:
    project.sql("CREATE TABLE tags (id serial PRIMARY KEY, code text UNIQUE, name text)")
    project.write("one", "table: tags\nkey: code\nrows:\n  - {code: a, name: x}\n")
    project.write("two", "table: public.tags\nkey: code\nrows:\n  - {code: b, name: z}\n")
    project.update()
    assert project.rows("SELECT code, name FROM tags ORDER BY 1") == [("a", "x"), ("b", "z")]
    project.assert_settled()
    project.write("two", "table: tags\nkey: code\nremoved: delete\nrows: []\n")
    project.update()
    assert project.rows("SELECT code FROM tags ORDER BY 1") == [("a",)]
    project.assert_settled()
