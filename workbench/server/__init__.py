"""The engine's HTTP API on a unix socket."""
