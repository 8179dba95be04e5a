"""Refreshes of materialized views as runs."""
