"""Files in, Catalog out; no database."""
