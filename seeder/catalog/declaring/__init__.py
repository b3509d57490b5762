"""What a seed set or a task says of itself: keys, columns and values, each checked alone."""
