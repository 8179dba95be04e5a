"""Files: found, recognised whatever they are called, followed and read."""
