"""Declarations and rows into seed sets, and what can only be checked across them."""
