"""The sample shop: its project, copied, and a generator that feeds it."""
