"""What a text of the language means, where the test knows that there is no mistake in it."""

from __future__ import annotations

from collections.abc import Mapping

from workbench.language.definitions import Graph, Statement
from workbench.language.project import load
from workbench.language.script import parse_script


def graph_of(files: Mapping[str, str]) -> Graph:
    """The definitions of these texts (name → text)."""
    loaded = load(files)
    assert loaded.problems == ()
    return loaded.graph


def parse_statement(text: str) -> Statement:
    """The one statement of a text."""
    (found,) = parse_script(text)
    return found
