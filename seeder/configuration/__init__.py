"""What a command is told: flags, variables, and where the project lies."""
