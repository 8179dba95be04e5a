"""A place in a run of tokens, from which the statement parser reads on."""

from __future__ import annotations

from workbench.errors import PipelineError
from workbench.language.tokens import Text, Token, closing


class Cursor:
    """Reads the tokens of one statement in order.

    Raises:
        PipelineError: from every `take_…` that does not find what it is for, at the place where it should be.
    """

    def __init__(self, text: Text, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0

    @property
    def rest(self) -> list[Token]:
        return self.tokens[self.at :]

    @property
    def here(self) -> Token:
        """The next token; at the end, the last one."""
        return self.tokens[min(self.at, len(self.tokens) - 1)]

    @property
    def ended(self) -> bool:
        return self.at >= len(self.tokens)

    def see(self, *words: str) -> bool:
        """Whether these words come next."""
        rest = self.tokens[self.at : self.at + len(words)]
        return len(rest) == len(words) and all(token.word(word) for token, word in zip(rest, words, strict=True))

    def accept(self, *words: str) -> bool:
        """Go past these words if they come next."""
        if not self.see(*words):
            return False
        self.at += len(words)
        return True

    def fail(self, message: str, hint: str = "") -> PipelineError:
        """A mistake here; at the end of the statement, right after its last token."""
        if not self.ended:
            return self.text.mistake(self.here, message, hint)
        stop = self.tokens[-1].stop
        return PipelineError((self.text.problem(stop, stop + 1, message, hint),))

    def take_name(self, what: str, example: str) -> Token:
        """A name of one part; a schema `main.` before it does not count."""
        if self.ended or not self.here.names:
            found = "the statement ends" if self.ended else f"{self.here.sql} cannot be a name"
            raise self.fail(f"expected the name of the {what}: {found}", f"Write {example}; quote an unusual name with double quotes.")
        token = self.here
        self.at += 1
        if self.rest and self.here.symbol("."):
            if token.text.lower() != "main":
                raise self.text.mistake(token, f"a {what} has a name of one part", f"Write {example}.")
            self.at += 1
            return self.take_name(what, example)
        return token

    def take_text(self, after: str) -> str:
        if self.ended or self.here.kind != "string":
            raise self.fail(f"{after} needs a text in single quotes", f"Write {after} 'what it is'.")
        self.at += 1
        return self.tokens[self.at - 1].text

    def take_brackets(self) -> tuple[list[Token], Token]:
        """The tokens inside the brackets that open here, and the closing bracket."""
        end = closing(self.tokens, self.at)
        if end == len(self.tokens):
            raise self.fail("this bracket is never closed", "Close it with ).")
        inside = self.tokens[self.at + 1 : end]
        self.at = end + 1
        return inside, self.tokens[end]
