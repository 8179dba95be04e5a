"""The commands: each opens the rooms that it needs, when it runs."""
