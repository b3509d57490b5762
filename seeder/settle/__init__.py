"""Commands that look back and settle things: one module each, beside the job.

All that write take the advisory lock, do their work in one transaction and record it as a
run of the ledger.
"""
