"""Sets of a first launch that go to the server many at a time: each counts and fails by itself."""

from __future__ import annotations

import pytest

from seeder.errors import ConfigurationInvalid, SeedingFailed
from tests.support.merge import Project, counts, outcome

AREAS = "CREATE TABLE areas (id serial PRIMARY KEY, code text NOT NULL UNIQUE)"
TOWNS = (
    "CREATE TABLE towns (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
    " size int CHECK (size < 9), area_id int REFERENCES areas)"
)
STREETS = (
    "CREATE TABLE streets (id serial PRIMARY KEY, code text NOT NULL UNIQUE,"
    " town_id int NOT NULL REFERENCES towns)"
)


def seed(project: Project, *, size: object = 3) -> None:
    project.write("areas", "table: areas\nkey: code\nrows: [{code: north}, {code: south}]\n")
    project.write(
        "towns",
        "table: towns\nkey: code\ncolumns: {area_id: {ref: areas}}\nrows:\n"
        "  - {code: first, size: 1, area_id: south}\n"
        f"  - {{code: second, size: {size}, area_id: north}}\n",
    )
    project.write(
        "streets",
        "table: streets\nkey: code\ncolumns: {town_id: {ref: towns}}\n"
        "rows: [{code: high, town_id: second}]\n",
    )


def seeded(project: Project) -> list[tuple[object, ...]]:
    return project.rows(
        "SELECT s.code, t.code, t.size, a.code FROM areas a LEFT JOIN towns t ON t.area_id = a.id"
        " LEFT JOIN streets s ON s.town_id = t.id ORDER BY a.code"
    )


def test_sets_refer_to_rows_that_went_with_them(project: Project) -> None:
    project.sql(f"{AREAS}; {TOWNS}; {STREETS}")
    seed(project)
    result = project.run()
    assert {each.name: each.counts for each in result.sets} == {
        "areas": {"insert": 2},
        "towns": {"insert": 2},
        "streets": {"insert": 1},
    }
    assert seeded(project) == [("high", "second", 3, "north"), (None, "first", 1, "south")]
    project.assert_settled()


def test_a_rejected_row_among_them_is_named_and_no_set_is_seeded(project: Project) -> None:
    project.sql(f"{AREAS}; {TOWNS}; {STREETS}")
    seed(project, size=9)
    with pytest.raises(SeedingFailed, match="towns/second was rejected by") as caught:
        project.run()
    (problem,) = caught.value.problems
    assert (problem.file, problem.line) == ("seeds/core/towns.yaml", 6)
    assert seeded(project) == []
    seed(project)
    assert project.run().counts == {"insert": 5}
    project.assert_settled()


def test_values_that_do_not_fit_are_named_in_all_sets_at_once(project: Project) -> None:
    project.sql(f"{AREAS}; {TOWNS}; {STREETS.replace('code text', 'code int')}")
    seed(project, size="many")
    with pytest.raises(ConfigurationInvalid) as caught:
        project.run()
    assert {each.address for each in caught.value.problems} == {"towns/second", "streets/high"}
    assert seeded(project) == []


def test_a_row_without_the_row_it_refers_to_is_skipped_and_so_is_what_refers_to_it(
    project: Project,
) -> None:
    project.sql(f"{AREAS}; {TOWNS}; {STREETS}; INSERT INTO areas (code) VALUES ('south')")
    seed(project)
    project.remove("areas")
    towns = project.directory / "seeds/core/towns.yaml"
    towns.write_text(towns.read_text().replace("{ref: areas}", "{ref: {table: areas, key: code}}"))
    result = project.run()
    assert counts(result, "towns") == {"insert": 1, "skip": 1}
    assert counts(result, "streets") == {"skip": 1}
    assert [each.address for each in outcome(result, "towns").kept] == ["towns/second"]
    assert [each.address for each in outcome(result, "streets").kept] == ["streets/high"]
    assert seeded(project) == [(None, "first", 1, "south")]
