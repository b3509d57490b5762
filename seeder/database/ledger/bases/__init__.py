"""What was last applied to each row: a table of the ledger per target table."""
