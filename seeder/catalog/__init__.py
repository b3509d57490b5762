"""Files in, Catalog out; no database.

`fingerprint` and `read_project` need the standard library alone; what parses YAML is
imported by the first `load`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from seeder.catalog.project.fingerprints import files_read, fingerprint
from seeder.catalog.project.project import Project, read_project

if TYPE_CHECKING:
    from seeder.merge.model import Catalog

__all__ = ["load", "files_read", "fingerprint", "read_project", "Project"]


def load(
    project: Path, *, environment: str, environ: Mapping[str, str], release: str | None = None
) -> Catalog:
    """Read a project directory; `ConfigurationInvalid` holds every problem in it.

    `release` overrides the one of seeder.toml.
    """
    from seeder.catalog.loader import load_catalog

    return load_catalog(project, environment=environment, environ=environ, release=release)
