"""What is piped in."""
