"""The one connection: found, waited for, opened, set up, locked, and its errors read."""
