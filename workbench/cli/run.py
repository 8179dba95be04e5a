"""The command `run`: the pipelines without a screen, for good or once."""

from __future__ import annotations

from workbench.cli.arguments import Arguments
from workbench.cli.inputs import input_project, say_where
from workbench.cli.output import Output
from workbench.cli.piped import piped_input
from workbench.cli.project import project_of
from workbench.config import Project, Settings
from workbench.errors import FlowError, PipelineError


def run(arguments: Arguments, out: Output) -> int:
    """Run the pipelines without a screen: for good, or once over what is there."""
    project, settings = _run_project(arguments, out)
    if not arguments.once:
        from workbench.cli.engine import serve

        return serve(project, settings, out)
    from workbench.engine.engine import Engine

    engine = Engine(project, settings, input=piped_input(), watch=False)
    engine.start()
    try:
        summary = engine.run_once()
    finally:
        engine.stop()
    for name, counts in summary.counts.items():
        filtered = f", {counts.filtered:,} filtered" if counts.filtered else ""
        out.note(f"{name}: {counts.rows_in:,} in, {counts.accepted:,} accepted, {counts.rejected:,} rejected{filtered}")
    for name, size in summary.unended.items():
        out.note(f"{name}: the last {size:,} bytes have no newline yet; they wait for it")
    for name, why in (*summary.waiting.items(), *summary.failed.items()):
        out.note(f"{name}: {why}")
    if arguments.inputs:
        say_where(project, arguments.inputs, out)
    if summary.problems:
        raise PipelineError(summary.problems)
    return FlowError.exit_code if summary.failed else 0


def _run_project(arguments: Arguments, out: Output) -> tuple[Project, Settings]:
    """The project to run; the folder of one that is made for its inputs is printed, for scripts that ask it afterwards."""
    if not arguments.inputs:
        return project_of(arguments)
    project, settings = input_project(arguments, arguments.inputs)
    out.line(str(project.root))
    out.stdout.flush()
    return project, settings
