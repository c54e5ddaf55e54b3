"""What is said to every scheme alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netdaemon.protocols.http.client.cookies import Jar
from netdaemon.protocols.http.client.pool import HTTP2
from netdaemon.protocols.http.client.proxies import Proxies
from netdaemon.url.logins import Ask, by_netrc


@dataclass(frozen=True)
class Wishes:
    """How URLs are to be opened."""

    verify: bool = True
    """Look at certificates."""
    timeout: float = 30.0
    """Seconds without progress until it is given up."""
    starttls: bool = False
    """Where TLS can be begun on a connection in clear: do so, or fail."""
    compress: bool = False
    """FTP: have data deflated on the way (MODE Z), where the server can."""
    readable: bool = False
    """The octets are for somebody to read: what is a table for programs, as a Gopher menu, may be made a text."""
    ask: Ask = by_netrc
    """Who one is at a server, when the URL does not say all of it: ~/.netrc is asked unless something else is given."""
    basic: bool = False
    """HTTP: send user and password of the URL before they are asked for."""
    jar: Jar | None = None
    """HTTP: cookies that are sent, and kept."""
    compressed: bool = False
    """HTTP: have it compressed on the way. It can't be gone on with then."""
    max_redirects: int = 10
    http2: HTTP2 = True
    """HTTP: speak HTTP/2 where TLS agrees on it; ``"prior"``: in clear, too, without asking first."""
    retries: int = 0
    """HTTP: how often what may work later is tried again, after waits that grow."""
    robots: bool = False
    """HTTP: open nothing that the site's robots.txt asks robots to leave."""
    proxies: Proxies = Proxies()
    """By way of whom; straight there unless something else is given: ``Proxies(environment=os.environ)``."""
    authorities: Path | None = None
    """A PEM file of those who are believed besides whom the system believes."""
    say: Callable[[str], object] | None = None
    """Takes lines of the conversation (``> GET / HTTP/1.1``), escaped and without secrets; None: nobody listens."""
