"""What changes nothing: check a catalog, say where a database stands, open a shell on it."""
