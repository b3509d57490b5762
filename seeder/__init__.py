"""seeder: a one-shot release job for Postgres."""

__version__ = "0.1.0"
