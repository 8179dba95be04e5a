"""Files that went away unread: told, unless they were packed meanwhile and are read from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from workbench.connectors.files import rotation
from workbench.connectors.files.compressed import PACKED
from workbench.connectors.files.followed import FollowedFile
from workbench.connectors.files.listing import Found, Look
from workbench.connectors.files.recognition import Key
from workbench.connectors.usual import Usual


class Alarm(NamedTuple):
    """A file that went away before anything was read of it; what is to be said if no packed copy is there; it waited as a copy."""

    found: Found
    text: str
    waited: bool = False


class Alarms:
    """Holds back what is to be told of such files until a look at all files is through. One packed file calls off one alarm."""

    def __init__(self, files: Mapping[Key, FollowedFile], said: list[str]) -> None:
        self._files, self._said = files, said
        self._raised: list[Alarm] = []

    def hold(self, found: Found, text: str, waited: bool = False) -> None:
        """It is gone; the next `tell` says so, if it must."""
        self._raised.append(Alarm(found, text, waited))

    def tell(self, look: Look) -> None:
        """Of what is gone and was not read; no false alarm where it was packed meanwhile, and is read from there."""
        packed = [found for found in look.found.values() if found.path.endswith(PACKED)] if self._raised else []
        for gone, text, waited in self._raised:
            homes = (found for found in packed if rotation.rotated(gone.path, found.path) and (waited or self._is_new(found)))
            if (home := next(homes, None)) is None:
                self._said.append(text)
            elif not waited:
                packed.remove(home)
                self._said.append(Usual(f"{gone.name} was packed before it was read: it is read from {home.name}"))
        self._raised.clear()

    def _is_new(self, found: Found) -> bool:
        """Nothing of it was stored yet."""
        file = self._files.get(found.key)
        return file is None or not file.kept.byte
