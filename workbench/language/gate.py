"""The gate of the SQL console: one statement that only reads, or a refusal that says why and where."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import Token, TokenType

from workbench.errors import QueryError, QueryRefused
from workbench.language.functions import SYSTEM_FUNCTIONS, TABLE_FUNCTIONS
from workbench.language.pivots import apart

READING_WORDS = frozenset({"SELECT", "WITH", "FROM", "VALUES", "TABLE", "DESCRIBE", "DESC", "SHOW", "SUMMARIZE", "PIVOT", "UNPIVOT", "("})

WRITING_WORDS = frozenset({
    "INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "TRUNCATE", "UPSERT", "CREATE", "ALTER", "DROP", "COMMENT", "COPY", "EXPORT",
    "IMPORT", "ATTACH", "DETACH", "USE", "INSTALL", "LOAD", "UNLOAD", "FORCE", "SET", "RESET", "PRAGMA", "CALL", "CHECKPOINT", "VACUUM",
    "ANALYZE", "BEGIN", "START", "COMMIT", "ROLLBACK", "ABORT", "END", "PREPARE", "EXECUTE", "DEALLOCATE", "GRANT", "REVOKE", "KILL",
    "REFRESH",
})  # fmt: skip

READS = (exp.Query, exp.Values, exp.Table, exp.Describe, exp.Show, exp.Summarize, exp.Pivot)
"""What a statement, a CTE or a subquery may be."""

NEVER = (exp.DML, exp.Create, exp.Drop, exp.Alter, exp.Command, exp.Into, exp.Set, exp.Pragma, exp.Use, exp.Attach, exp.Detach, exp.Install)
"""What may not stand anywhere inside, whatever holds it."""

INTERNAL = frozenset({"_store", "_system"})

CATALOGS = frozenset({"information_schema", "pg_catalog"})

CATALOG_TABLES = frozenset({
    "sqlite_master", "sqlite_schema", "sqlite_temp_master", "sqlite_temp_schema", "pragma_database_list", "pg_am", "pg_attrdef",
    "pg_attribute", "pg_class", "pg_constraint", "pg_database", "pg_depend", "pg_description", "pg_enum", "pg_index", "pg_indexes",
    "pg_namespace", "pg_prepared_statements", "pg_proc", "pg_sequence", "pg_sequences", "pg_settings", "pg_tables", "pg_tablespace",
    "pg_type", "pg_views",
})  # fmt: skip

_READ_ONLY = "Only CREATE STREAMING TABLE, CREATE MATERIALIZED VIEW, REFRESH and DROP change anything here."
_CATALOG_HINT = "SHOW TABLES lists the tables, DESCRIBE name their columns; `workbench.catalog` has both."
_SPACE = re.compile(r"(?:\s+|--[^\n]*(?:\n|$))*")
_EXPLAIN = re.compile(r"EXPLAIN\b(?:\s+ANALYZE\b)?(?:\s*\(\s*(?:FORMAT|ANALYZE)\b[\w\s,']*\))?", re.IGNORECASE)


def admit(sql: str) -> str:
    """The one statement in `sql`, with its offsets kept: only what follows it is cut off.

    Pure: it touches no database. What it lets through still runs in a read-only transaction of a locked database.

    Raises:
        QueryRefused: more than one statement, or one that does more than read.
        QueryError: it cannot be parsed; unknown syntax is never let through.
    """
    return _Statement(sql, 0).admit()


def body_of(sql: str) -> int:
    """Where the query begins of a statement that was admitted: after EXPLAIN."""
    begin = _skip_space(sql, 0)
    while explain := _EXPLAIN.match(sql, begin):
        begin = _skip_space(sql, explain.end())
    return begin


@dataclass(frozen=True, slots=True)
class _Statement:
    """A text from `begin` on; positions in errors count from the start of the whole text."""

    sql: str
    begin: int

    def admit(self) -> str:
        begin = _skip_space(self.sql, self.begin)
        if explain := _EXPLAIN.match(self.sql, begin):
            return _Statement(self.sql, explain.end()).admit()
        tokens = self._tokens(begin)
        body = [token for token in tokens if token.token_type is not TokenType.SEMICOLON]
        if not body:
            raise QueryError("There is no statement", "Write a SELECT, or FROM and a name.", begin if begin < len(self.sql) else None)
        self._one_statement(tokens, begin)
        self._first_word(body[0], begin)
        self._functions(body, begin)
        end = begin + body[-1].end + 1
        try:
            for tree in self._trees(begin, end, body):
                self._nodes(tree, begin)
        except QueryRefused as refusal:
            if refusal.position is None and (written := _write_in_brackets(body)):
                refusal.position = begin + written.start
            raise
        return self.sql[:end]

    def _tokens(self, begin: int) -> list[Token]:
        text = self.sql[begin:]
        try:
            return sqlglot.tokenize(text, dialect="duckdb")
        except TokenError:
            place = _unclosed(text)
            raise QueryError("A quote or a comment is not closed", "", None if place is None else begin + place) from None

    def _one_statement(self, tokens: list[Token], begin: int) -> None:
        ended = False
        for token in tokens:
            if token.token_type is TokenType.SEMICOLON:
                ended = True
            elif ended:
                raise QueryRefused("There is more than one statement", "Run them one at a time.", begin + token.start)

    def _first_word(self, token: Token, begin: int) -> None:
        word = token.text.upper()
        at = begin + token.start
        if word in WRITING_WORDS:
            raise _refused_word(word, at)
        if word not in READING_WORDS:
            raise QueryError(f"{token.text!r} does not begin a statement", "Begin with SELECT, FROM, WITH, SHOW or DESCRIBE.", at)

    def _functions(self, tokens: list[Token], begin: int) -> None:
        for token, following in pairwise(tokens):
            name = token.text.lower()
            if following.token_type is TokenType.L_PAREN and token.token_type is not TokenType.STRING and _reaches_system(name):
                raise QueryRefused(
                    f"{name}() reaches past the data", "The console reads tables and files of the project.", begin + token.start
                )

    def _trees(self, begin: int, end: int, tokens: list[Token]) -> list[exp.Expr]:
        """The statement, and the ends of the PIVOTs in it, which the parser does not know, each as the end of a query."""
        if tokens[0].text.upper() == "SHOW":
            return [self._show(tokens, begin)]
        return [self._tree(text, begin, tokens) for text in apart(self.sql[begin:end], tokens)]

    def _tree(self, text: str, begin: int, tokens: list[Token]) -> exp.Expr:
        try:
            # The context before the error is then the whole text, so its length is the position.
            trees = sqlglot.parse(text, dialect="duckdb", error_message_context=len(text))
        except ParseError as error:
            if written := _write_in_brackets(tokens):
                raise _refused_word(written.text.upper(), begin + written.start) from None
            first = error.errors[0]
            raise QueryError(_syntax_error(first), "", begin + len(first["start_context"])) from None
        except RecursionError:
            raise QueryRefused("The statement is nested too deeply to be judged", "Split it with WITH.") from None
        statements = [tree for tree in trees if tree is not None and not isinstance(tree, exp.Semicolon)]
        if len(statements) != 1:
            raise QueryRefused("There is more than one statement", "Run them one at a time.")
        return statements[0]

    def _show(self, tokens: list[Token], begin: int) -> exp.Expr:
        """SHOW TABLES, SHOW TABLES FROM schema, SHOW name: the other forms list what is internal."""
        words = [token.text.upper() for token in tokens]
        if words[1:] == ["TABLES"] or (words[1:3] == ["TABLES", "FROM"] and len(words) == 4):
            return exp.Show(this="TABLES", db=exp.to_identifier(tokens[3].text) if len(words) == 4 else None)
        if words[1:2] in (["ALL"], ["DATABASES"], ["SCHEMAS"]):
            raise QueryRefused(f"{' '.join(words)} would list internal tables", _CATALOG_HINT, begin + tokens[0].start)
        parts = [token.text for token in tokens[1:]]
        if len(parts) not in (1, 3, 5) or any(dot != "." for dot in parts[1::2]):
            raise QueryError("SHOW is followed by TABLES or by the name of a table", _CATALOG_HINT, begin + tokens[0].start)
        name, schema, catalog = [*(exp.to_identifier(part) for part in reversed(parts[::2])), None, None][:3]
        return exp.Describe(this=exp.Table(this=name, db=schema, catalog=catalog))

    def _nodes(self, tree: exp.Expr, begin: int) -> None:
        _read_only(tree)
        for node in tree.walk():
            if isinstance(node, NEVER):
                raise _refused_word(node.key.upper(), None)
            if isinstance(node, exp.CTE | exp.Subquery | exp.Describe | exp.Summarize):
                _read_only(node.this)
            elif isinstance(node, exp.Identifier):
                _public(node, begin)
            if isinstance(node, exp.Table):
                _table(node, begin)
            elif isinstance(node, exp.Lateral):
                _table_function(node.this)


def _read_only(tree: exp.Expr | None) -> None:
    if not isinstance(tree, READS):
        kind = type(tree).__name__.upper()
        raise _refused_word(kind, None) if isinstance(tree, NEVER) else QueryRefused(f"{kind} is not known to be a query", _READ_ONLY)


def _public(name: exp.Identifier, begin: int) -> None:
    if name.name.lower() in INTERNAL:
        hint = (
            "Read the table by its own name, without a schema."
            if name.name.lower() == "_store"
            else "Read it as `workbench.` and its name."
        )
        raise QueryRefused(f"{name.name} is internal", hint, _place(name, begin))


def _table(table: exp.Table, begin: int) -> None:
    if table.db.lower() in CATALOGS or (table.name.lower() in CATALOG_TABLES and not table.db):
        raise QueryRefused(f"{table.db or table.name} would list internal tables", _CATALOG_HINT, _place(table.parts[0], begin))
    _table_function(table.this)


def _table_function(node: exp.Expr) -> None:
    if not isinstance(node, exp.Func):
        return
    names = {node.name.lower()} if isinstance(node, exp.Anonymous) else {name.lower() for name in node.sql_names()}
    if not names & TABLE_FUNCTIONS:
        raise QueryRefused(
            f"{min(names)}() is not known as a table function that only reads", "Files are read with read_csv, read_json, read_parquet."
        )


def _reaches_system(name: str) -> bool:
    return name in SYSTEM_FUNCTIONS or name.startswith(("duckdb_", "pragma_"))


def _refused_word(word: str, position: int | None) -> QueryRefused:
    hint = _READ_ONLY
    if word == "COPY" or word == "EXPORT":
        hint = 'To write a result to a file: workbench sql "SELECT …" --format parquet --output FILE'
    elif word in {"INSERT", "UPDATE", "DELETE", "MERGE"}:
        hint = "Rows come from the pipelines; change a rule or a SELECT there and REFRESH."
    elif word in {"SET", "RESET", "PRAGMA"}:
        hint = "Settings live in workbench.toml."
    return QueryRefused(f"{word} is refused: the console only reads", hint, position)


def _write_in_brackets(tokens: list[Token]) -> Token | None:
    for bracket, token in pairwise(tokens):
        if bracket.token_type is TokenType.L_PAREN and token.token_type is not TokenType.STRING and token.text.upper() in WRITING_WORDS:
            return token
    return None


def _syntax_error(error: dict[str, Any]) -> str:
    """sqlglot's description without its class names."""
    near = f"at or near {error['highlight']!r}"
    description = str(error["description"])
    if description.startswith("Expecting"):
        return f"Syntax error {near}: {description[0].lower()}{description[1:]}"
    if description.startswith("Required keyword"):
        return f"Syntax error: something is missing {near}"
    return f"Syntax error {near}"


def _place(node: exp.Expr, begin: int) -> int | None:
    start = node.meta.get("start")
    return None if start is None else begin + int(start)


def _skip_space(sql: str, begin: int) -> int:
    """Past white space and comments; a comment that is not closed is left for the tokenizer to complain about."""
    while True:
        found = _SPACE.match(sql, begin)
        begin = found.end() if found else begin
        if not sql.startswith("/*", begin):
            return begin
        close = sql.find("*/", begin + 2)
        if close < 0 or "/*" in sql[begin + 2 : close]:
            return begin
        begin = close + 2


def _unclosed(text: str) -> int | None:
    """Where the quote or comment begins that is never closed: the last opening before which all is well."""
    for found in reversed(list(re.finditer(r"'|\"|\$\w*\$|/\*", text))[-100:]):
        try:
            sqlglot.tokenize(text[: found.start()], dialect="duckdb")
        except TokenError:
            continue
        return found.start()
    return None
