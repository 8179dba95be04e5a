"""read_stdin(format => …, …): its options, checked."""

from __future__ import annotations

from workbench.language.definitions import ReadStdin
from workbench.language.options import Options
from workbench.language.tokens import Text, Token, split

_KNOWN = ("format", "schema", "idle_timeout", "csv")


def read_stdin(text: Text, name: Token, inside: list[Token]) -> ReadStdin:
    """The source that the arguments describe.

    Raises:
        PipelineError: every wrong argument at once.
    """
    options = Options(text, name, split(inside), _KNOWN)
    source = ReadStdin(options.format("json", streamed=True), options.schema(), options.csv(), options.seconds("idle_timeout"))
    options.finish()
    return source
