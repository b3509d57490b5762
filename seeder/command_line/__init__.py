"""The command line around the commands: flags, one invocation, what is printed and completed."""
