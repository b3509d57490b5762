"""Files in, Catalog out; no database.

What is here needs the standard library alone; what parses YAML comes with `loader`.
"""

from __future__ import annotations

from seeder.catalog.project.fingerprints import files_read, fingerprint
from seeder.catalog.project.project import Project, read_project

__all__ = ["files_read", "fingerprint", "read_project", "Project"]
