"""One file a pane or bar."""
