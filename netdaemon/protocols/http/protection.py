"""Protected paths: which accounts may ask for what, and what of the tree each of them sees.

A path is protected as it is asked for; and so is the place in the tree where it stands, whatever else leads there: an
index, a symbolic link, an archive of the folder above.
"""

from __future__ import annotations

from netdaemon.interfaces import Account, Right
from netdaemon.protocols.http.beneath import Beneath
from netdaemon.protocols.http.settings import HTTPSettings, Protected


class Protection:
    """The ``protect`` lines of one site. The longest path counts."""

    def __init__(self, settings: HTTPSettings) -> None:
        self._lines = Beneath((line.path, line) for line in settings.protect)
        self._index = [name.encode() for name in settings.index]
        # The same by their places in the tree, as rights have them.
        above = settings.root.rstrip("/")
        self._places = [(above + line.path.rstrip("/") or "/", line) for line in settings.protect]
        self._by_place = Beneath(self._places)

    def __bool__(self) -> bool:
        return bool(self._lines)

    def find(self, path: bytes) -> Protected | None:
        """The line that holds for ``path``, or for an index that may be shown for it; None for none."""
        line = self._lines.find(path)
        if path.endswith(b"/") and self._lines:
            for name in self._index:
                inner = self._lines.find(path + name)
                if inner is not line:
                    return inner
        return line

    def rights(self, account: Account) -> tuple[Right, ...]:
        """What the account may read of the tree by its own rights, less what is protected from it.

        Of an account without a name, which is nobody's, everything protected is kept.
        """
        own = Beneath((right.path, right.mode) for right in account.rights)
        rights = {right.path: right.mode for right in account.rights if self._lets(account, right.path)}
        for place, line in reversed(self._places):
            rights[place] = (own.find(place.encode()) or "rw") if _names(line, account) else "-"
        return tuple(Right(path, mode) for path, mode in sorted(rights.items()))

    def _lets(self, account: Account, place: str) -> bool:
        line = self._by_place.find(place.encode("utf-8", "surrogateescape"))
        return line is None or _names(line, account)


def _names(line: Protected, account: Account) -> bool:
    return bool(account.name) and (not line.accounts or account.name in line.accounts)
