"""What a mirror has to do: two trees compared, nothing done yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import floor
from typing import NamedTuple

Tree = Mapping[str, "Item"]
"""Paths beneath the root, with "/" between their parts, to what stands there."""


class Item(NamedTuple):
    """One document or folder."""

    kind: str
    """As `grammar.listing.Listed.kind` has it."""
    size: int | None = None
    modified: float | None = None
    precision: float = 1.0


class Copy(NamedTuple):
    """One document to be sent or fetched."""

    path: str
    item: Item
    instead: Item | None
    """What stands in its place on the other side."""


@dataclass(frozen=True)
class Choice:
    """Which documents take part. A glob with a slash is for the whole path, one without for any part of it."""

    include: Sequence[str] = ()
    """Documents must match one of these, if there are any; folders need not."""
    exclude: Sequence[str] = ()
    """What matches one of these takes no part, with all that is beneath it."""

    def takes(self, path: str, folder: bool) -> bool:
        """Does it take part? Asked of every folder above it first."""
        if _matches(path, self.exclude):
            return False
        return folder or not self.include or _matches(path, self.include)


def _matches(path: str, globs: Collection[str]) -> bool:
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path if "/" in glob else name, glob.removeprefix("/")) for glob in globs)


@dataclass
class Plan:
    """What is to be done, in this order."""

    delete: list[str] = field(default_factory=list)
    """Documents (and links) that are no more, or are in the way."""
    remove: list[str] = field(default_factory=list)
    """Folders that are no more, the deepest first."""
    make: list[str] = field(default_factory=list)
    """Folders that are new, the highest first."""
    copy: list[Copy] = field(default_factory=list)
    same: int = 0
    """Documents that are the same already."""
    problems: list[tuple[str, str]] = field(default_factory=list)
    """Path, and why it can't be done."""

    @property
    def octets(self) -> int:
        """How much is to be copied, as far as that is told."""
        return sum(copy.item.size or 0 for copy in self.copy)


def compare(
    source: Tree, target: Tree, *, delete: bool = False, keeps_times: bool = True, unknown: Collection[str] = ()
) -> Plan:
    """What makes ``target`` what ``source`` is.

    ``delete`` what is not in the source; never beneath the folders in ``unknown``, which could not be listed. Where the
    target can't be given times (``keeps_times``), what is younger than its source counts as its copy.
    """
    plan = Plan()
    blocked: set[str] = set()
    removed: set[str] = set()
    for path, item in sorted(source.items()):
        if item.kind not in ("file", "dir") or any(parent in blocked for parent in parents(path)):
            continue
        there = target.get(path)
        if there is not None and there.kind != item.kind:
            if not delete:
                plan.problems.append(
                    (path, f"a {_NAMES[item.kind]} at the source, a {_NAMES[there.kind]} in its place")
                )
                blocked.add(path)
                continue
            if there.kind == "dir":
                removed.add(path)
            else:
                plan.delete.append(path)
            there = None
        if item.kind == "dir":
            if there is None:
                plan.make.append(path)
        elif there is not None and _same(item, there, keeps_times):
            plan.same += 1
        else:
            plan.copy.append(Copy(path, item, there))
    for path, item in target.items():
        above = ["", *parents(path)]
        in_the_way = any(parent in removed for parent in above)
        is_gone = delete and path not in source and not any(parent in unknown for parent in above)
        if not in_the_way and not is_gone:
            continue
        if item.kind == "dir":
            removed.add(path)
        else:
            plan.delete.append(path)
    plan.remove = sorted(removed, key=_deepest_first)
    plan.delete.sort()
    return plan


_NAMES = {"file": "file", "dir": "folder", "link": "link", "other": "device or the like"}


def _deepest_first(path: str) -> tuple[int, str]:
    return -path.count("/"), path


def parents(path: str) -> list[str]:
    """The folders above, the highest first, without the root."""
    parts = path.split("/")[:-1]
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _same(item: Item, there: Item, keeps_times: bool) -> bool:
    if item.size is not None and there.size is not None and item.size != there.size:
        return False
    if item.size is None or there.size is None:
        return False
    if item.modified is None or there.modified is None:
        return True
    ours, theirs = floor(item.modified), floor(there.modified)
    if abs(ours - theirs) < max(item.precision, there.precision, 1.0):
        return True
    return not keeps_times and theirs >= ours
