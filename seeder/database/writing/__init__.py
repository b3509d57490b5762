"""Rows and their record: one statement per action and set."""
