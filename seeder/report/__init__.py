"""What a run or a plan says to people and to machines: text, JSON, termination message."""
