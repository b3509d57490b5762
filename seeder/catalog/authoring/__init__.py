"""What helps to write seed files: sets written as YAML."""
