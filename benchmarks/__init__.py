"""How fast seeder is beside the ways people seed without it: `make bench`."""
