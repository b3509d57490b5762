"""What the live tables look like, and when two values of a column are equal."""
