"""What helps to write seed files: JSON Schemas for editors, and sets written as YAML."""
