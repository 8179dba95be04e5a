"""Columns of sources that declare none: frozen in the catalog once, else told by the first records."""

from __future__ import annotations

from workbench.config import Project
from workbench.engine.sources import open_files_source
from workbench.errors import WorkbenchError
from workbench.language.definitions import Column, ReadFiles
from workbench.store.catalog import Entry
from workbench.store.session import scratch
from workbench.stream.infer import infer_columns, infer_options


class Inference:
    """Infers for one reading of the pipelines; `options` are the format's options of each stream, inferred ones among them."""

    def __init__(self, project: Project, entries: dict[str, Entry]) -> None:
        self.options: dict[str, tuple[tuple[str, str], ...]] = {}
        self._project = project
        self._entries = entries

    def columns(self, source: ReadFiles, name: str) -> tuple[Column, ...] | None:
        """The input's columns, None while there is no record to tell them."""
        frozen = self._entries.get(name.lower())
        if frozen is not None and frozen.input:
            self.options[name] = frozen.options
            return frozen.input
        files = open_files_source(self._project, name, source, source.options, ())
        try:
            sample = files.sample()
            return None if sample is None else self._infer(source, name, *sample)
        except WorkbenchError:
            return None
        finally:
            files.close()

    def _infer(self, source: ReadFiles, name: str, sample: bytes, path: str) -> tuple[Column, ...] | None:
        options = infer_options(sample, source.format, source.options, path)
        session = scratch()
        try:
            columns = infer_columns(session, sample, source.format, options, path)
        finally:
            session.close()
        self.options[name] = options
        return columns or None
