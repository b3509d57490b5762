"""Text into values that know where they stand: YAML, JSON, CSV, and as much of SQL as is needed."""
