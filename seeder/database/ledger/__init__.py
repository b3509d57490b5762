"""What is known: runs, releases, and what was last applied to each row."""
