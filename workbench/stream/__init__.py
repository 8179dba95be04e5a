"""A batch's way from source to commit."""
