"""One module per command: settings, the job's function, its result, an exit code.

Every invocation imports its command's module, so what only the work needs is imported in the
function, once the settings are known to be right.
"""
