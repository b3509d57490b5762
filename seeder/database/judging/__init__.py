"""Decides what is to be done with each row, without writing to any live table."""
