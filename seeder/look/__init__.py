"""What changes nothing: check a catalog, wait for a database, say where it stands."""

from seeder.look.check import check
from seeder.look.conflicts import conflicts
from seeder.look.ready import ready
from seeder.look.status import status
from seeder.look.wait import wait

__all__ = ["check", "wait", "status", "conflicts", "ready"]
