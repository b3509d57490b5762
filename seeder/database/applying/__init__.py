"""One seeding from start to end, in order, in one transaction."""
