"""The command `run`: the pipelines without a screen, for good or once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.cli.arguments import Arguments
from workbench.cli.inputs import input_project, say_where
from workbench.cli.output import Output
from workbench.cli.piped import piped_input
from workbench.cli.process import take_handles
from workbench.cli.project import project_of
from workbench.cli.visit import undisturbed
from workbench.config import Project, Settings
from workbench.errors import FlowError, PipelineError
from workbench.language.definitions import Graph, InsertFlow, ReadFiles, ReadStdin, StreamingTable

if TYPE_CHECKING:
    from workbench.store.commit import Counts

AGAIN = "; it is tried again"
"""What an engine that goes on says of a file that cannot be read."""


def run(arguments: Arguments, out: Output) -> int:
    """Run the pipelines without a screen: for good, or once over what is there."""
    project, settings = _run_project(arguments, out)
    if not arguments.once:
        from workbench.cli.engine import serve

        return serve(project, settings, out)
    from workbench.engine.engine import Engine

    take_handles()
    with undisturbed(project):
        engine = Engine(project, settings, input=piped_input(), watch=False)
        engine.start()
    try:
        summary = engine.run_once()
    finally:
        engine.stop()
    headed = _headed(engine.graph)
    for name, counts in summary.counts.items():
        out.note(f"{name}: {_fates(counts, name in headed)}")
    for name, found in summary.unended.items():
        (where, size), *others = found.items()
        more = f" (and {len(others):,} more such files)" if others else ""
        place = "" if where == name else f" of {where}"
        last = "last byte" if size == 1 else f"last {size:,} bytes"
        out.note(f"{name}: the {last}{place} {'has' if size == 1 else 'have'} no newline yet, and must wait for it{more}")
    for name, why in (*summary.waiting.items(), *summary.failed.items()):
        out.note(f"{name}: {why}")
    for name, sentences in summary.passed_over.items():
        more = f" (and {len(sentences) - 1:,} more)" if len(sentences) > 1 else ""
        out.note(f"{name}: {sentences[0]}{more}")
    for name, sentences in summary.unread.items():
        for sentence in sentences:
            if sentence != summary.waiting.get(name):
                out.note(f"{name}: {sentence.removesuffix(AGAIN)}")
    if arguments.inputs:
        say_where(project, arguments.inputs, out)
    if summary.problems:
        raise PipelineError(summary.problems)
    return FlowError.exit_code if summary.failed or summary.unread else 0


def _fates(counts: Counts, headed: bool) -> str:
    """What became of the records; what is said adds up."""
    blank = "blank (headers among them)" if headed else "blank"
    more = {"filtered": counts.filtered, blank: counts.blank, "added by joins or unnest": counts.multiplied}
    said = "".join(f", {number:,} {what}" for what, number in more.items() if number)
    return f"{counts.rows_in:,} in, {counts.accepted:,} accepted, {counts.rejected:,} rejected{said}"


def _headed(graph: Graph) -> set[str]:
    """Streaming tables that get CSV with headers, which are counted as blank lines are."""
    found = set()
    for definition in graph.definitions:
        source = definition.source if isinstance(definition, StreamingTable | InsertFlow) else None
        if isinstance(source, ReadFiles | ReadStdin) and source.format == "csv" and dict(source.options).get("header", "true") == "true":
            found.add(definition.table if isinstance(definition, InsertFlow) else definition.name)
    return found


def _run_project(arguments: Arguments, out: Output) -> tuple[Project, Settings]:
    """The project to run; the folder of one that is made for its inputs is printed, for scripts that ask it afterwards."""
    if not arguments.inputs:
        return project_of(arguments)
    project, settings = input_project(arguments, arguments.inputs)
    out.line(str(project.root))
    out.stdout.flush()
    return project, settings
