"""The ledger's own tables: opened, whose they are, and kept small."""
