"""What a run has to know of earlier ones, and what people asked it for."""
