"""The schema is brought to the revision of this image."""
