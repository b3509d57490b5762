"""A project directory under construction, and what loading it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from seeder.catalog.loader import load
from seeder.errors import ConfigurationInvalid
from seeder.merge.model import Catalog, SeedSet


@dataclass(frozen=True)
class ProjectUnderTest:
    root: Path

    def write(self, files: Mapping[str, str | bytes]) -> ProjectUnderTest:
        for name, content in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                path.write_text(content, encoding="utf-8")
        return self

    def core(self, **sets: str) -> ProjectUnderTest:
        return self.write({f"seeds/core/{name}.yaml": text for name, text in sets.items()})

    def load(
        self,
        environment: str = "production",
        environ: Mapping[str, str] | None = None,
    ) -> Catalog:
        return load(self.root, environment=environment, environ=environ or {})

    def set(self, name: str, environment: str = "production", **environ: str) -> SeedSet:
        loaded = self.load(environment, environ)
        return next(each for each in loaded.sets if each.name == name)

    def keys(self, name: str, environment: str = "production", **environ: str) -> list[str]:
        return [row.key for row in self.set(name, environment, **environ).rows]

    def problems(
        self, environment: str = "production", environ: Mapping[str, str] | None = None
    ) -> list[str]:
        with pytest.raises(ConfigurationInvalid) as caught:
            self.load(environment, environ)
        assert caught.value.exit_code == 10
        return [str(problem).replace("seeds/core/", "") for problem in caught.value.problems]

    def problem(
        self, environment: str = "production", environ: Mapping[str, str] | None = None
    ) -> str:
        found = self.problems(environment, environ)
        assert len(found) == 1, found
        return found[0]


@pytest.fixture
def project(tmp_path: Path) -> ProjectUnderTest:
    return ProjectUnderTest(tmp_path).write({"seeder.toml": 'identity = "t"\n'})


@pytest.fixture
def rows_of(project: ProjectUnderTest):
    """Load one set `t` whose rows are given as YAML; rows as dictionaries."""

    def load(text: str, *, head: str = "table: t\nkey: k\n") -> list[dict[str, object]]:
        seed_set = project.core(t=f"{head}rows:\n{text}").set("t")
        names = [column.name for column in seed_set.columns]
        return [dict(zip(names, row.values, strict=True)) for row in seed_set.rows]

    return load
