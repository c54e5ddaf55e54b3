"""The cookies that servers leave with us, and who gets them back (RFC 6265), kept in a file as curl and wget keep them.

The standard library's http.cookiejar is not beneath it: it sends a host's own cookies to the hosts below, takes one
for half of an IP address, and reads no file of wget's.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from itertools import count
from pathlib import Path

from netdaemon.protocols.http.client.url import URL
from netdaemon.protocols.http.grammar.cookie import MAX_COOKIE, SetCookie, parse_cookie_date, parse_set_cookie
from netdaemon.protocols.http.grammar.message import Fields
from netdaemon.wire.failures import LocalTrouble
from netdaemon.wire.partfile import write_whole

MAX_PER_DOMAIN = 180
MAX_COOKIES = 3000
MAX_SENT = 150
"""Cookies of one request."""
MAX_HEADER = 8190
"""Octets of one request's cookies: what servers take of a field at most. Those with the longest paths come first."""
MAX_FILE = 16 * 1024 * 1024
"""Octets of a file of cookies."""
LONGEST = 400 * 24 * 3600
"""Seconds that a cookie may live without being set once more, as in the RFC's revision."""

_TITLE = b"# Netscape HTTP Cookie File\n# Made by netdaemon; who can read it can be you.\n\n"
_HTTP_ONLY = b"#HttpOnly_"
_DOMAIN = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*").fullmatch
_MAX_AGE = re.compile(rb"-?[0-9]+").fullmatch
_UNFIT = re.compile(rb"[\x00-\x1f\x7f;]").search
# How registries name the level at which they sell names: co.uk, com.au, ac.jp
_REGISTRIES = frozenset(
    ("ac", "asn", "biz", "co", "com", "ed", "edu", "gob", "gouv", "gov", "go", "id", "info", "ltd", "mil", "ne", "net",
     "nhs", "nom", "or", "org", "plc", "sch")
)  # fmt: skip


class BadCookieFile(LocalTrouble, ValueError):
    """A file of cookies that is none; the text says which one and where, and nothing of what stands there."""


@dataclass(frozen=True)
class Cookie:
    """One cookie. With ``host_only`` it is for ``domain`` itself, else for every host below as well."""

    name: bytes
    value: bytes
    domain: str
    host_only: bool
    path: bytes
    secure: bool
    http_only: bool
    expires: int | None
    """Unix seconds; None when it ends with the session."""
    number: int = 0
    """Which one came first."""

    def __repr__(self) -> str:
        return f"Cookie({self.domain}{self.path.decode('latin-1')})"  # the others can be as good as a password

    def is_for(self, url: URL, path: bytes) -> bool:
        """Its domain known to match: does it go there?"""
        if (self.host_only and url.host != self.domain) or (self.secure and url.scheme != "https"):
            return False
        return _path_matches(self.path, path)


class Jar:
    """Cookies, in memory and (`load`, `save`) in ``path``; those that end with the session only with ``session_too``.

    Which names are registries, beneath which everybody is somebody else's neighbour, is not known in full here: no
    cookie is taken for all of ``com``, and none for ``co.uk`` and what looks like it, but one for all of
    ``github.io`` is. SameSite means nothing here: no page asks on behalf of another.
    """

    def __init__(self, path: Path | None, session_too: bool = False, wall: Callable[[], float] = time.time) -> None:
        self._path = path
        self._session_too = session_too
        self._wall = wall
        self._numbers = count()
        self._domains: dict[str, dict[tuple[bytes, bytes], Cookie]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._domains.values()))

    def __iter__(self) -> Iterator[Cookie]:
        for cookies in list(self._domains.values()):
            yield from list(cookies.values())

    # --- sending ---------------------------------------------------------------------------------------------

    def header_for(self, url: URL) -> bytes | None:
        """The Cookie field's value of a request for ``url``, None when there is nothing to say."""
        now = self._wall()
        path = url.target.partition(b"?")[0]
        found = []
        for domain in _domains_of(url.host):
            for cookie in list(self._domains.get(domain, {}).values()):
                if cookie.expires is not None and cookie.expires <= now:
                    self._drop(cookie)
                elif cookie.is_for(url, path):
                    found.append(cookie)
        # RFC 6265 5.4: longer paths first, and among those alike who came first
        found.sort(key=lambda cookie: (-len(cookie.path), cookie.number))
        pairs: list[bytes] = []
        left = MAX_HEADER
        for cookie in found[:MAX_SENT]:
            pair = b"%b=%b" % (cookie.name, cookie.value)
            if len(pair) <= left:
                pairs.append(pair)
                left -= len(pair) + 2
        return b"; ".join(pairs) if pairs else None

    # --- taking ----------------------------------------------------------------------------------------------

    def take(self, url: URL, fields: Fields) -> None:
        """Keep what a response from ``url`` sets, as far as it may."""
        for field in fields.get_all(b"set-cookie"):
            read = parse_set_cookie(field)
            cookie = self._made(url, read) if read is not None else None
            if cookie is not None:
                self._keep(cookie)

    def _made(self, url: URL, read: SetCookie) -> Cookie | None:
        """The cookie, if ``url`` may set it (RFC 6265 5.3)."""
        attributes = read.attributes
        domain, host_only = url.host, True
        if wanted := attributes.get(b"domain", b"").decode("latin-1").lower().removeprefix("."):
            if not _domain_matches(wanted, url.host):
                return None
            if not (_is_address(wanted) or _is_registry(wanted)):
                domain, host_only = wanted, False
            elif wanted != url.host:
                return None
        path = attributes.get(b"path", b"")
        if not path.startswith(b"/") or b"\t" in path:
            path = _default_path(url)
        secure = b"secure" in attributes
        if (secure or self._hides_a_secure_one(read.name, domain, path)) and url.scheme != "https":
            return None
        prefix = read.name.lower()
        if prefix.startswith(b"__secure-") and not secure:
            return None
        if prefix.startswith(b"__host-") and not (
            secure and b"domain" not in attributes and attributes.get(b"path") == b"/"
        ):
            return None
        http_only = b"httponly" in attributes
        return Cookie(read.name, read.value, domain, host_only, path, secure, http_only, self._expiry(attributes))

    def _expiry(self, attributes: dict[bytes, bytes]) -> int | None:
        now = int(self._wall())
        age = attributes.get(b"max-age", b"")
        if _MAX_AGE(age):  # 5.3: it comes before Expires
            seconds = LONGEST if len(age) > 12 else min(int(age), LONGEST)
            return now + seconds if seconds > 0 and not age.startswith(b"-") else 0
        expires = parse_cookie_date(attributes.get(b"expires", b""))
        return None if expires is None else min(expires, now + LONGEST)

    def _hides_a_secure_one(self, name: bytes, domain: str, path: bytes) -> bool:
        """Would it be sent in the place of one that only https may set (RFC 6265's revision, 5.7)?"""
        return any(
            cookie.secure
            and cookie.name == name
            and (_domain_matches(domain, cookie.domain) or _domain_matches(cookie.domain, domain))
            and _path_matches(cookie.path, path)
            for cookie in self
        )

    def _keep(self, cookie: Cookie) -> None:
        cookies = self._domains.setdefault(cookie.domain, {})
        key = cookie.path, cookie.name
        known = cookies.pop(key, None)
        now = self._wall()
        if cookie.expires is None or cookie.expires > now:
            number = known.number if known is not None else next(self._numbers)
            cookies[key] = replace(cookie, number=number)
            self._make_room(list(cookies.values()), MAX_PER_DOMAIN, now)
            if len(self) > MAX_COOKIES:
                self._make_room(list(self), MAX_COOKIES, now)
        elif not cookies:
            del self._domains[cookie.domain]

    def _make_room(self, cookies: list[Cookie], most: int, now: float) -> None:
        """Those that have had their time go first, then the oldest."""
        if len(cookies) > most:
            cookies.sort(key=lambda cookie: (cookie.expires is None or cookie.expires > now, cookie.number))
            for cookie in cookies[: len(cookies) - most]:
                self._drop(cookie)

    def _drop(self, cookie: Cookie) -> None:
        cookies = self._domains[cookie.domain]
        del cookies[cookie.path, cookie.name]
        if not cookies:
            del self._domains[cookie.domain]

    # --- the file --------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Add what is in the file; none there is an empty one. Raises OSError and BadCookieFile."""
        if self._path is None:
            return
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_FILE + 1)
        except FileNotFoundError:
            return
        if len(data) > MAX_FILE:
            raise BadCookieFile(f"{self._path}: larger than {MAX_FILE} octets")
        read = []
        for number, line in enumerate(data.split(b"\n"), 1):
            try:
                cookie = _from_line(line.removesuffix(b"\r"))
            except ValueError as error:
                raise BadCookieFile(f"{self._path}:{number}: {error}") from None
            if cookie is not None:
                read.append(cookie)
        for cookie in read[-MAX_COOKIES:]:
            self._keep(cookie)

    def save(self) -> None:
        """Write the file, whole or not at all, for nobody else to read. Raises OSError."""
        if self._path is None:
            return
        now = self._wall()
        lines = [
            _to_line(cookie)
            for cookie in sorted(self, key=lambda cookie: cookie.number)
            if (self._session_too if cookie.expires is None else cookie.expires > now)
        ]
        path = Path(os.path.realpath(self._path))  # what a link points at is written, not the link
        beside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                write_whole(descriptor, _TITLE + b"".join(lines))
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise


# domain TAB hosts-below-too TAB path TAB secure TAB expires TAB name TAB value: the seven of Netscape's file
def _to_line(cookie: Cookie) -> bytes:
    domain = cookie.domain if cookie.host_only else "." + cookie.domain
    return b"%b%b\t%b\t%b\t%b\t%d\t%b\t%b\n" % (
        _HTTP_ONLY if cookie.http_only else b"",
        domain.encode("ascii"),
        b"FALSE" if cookie.host_only else b"TRUE",
        cookie.path,
        b"TRUE" if cookie.secure else b"FALSE",
        cookie.expires or 0,
        cookie.name,
        cookie.value,
    )


def _from_line(line: bytes) -> Cookie | None:
    """None for a comment, and for a cookie without a name. Raises ValueError, without what stands there."""
    http_only = line.startswith(_HTTP_ONLY)
    line = line.removeprefix(_HTTP_ONLY)
    if not line.strip() or line.startswith(b"#"):
        return None
    parts = line.split(b"\t", 6)
    if len(parts) == 6:
        parts.append(b"")  # a value that was empty, and an editor that takes white space away
    if len(parts) != 7:
        raise ValueError("no seven fields with tabs between")
    where, below, path, secure, expires, name, value = parts
    if below not in (b"TRUE", b"FALSE") or secure not in (b"TRUE", b"FALSE"):
        raise ValueError("neither TRUE nor FALSE")
    if not re.fullmatch(rb"-?[0-9]{1,15}(?:\.[0-9]*)?", expires):
        raise ValueError("no time of expiry")
    domain = where.decode("latin-1").lower().removeprefix(".")
    if not _is_address(domain):
        domain = re.sub(r":[0-9]{1,5}\Z", "", domain)  # wget notes a port; cookies have none (RFC 6265 8.5)
        if not _DOMAIN(domain):
            raise ValueError("no domain")
    if not path.startswith(b"/") or _UNFIT(path):
        raise ValueError("no path")
    if _UNFIT(name) or _UNFIT(value) or b"=" in name or len(name) + len(value) > MAX_COOKIE:
        raise ValueError("no cookie")
    if not name:
        return None
    moment = int(float(expires)) or None
    return Cookie(name, value, domain, below == b"FALSE", path, secure == b"TRUE", http_only, moment)


# --- who is who ----------------------------------------------------------------------------------------------


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _domains_of(host: str) -> Iterator[str]:
    """The domains whose cookies may be for ``host``: itself, and those above it."""
    yield host
    if not _is_address(host):
        dot = host.find(".")
        while dot >= 0:
            yield host[dot + 1 :]
            dot = host.find(".", dot + 1)


def _domain_matches(domain: str, host: str) -> bool:
    """RFC 6265 5.1.3: is ``host`` the domain, or below it? Nothing is below an address."""
    return host == domain or (host.endswith("." + domain) and not _is_address(host))


def _is_registry(domain: str) -> bool:
    above, dot, top = domain.rpartition(".")
    return not dot or not top or (len(top) == 2 and above in _REGISTRIES)


def _path_matches(own: bytes, path: bytes) -> bool:
    """RFC 6265 5.1.4."""
    return path.startswith(own) and (own.endswith(b"/") or path[len(own) : len(own) + 1] in (b"", b"/"))


def _default_path(url: URL) -> bytes:
    """RFC 6265 5.1.4: the directory, without its slash."""
    path = url.target.partition(b"?")[0]
    return path[: path.rfind(b"/")] or b"/"
