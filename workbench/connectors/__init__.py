"""The outside world: bytes in."""
