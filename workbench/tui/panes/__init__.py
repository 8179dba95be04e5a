"""Panes of several widgets, and the keys that they share."""
