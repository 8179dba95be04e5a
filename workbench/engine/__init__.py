"""The running whole."""
