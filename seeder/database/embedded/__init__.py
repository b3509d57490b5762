"""A real Postgres from a wheel, for a machine that has none."""
