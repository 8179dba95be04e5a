"""Where a receiver listens or connects: a URL taken apart, and how peers are called."""

from __future__ import annotations

import errno
import os
import socket
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import unquote, urlsplit

from workbench.errors import SourceError

Scheme = Literal["tcp", "udp", "unix", "unixgram"]
MAX_PATH = 107
"""Bytes of a unix socket's path."""


@dataclass(frozen=True, slots=True)
class Address:
    """tcp://host:port, udp://host:port, unix:///path (a stream) or unixgram:///path (datagrams).

    No host, or `*`: every address of this machine.
    """

    url: str
    scheme: Scheme
    host: str = ""
    port: int = 0
    path: str = ""

    @staticmethod
    def parse(url: str) -> Address:
        """Take a URL apart.

        Raises:
            SourceError: it makes no sense.
        """
        hint = "Write tcp://host:port, udp://host:port, unix:///path or unixgram:///path."
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise SourceError(f"{url}: {error}", hint) from None
        scheme = parts.scheme
        if scheme in ("tcp", "udp"):
            if port is None or parts.path.strip("/") or parts.query:
                raise SourceError(f"{url} is no address: host and port are needed, and nothing after them", hint)
            return Address(url, cast(Scheme, scheme), "" if parts.hostname in (None, "*") else parts.hostname or "", port)
        if scheme in ("unix", "unixgram"):
            path = unquote(parts.netloc + parts.path)
            if not path:
                raise SourceError(f"{url} is no address: it has no path", hint)
            if len(os.fsencode(path)) > MAX_PATH:
                raise SourceError(f"{url}: the path is longer than the {MAX_PATH} bytes that a socket's may have")
            return Address(url, cast(Scheme, scheme), path=path)
        raise SourceError(f"{url}: {scheme or 'no scheme'!r} is nothing that can be received from", hint)

    @property
    def kind(self) -> socket.SocketKind:
        return socket.SOCK_DGRAM if self.scheme in ("udp", "unixgram") else socket.SOCK_STREAM

    @property
    def local(self) -> bool:
        """A unix socket."""
        return bool(self.path)

    def resolve(self, passive: bool) -> list[tuple[socket.AddressFamily, Any]]:
        """Families and addresses to listen on (`passive`) or to try in turn. May ask a name server, and wait for it.

        Raises:
            OSError: the name is not known.
        """
        if self.path:
            return [(socket.AF_UNIX, self.path)]
        if passive and not self.host:
            both = socket.has_dualstack_ipv6()
            return [(socket.AF_INET6, ("::", self.port, 0, 0))] if both else [(socket.AF_INET, ("0.0.0.0", self.port))]
        flags = socket.AI_PASSIVE if passive else 0
        found = socket.getaddrinfo(self.host or "localhost", self.port, type=self.kind, flags=flags)
        return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def bind_all(address: Address) -> list[socket.socket]:
    """The sockets to receive on: one for each address of the host's name that this machine has.

    Raises:
        OSError: there is none, or one of them is in use.
    """
    socks: list[socket.socket] = []
    absent: OSError | None = None
    try:
        for family, where in address.resolve(passive=True):
            try:
                socks.append(bind(address, family, where))
            except OSError as error:
                if error.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                    raise
                absent = error
    except OSError:
        for sock in socks:
            sock.close()
        raise
    if absent is not None and not socks:
        raise absent
    return socks


def bind(address: Address, family: socket.AddressFamily, where: Any) -> socket.socket:
    """A non-blocking socket that is bound, and listens if it is a stream.

    A unix socket that nobody listens on any more is taken over; its file is for this user only (0600).

    Raises:
        OSError: the address is in use, or not ours.
    """
    sock = socket.socket(family, address.kind)
    try:
        sock.setblocking(False)
        if family == socket.AF_UNIX:
            _take_over(address)
            os.fchmod(sock.fileno(), 0o600)
        elif address.kind == socket.SOCK_STREAM:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(bool(address.host)))
        sock.bind(where)
        if family == socket.AF_UNIX:
            Path(address.path).chmod(0o600)
        if address.kind == socket.SOCK_STREAM:
            sock.listen(512)
    except BaseException:
        sock.close()
        raise
    return sock


def _take_over(address: Address) -> None:
    """Delete the file of a socket that its process has left.

    Raises:
        OSError: somebody listens there, or it is no socket.
    """
    path = Path(address.path)
    if not path.exists():
        return
    if not path.is_socket():
        raise FileExistsError(errno.EEXIST, "a file that is no socket has that name")
    with socket.socket(socket.AF_UNIX, address.kind) as probe:
        probe.setblocking(False)
        try:
            probe.connect(address.path)
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)


def inode(address: Address) -> int:
    """Tells the file of a unix socket from others that come to have its name; -1 without one."""
    try:
        return Path(address.path).stat().st_ino if address.local else -1
    except OSError:
        return -1


def peer_name(where: Any) -> str:
    """What a peer is called by its address: host:port, or the path of a unix socket that has one."""
    if isinstance(where, tuple):
        host, port = str(where[0]).removeprefix("::ffff:"), where[1]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if isinstance(where, bytes):
        where = where.decode(errors="replace")
    return str(where or "").replace("\n", "?").replace("\0", "@")


def local_peer(sock: socket.socket) -> str:
    """The process at the other end of a unix stream, where the system tells."""
    option = getattr(socket, "SO_PEERCRED", None)
    if option is None:
        return ""
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, option, 12))
    return f"pid={pid} uid={uid}"
