"""Everything that talks to Postgres: plain values in, plain values out."""
