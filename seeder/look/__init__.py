"""What changes nothing: check a catalog, say where a database stands, open a shell on it."""

from seeder.look.check import check
from seeder.look.conflicts import conflicts
from seeder.look.ready import ready
from seeder.look.status import status

__all__ = ["check", "status", "conflicts", "ready"]
