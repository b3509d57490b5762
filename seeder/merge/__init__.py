"""What is desired, and the rules by which it meets what is live.

Pure: no I/O, no clock, no environment. Everything here can be tested with values alone.
"""
