"""What is piped into a command, and the keyboard of a command into which something is piped."""

from __future__ import annotations

import os
import stat

from workbench.errors import UsageError

STDIN = 0
TERMINAL = "/dev/tty"


def piped_input() -> int | None:
    """The descriptor of what is piped in (or redirected from a file); None when nothing is."""
    try:
        mode = os.fstat(STDIN).st_mode
    except OSError:
        return None
    return STDIN if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or stat.S_ISREG(mode) else None


def take_keyboard() -> int:
    """Let standard input be the terminal's keyboard again; gives the descriptor of what was piped in.

    Raises:
        UsageError: there is no terminal.
    """
    try:
        keyboard = os.open(TERMINAL, os.O_RDWR)
    except OSError:
        raise no_terminal() from None
    found = os.dup(STDIN)
    os.dup2(keyboard, STDIN)
    os.close(keyboard)
    return found


def no_terminal() -> UsageError:
    return UsageError(
        "There is no terminal here for the screen",
        "`workbench run` runs the pipelines without one; `workbench sql` and `status` ask.",
    )
