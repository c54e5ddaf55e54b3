"""What sites ask robots to leave alone (RFC 9309), when we are to be one that listens."""

from __future__ import annotations

from urllib.parse import urlsplit

from netdaemon.protocols.http.client.url import parse_url
from netdaemon.protocols.http.grammar.robots import MAX_SIZE, Robots, parse_robots
from netdaemon.url.scheme import Asking, Scheme
from netdaemon.wire.failures import Failed

AGENT = "netdaemon"


class RobotsRefused(Failed):
    """The site asks robots not to open this."""


class RobotsRules:
    """The rules of each site, asked for once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, int], Robots | None] = {}

    async def check(self, scheme: Scheme, url: str) -> None:
        """Raises RobotsRefused, when the site asks so, or can't say what it asks (2.3.1.4)."""
        asked = parse_url(url)
        if asked.origin not in self._known:
            parts = urlsplit(url)
            rules = f"{parts.scheme}://{parts.netloc}/robots.txt"
            self._known[asked.origin] = await _rules(scheme, rules)
        robots = self._known[asked.origin]
        if robots is None:
            raise RobotsRefused(f"{asked}: the site's robots.txt can't be had now, so nothing is")
        if not robots.allows(AGENT, asked.target):
            raise RobotsRefused(f"{asked}: the site's robots.txt asks to leave it alone")


async def _rules(scheme: Scheme, url: str) -> Robots | None:
    """A site's rules; none at all where it has no such file (2.3.1.3), None where that can't be told."""
    octets = b""
    try:
        async with await scheme.open(url, Asking(any_status=True)) as opened:
            if opened.status is not None and opened.status >= 500:
                return None
            if opened.status == 200:
                async for piece in opened:
                    octets += piece
                    if len(octets) > MAX_SIZE:  # 2.5: what is behind it counts for nothing
                        break
    except Failed:
        return None
    return parse_robots(octets)
