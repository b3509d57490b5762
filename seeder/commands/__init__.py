"""One module per command: settings, the job's function, its result, an exit code."""
