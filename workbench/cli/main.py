"""From arguments to an exit code: 0 ok, 1 the pipelines or a query have errors, 2 wrong usage, 3 a flow or the engine failed."""

from __future__ import annotations

import codecs
import errno
import importlib
import io
import os
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn, cast

from workbench.cli.arguments import Arguments, parse
from workbench.cli.garbage import put_off
from workbench.cli.output import Output
from workbench.errors import DiskFull, WorkbenchError

INTERRUPTED = 130
"""What a shell expects of a program that Ctrl-C ended."""

SPELLED = "spelled"
"""How letters are written that standard output has not; what goes into a pipe or a file is UTF-8."""

Command = Callable[[Arguments, Output], int]


def program() -> NoReturn:
    """The whole process. It ends at once: to take apart all that was imported would take Python another 0.1 s."""
    code = main()
    for thread in threading.enumerate():
        if not thread.daemon and thread is not threading.current_thread():
            thread.join()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    put_off()
    _open_closed()
    # Nothing here multiplies matrices: numpy's threads for that would only cost their start.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    arguments = parse(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors=SPELLED)
    out = Output(sys.stdout, sys.stderr)
    try:
        code = _command(arguments.run)(arguments, out)
        sys.stdout.flush()
    except WorkbenchError as error:
        out.error(error)
        return error.exit_code
    except BrokenPipeError:
        # The reader (head, less) has had enough. What is left in the buffer must not raise again at exit.
        _discard_rest()
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        _discard_rest()
        full = DiskFull(f"The disk is full: {error.strerror}", "Free some room and run it again; what is printed so far is not all.")
        out.error(full)
        return full.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    """A path that is no UTF-8 is printed as it is; what a terminal has no letters for is written out."""
    if isinstance(error, UnicodeEncodeError):
        error.end = error.start + 1  # of a run of such letters each for itself
    try:
        return codecs.lookup_error("surrogateescape")(error)
    except UnicodeError:
        return codecs.lookup_error("backslashreplace")(error)


codecs.register_error(SPELLED, _spelled)


def _open_closed() -> None:
    """What was closed by the caller (`>&-`) goes nowhere; the next file to be opened would get its number, and what is printed."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)
                os.close(nothing)
        setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _discard_rest() -> None:
    """What is still buffered goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _command(path: str) -> Command:
    """The function behind `module:function`; its room is opened here, so that a command pays for no other."""
    module, _, name = path.partition(":")
    return cast("Command", getattr(importlib.import_module(f"workbench.cli.{module}"), name))
