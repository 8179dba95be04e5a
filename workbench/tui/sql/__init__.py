"""The SQL pane's working parts: statements, tabs, runs, changes, history."""
