"""What is received is written down before anything else, and read from there."""
