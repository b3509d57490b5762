"""Six real releases of the time zone database, with people's edits in between.

Countries and zones change as they really did: names are corrected, zones come, go and are
renamed. What the table must hold is computed beside it, value by value.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from seeder.merge.model import Mode
from tests.support.merge import Project, counts

HERE = Path(__file__).parent
RELEASES = ("2021.5", "2022.1", "2022.7", "2023.4", "2024.2", "2025.2")
RENAMED = {"2022.7": {"Europe/Kiev": "Europe/Kyiv"}}


@dataclass(frozen=True)
class Release:
    countries: dict[str, str]
    """Code to name."""
    zones: dict[str, tuple[str, str, str | None]]
    """Zone to country code, coordinates and comment."""


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Release]:
    directory = tmp_path_factory.mktemp("tzdata")
    return {version: _release(version, directory) for version in RELEASES}


def _release(version: str, directory: Path) -> Release:
    pip = [sys.executable, "-m", "pip"]
    if subprocess.run([*pip, "--version"], capture_output=True).returncode:
        pip = ["pip"]  # an environment made without pip of its own
    subprocess.run(
        [
            *(*pip, "download", "--quiet", "--no-deps", "--require-hashes"),
            *("--dest", directory, "--requirement", HERE / f"tzdata-{version}.txt"),
        ],
        check=True,
        cwd=directory,
    )
    (wheel,) = directory.glob(f"tzdata-{version}-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        countries = _table(archive.read("tzdata/zoneinfo/iso3166.tab"))
        zones = _table(archive.read("tzdata/zoneinfo/zone.tab"))
    return Release(
        countries={code: name for code, name in countries},  # noqa: C416  # rows are lists
        zones={
            row[2]: (row[0], row[1], row[3] if len(row) > 3 and row[3] else None) for row in zones
        },
    )


def _table(content: bytes) -> list[list[str]]:
    lines = content.decode().splitlines()
    return [line.split("\t") for line in lines if line and not line.startswith("#")]


@dataclass
class Expected:
    """A three-way merge in five lines: what was asked before, what people have made of it."""

    asked: dict[tuple[str, str], object] = field(default_factory=dict)
    live: dict[tuple[str, str], object] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def release(self, rows: dict[str, dict[str, object]]) -> None:
        for key, values in rows.items():
            if key in self.deleted:
                continue
            for column, value in values.items():
                at = (key, column)
                before, now = self.asked.get(at), self.live.get(at)
                new_row = at not in self.asked
                if new_row or (before != value and now in (before, value)):
                    self.live[at] = self.asked[at] = value

    def person(self, key: str, column: str, value: object) -> None:
        self.live[key, column] = value

    def person_deletes(self, key: str) -> None:
        self.deleted.add(key)
        self.live = {at: value for at, value in self.live.items() if at[0] != key}

    def rename(self, old: str, new: str) -> None:
        self.live = {(new if key == old else key, c): v for (key, c), v in self.live.items()}
        self.asked = {(new if key == old else key, c): v for (key, c), v in self.asked.items()}

    def rows(self) -> dict[str, dict[str, object]]:
        found: dict[str, dict[str, object]] = {}
        for (key, column), value in self.live.items():
            found.setdefault(key, {})[column] = value
        return found


def write(project: Project, version: str, release: Release) -> None:
    seeds = project.directory / "seeds" / "core"
    seeds.mkdir(parents=True, exist_ok=True)
    with (seeds / "countries.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("code", "name"), *release.countries.items()])
    with (seeds / "zones.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "country_id", "coordinates", "comment"))
        for name, values in release.zones.items():
            writer.writerow((name, *("" if value is None else value for value in values)))
    project.write("countries", "table: countries\nkey: code\nrows_from: countries.csv\n")
    moved = ", ".join(
        f"{{from: {old}, to: {new}}}"
        for since, names in RENAMED.items()
        for old, new in names.items()
        if version >= since
    )
    project.write(
        "zones",
        f"""
        table: zones
        key: name
        columns:
          country_id: {{ref: countries}}
        moved: [{moved}]
        rows_from: zones.csv
        """,
    )
    project.configure(release=version)


SCHEMA = """
CREATE TABLE countries (id serial PRIMARY KEY, code char(2) NOT NULL UNIQUE, name text NOT NULL);
CREATE TABLE zones (
    id serial PRIMARY KEY,
    name text NOT NULL UNIQUE,
    country_id integer NOT NULL REFERENCES countries,
    coordinates text NOT NULL,
    comment text
);
"""


def test_six_releases_of_real_data_arrive_around_what_people_changed(
    project: Project, releases: dict[str, Release]
) -> None:
    project.sql(SCHEMA)
    zones, countries = Expected(), Expected()
    for version in RELEASES:
        release = releases[version]
        write(project, version, release)
        for old, new in RENAMED.get(version, {}).items():
            zones.rename(old, new)
        result = project.run()
        zones.release(
            {
                name: {"country": country, "coordinates": where, "comment": comment}
                for name, (country, where, comment) in release.zones.items()
            }
        )
        countries.release({code: {"name": name} for code, name in release.countries.items()})

        assert result.mode is Mode.UPDATE, version
        assert rows_of_zones(project) == zones.rows(), version
        assert dict(project.rows("SELECT code, name FROM countries")) == {
            code: values["name"] for code, values in countries.rows().items()
        }, version
        project.assert_settled()

        if version == "2021.5":
            assert counts(result, "zones")["insert"] == len(release.zones)
            people_change_things(project, zones, countries)
        reported = [row.address for each in result.sets for row in each.kept]
        # The comment changed upstream in 2023, after it was changed here; told once.
        conflicts = {"2023.4": ["zones/Europe/Berlin"]}
        assert reported == conflicts.get(version, []), version
        if version == "2022.7":
            assert counts(result, "zones")["move"] == 1, "Kiev became Kyiv where it stood"


def people_change_things(project: Project, zones: Expected, countries: Expected) -> None:
    project.sql("UPDATE countries SET name = 'Republic of Türkiye' WHERE code = 'TR'")
    countries.person("TR", "name", "Republic of Türkiye")
    project.sql("UPDATE zones SET comment = 'our head office' WHERE name = 'Europe/Berlin'")
    zones.person("Europe/Berlin", "comment", "our head office")
    for name in ("Antarctica/Vostok", "America/Nipigon", "Pacific/Johnston"):
        project.sql("DELETE FROM zones WHERE name = %s", name)
        zones.person_deletes(name)
    project.sql(
        "INSERT INTO zones (name, country_id, coordinates)"
        " SELECT 'Moon/Tranquility', id, '+0041+02328' FROM countries WHERE code = 'US'"
    )
    for column, value in {"country": "US", "coordinates": "+0041+02328", "comment": None}.items():
        zones.person("Moon/Tranquility", column, value)


def rows_of_zones(project: Project) -> dict[str, dict[str, object]]:
    return {
        name: {"country": country, "coordinates": where, "comment": comment}
        for name, country, where, comment in project.rows(
            "SELECT z.name, c.code, z.coordinates, z.comment"
            " FROM zones z JOIN countries c ON c.id = z.country_id"
        )
    }
