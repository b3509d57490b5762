"""The desired rows, in temporary tables beside what the ledger knows of them."""
