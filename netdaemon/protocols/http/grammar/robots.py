"""robots.txt: what a site asks of those who read it by program (RFC 9309)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

MAX_SIZE = 500 * 1024
"""Octets that are read (RFC 9309 2.5); a line that the limit cuts counts for nothing."""

_LINE_END = re.compile(rb"\r\n|\r|\n")
# RFC 9309 2.2.1: product-token = identifier; identifier = 1*( %x2D / %x41-5A / %x5F / %x61-7A )
_TOKEN = re.compile(rb"[A-Za-z_-]+").match
_ESCAPE = re.compile(rb"%([0-9A-Fa-f]{2})|[^!-~]|[*$]")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DELAY = re.compile(rb"[0-9]{1,9}(?:\.[0-9]{1,9})?").fullmatch


@dataclass(frozen=True)
class Rule:
    """A path pattern: ``pieces`` in this order with anything in between, at the path's end if it is ``anchored``."""

    allow: bool
    pieces: tuple[bytes, ...]
    anchored: bool
    length: int
    """Octets of the pattern, of which the longest counts."""

    def matches(self, path: bytes) -> bool:
        """In one pass: the leftmost place for each piece leaves most to the next."""
        first, *others = self.pieces
        if not path.startswith(first):
            return False
        place = len(first)
        if not others:
            return not self.anchored or place == len(path)
        for piece in others[:-1] if self.anchored else others:
            place = path.find(piece, place)
            if place < 0:
                return False
            place += len(piece)
        return not self.anchored or (path.endswith(others[-1]) and len(path) - len(others[-1]) >= place)


@dataclass
class Group:
    """What is asked of some agents, the rules in the order in which they count."""

    rules: list[Rule] = field(default_factory=list)
    delay: float | None = None

    def rule(self, path: bytes) -> Rule | None:
        """The one that counts."""
        return next((rule for rule in self.rules if rule.matches(path)), None)


class Robots:
    """A robots.txt. Agents are known by their product token: ``netdaemon`` of ``netdaemon/1.0``, without case."""

    def __init__(self) -> None:
        self._groups: dict[bytes, list[Group]] = {}
        self.sitemaps: list[str] = []
        """Where the site says that its maps are, as it is written there."""

    def allows(self, agent: str, target: bytes) -> bool:
        """May the agent ask for this path, with its query? What no rule is about it may, and robots.txt itself."""
        path = _normal(target or b"/")
        if path == b"/robots.txt":
            return True
        found = [rule for group in self._about(agent) if (rule := group.rule(path)) is not None]
        return min(found, key=_order).allow if found else True

    def delay(self, agent: str) -> float | None:
        """Seconds between two requests (Crawl-delay, of no RFC), None where nothing is said."""
        return next((group.delay for group in self._about(agent) if group.delay is not None), None)

    def _about(self, agent: str) -> list[Group]:
        """RFC 9309 2.2.1: all groups that name the agent are one; without any, those of all agents."""
        token = _TOKEN(agent.encode("utf-8", "replace"))
        own = self._groups.get(token[0].lower()) if token else None
        return own or self._groups.get(b"*", [])

    def _name(self, agent: bytes, group: Group) -> None:
        groups = self._groups.setdefault(agent, [])
        if not groups or groups[-1] is not group:
            groups.append(group)


def _order(rule: Rule) -> tuple[int, bool]:
    """RFC 9309 2.2.2: the most specific match counts, and of two alike the one that allows."""
    return -rule.length, not rule.allow


def parse_robots(octets: bytes) -> Robots:
    """A file's rules. Nothing is malformed here: lines that can't be read count for nothing (RFC 9309 2.2)."""
    robots = Robots()
    if len(octets) > MAX_SIZE:
        octets = octets[: max(octets.rfind(b"\n", 0, MAX_SIZE), octets.rfind(b"\r", 0, MAX_SIZE), 0)]
    group: Group | None = None
    groups: list[Group] = []
    naming = False  # are we among the lines that say whom the group is about?
    for line in _LINE_END.split(octets.removeprefix(b"\xef\xbb\xbf")):
        key, colon, value = line.partition(b"#")[0].partition(b":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == b"user-agent":
            if group is None or not naming:
                group = Group()
                groups.append(group)
            naming = True
            if agent := _agent(value):
                robots._name(agent, group)
        elif key in (b"allow", b"disallow"):
            naming = False
            if value and group is not None:  # an empty Disallow forbids nothing
                group.rules.append(_rule(key == b"allow", value))
        # What is no rule of the RFC ends no run of agents: so nobody gets less told than was meant.
        elif key == b"crawl-delay" and _DELAY(value) and group is not None:
            group.delay = float(value)
        elif key == b"sitemap" and value:
            robots.sitemaps.append(value.decode("utf-8", "replace"))
    for group in groups:
        group.rules.sort(key=_order)
    return robots


def _agent(value: bytes) -> bytes | None:
    if value[:2].rstrip() == b"*":
        return b"*"
    token = _TOKEN(value)
    return token[0].lower() if token else None


def _rule(allow: bool, value: bytes) -> Rule:
    """A pattern: "*" is anything, "$" at its end is the end; RFC 9309 2.2.3."""
    anchored = value.endswith(b"$")
    first, *others = (_normal(piece) for piece in value.removesuffix(b"$").split(b"*"))
    ends_anyhow = bool(others) and not others[-1]
    pieces = (first, *(piece for piece in others if piece))
    return Rule(allow, pieces, anchored and not ends_anyhow, len(value))


def _normal(path: bytes) -> bytes:
    """One form for all ways to write a path (RFC 9309 2.2.2): what needs no escape has none, all else has one.

    So have "*" and "$", which in a pattern are either taken out before or meant as themselves.
    """
    return _ESCAPE.sub(_one_way, path)


def _one_way(match: re.Match[bytes]) -> bytes:
    if match[1] is None:
        return b"%%%02X" % match[0][0]
    octet = int(match[1], 16)
    return bytes([octet]) if octet in _UNRESERVED else b"%" + match[1].upper()
