"""read_socket(url, mode => …, framing => …, …): its url and options, checked."""

from __future__ import annotations

import ipaddress
import os
import re
from typing import Literal

from workbench.batch import MAX_LINE
from workbench.errors import PipelineError
from workbench.language.definitions import ReadSocket
from workbench.language.options import Options
from workbench.language.tokens import Text, Token, split

LOCALHOST = "localhost"
"""Where a socket listens when no host is given: nobody outside this machine can send."""
MAX_PATH = 107
"""Bytes of a unix socket's path."""

_KNOWN = ("mode", "framing", "format", "schema", "max_line", "spool", "idle_timeout", "csv")
_SCHEMES = ("tcp", "udp", "unix", "unixgram")
_DATAGRAMS = ("udp", "unixgram")
_EXAMPLE = "Write tcp://localhost:5140, udp://localhost:5140, unix:///run/app.sock or unixgram:///run/app.sock."
_OTHERS = {
    "http": "A socket carries plain records: let the sender write lines to tcp://localhost:5140.",
    "https": "A socket carries plain records: let the sender write lines to tcp://localhost:5140.",
    "tls": "Let stunnel or socat take off the encryption, and read tcp://localhost:5140.",
    "ssl": "Let stunnel or socat take off the encryption, and read tcp://localhost:5140.",
    "file": "Files are read by read_files('in/*.ndjson').",
    "stdin": "Standard input is read by read_stdin().",
    "syslog": "Write udp://localhost:5140, or tcp://localhost:5140 with framing => 'octet', and format => 'text'.",
    "unixpacket": "Write unix:///path (a stream) or unixgram:///path (datagrams).",
    "unix-dgram": "Write unixgram:///path.",
}
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?")
LEAST_SPOOL = 1_000_000
LEAST_LINE = 64


def read_socket(text: Text, name: Token, inside: list[Token]) -> ReadSocket:
    """The source that the arguments describe.

    Raises:
        PipelineError: every wrong argument at once.
    """
    parts = split(inside)
    if not parts or len(parts[0]) != 1 or parts[0][0].kind != "string":
        raise text.mistake(name, "read_socket needs an address first", "Write read_socket('tcp://localhost:5140', format => 'json').")
    address = parts[0][0]
    options = Options(text, name, parts[1:], _KNOWN)
    mode: Literal["listen", "connect"] = "connect" if options.one_of("mode", ("listen", "connect"), _MODES) == "connect" else "listen"
    try:
        url = socket_url(text, address, mode)
    except PipelineError as error:
        options.problems += error.problems
        url = ""
    format = options.format("json", streamed=True)
    source = ReadSocket(
        url,
        format,
        mode,
        _framing(options),
        options.schema(),
        _csv(options) if format == "csv" else options.csv(),
        options.seconds("idle_timeout"),
        options.size("max_line", "64KB", LEAST_LINE, MAX_LINE),
        options.size("spool", "256MB", LEAST_SPOOL),
    )
    _check_datagrams(options, source)
    options.finish()
    return source


_MODES = {"server": "listen", "bind": "listen", "client": "connect"}


def _framing(options: Options) -> Literal["newline", "octet", "nul"]:
    near = {"lf": "newline", "line": "newline", "lines": "newline", "octet-counting": "octet", "octet_counting": "octet", "null": "nul"}
    found = options.one_of("framing", ("newline", "octet", "nul"), near)
    return "octet" if found == "octet" else "nul" if found == "nul" else "newline"


def _csv(options: Options) -> tuple[tuple[str, str], ...]:
    """Many senders and one stream: there is no first record that could be a header."""
    given = options.given.get("header")
    if given is not None and options.truth("header", False):
        options.wrong(given, "records of a socket have no header", "Take header out; fields go by their place: schema => 'id BIGINT, …'.")
    return (*(pair for pair in options.csv() if pair[0] != "header"), ("header", "false"))


def _check_datagrams(options: Options, source: ReadSocket) -> None:
    scheme = source.url.partition(":")[0]
    if scheme not in _DATAGRAMS:
        return
    stream = "tcp" if scheme == "udp" else "unix"
    if source.mode == "connect":
        options.wrong(options.given["mode"], f"{scheme} has no connections: it can only listen", f"Take mode out, or write {stream}://….")
    if source.framing == "octet":
        options.wrong(options.given["framing"], "a datagram needs no count of its bytes", f"Take framing out, or write {stream}://….")


def socket_url(text: Text, address: Token, mode: str = "listen") -> str:
    """The address in one spelling: lower-case scheme and host, `localhost` where a listener names none.

    Raises:
        PipelineError: it is none.
    """
    scheme, found, rest = address.text.strip().partition("://")
    scheme = scheme.lower()
    if not found:
        port = re.fullmatch(r"(?:tcp:)?(?:([\w.-]+):|:?)(\d{1,5})", address.text.strip())
        hint = f"Write tcp://{port[1] or LOCALHOST}:{port[2]}." if port else _EXAMPLE
        raise text.mistake(address, f"{address.sql} names no kind of socket", hint)
    if scheme not in _SCHEMES:
        raise text.mistake(address, f"{scheme}:// is no socket that can be read", _OTHERS.get(scheme, _EXAMPLE))
    if scheme in ("tcp", "udp"):
        return _internet(text, address, scheme, rest, mode)
    return _unix(text, address, scheme, rest)


def _internet(text: Text, address: Token, scheme: str, rest: str, mode: str) -> str:
    host, colon, port = rest.rpartition(":")
    if rest.startswith("[") and "]" not in rest:
        inner, _, last = rest[1:].rpartition(":")
        where = f"[{inner}]:{last}" if len(last) > 3 and last.isdigit() and _is_v6(inner) else f"[{rest[1:]}]:5140"
        raise text.mistake(address, "the bracket of the IPv6 address is never closed", f"Write {scheme}://{where}.")
    if not colon or host.count("[") != host.count("]"):
        raise text.mistake(address, "the address has no port", f"Write {scheme}://{rest.rstrip('/') or LOCALHOST}:5140.")
    if ":" in host and not host.startswith("["):
        where = f"[{host}]:{port}" if _is_v6(host) else f"[{rest}]:5140"
        raise text.mistake(address, "an IPv6 address stands in brackets", f"Write {scheme}://{where}.")
    if not (port.isascii() and port.isdigit()) or not 0 < int(port[:9]) < 65536:
        hint = f"Write {scheme}://{host or LOCALHOST}:5140; nothing follows the port." if port != "0" else "A sender has to know the port."
        raise text.mistake(address, f"{port or 'nothing'!r} is no port from 1 to 65535", hint)
    if host == "*":
        raise text.mistake(address, "* is no host", f"Write {scheme}://0.0.0.0:{port} to listen on every address of this machine.")
    if not host and mode == "connect":
        raise text.mistake(address, "to connect, a host is needed", f"Write {scheme}://localhost:{port}.")
    if host and not (_HOST.fullmatch(host) or (host[0] + host[-1] == "[]" and _is_v6(host[1:-1]))):
        raise text.mistake(address, f"{host!r} is no name of a host", f"Write {scheme}://localhost:{port}.")
    return f"{scheme}://{host.lower() or LOCALHOST}:{int(port)}"


def _is_v6(host: str) -> bool:
    try:
        return isinstance(ipaddress.ip_address(host), ipaddress.IPv6Address)
    except ValueError:
        return False


def _unix(text: Text, address: Token, scheme: str, path: str) -> str:
    if not path.startswith("/") or path.endswith("/"):
        shown = path.strip("/") or "run/app.sock"
        raise text.mistake(address, f"{scheme}:// needs a whole path of a file", f"Write three slashes: {scheme}:///{shown}.")
    if len(os.fsencode(path)) > MAX_PATH:
        hint = "Choose a shorter one, such as one under /tmp or /run."
        raise text.mistake(address, f"the path of a socket has at most {MAX_PATH} bytes", hint)
    if "\0" in path or "\n" in path:
        raise text.mistake(address, "the path has a character that no path has", _EXAMPLE)
    return f"{scheme}://{os.path.normpath(path)}"
