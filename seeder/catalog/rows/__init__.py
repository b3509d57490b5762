"""Rows as they are written in files, held in memory or read a block at a time."""
