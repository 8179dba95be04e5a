"""Columns of sources that declare none: frozen in the catalog once, else told by the first records."""

from __future__ import annotations

from workbench.engine.sources import Sources
from workbench.errors import WorkbenchError
from workbench.language.definitions import Column, ReadFiles, ReadRate, SourceSpec
from workbench.store.catalog import Entry
from workbench.store.session import scratch
from workbench.stream.infer import infer_columns, infer_options

TEXT = (Column("value", "VARCHAR"),)
"""Of lines that are not taken apart, which no record has to tell."""


class Inference:
    """Infers for one reading of the pipelines; `options` are the format's options of each flow, inferred ones among them."""

    def __init__(self, sources: Sources, entries: dict[str, Entry]) -> None:
        self.options: dict[str, tuple[tuple[str, str], ...]] = {}
        self._sources = sources
        self._entries = entries

    def columns(self, source: SourceSpec, name: str) -> tuple[Column, ...] | None:
        """The input's columns, None while there is no record to tell them."""
        if isinstance(source, ReadRate):
            return source.schema
        frozen = self._entries.get(name.lower())
        if frozen is not None and frozen.input:
            self.options[name] = frozen.options
            return frozen.input
        if source.format == "text" and not isinstance(source, ReadFiles):
            return TEXT
        try:
            sample = self._sources.sample(name, source)
            if sample is None:
                return None
            data, path = sample
            options = infer_options(data, source.format, source.options, path)
            session = scratch()
            try:
                columns = infer_columns(session, data, source.format, options, path)
            finally:
                session.close()
        except WorkbenchError as error:
            self._sources.unread[name] = (str(error),)
            return None
        self.options[name] = options
        return columns or None
