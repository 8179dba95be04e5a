"""A data engineer's terminal: streams, jobs, failures and SQL on one screen."""

__version__ = "0.1.0"
