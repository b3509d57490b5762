"""A Django application with the one model."""
