"""SMTP's paths: what stands behind MAIL FROM: and RCPT TO: (RFC 5321 section 4.1.2, RFC 6531 section 3.3)."""

from __future__ import annotations

import re

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import MAX_PATH, Address, split_local

# A-d-l: @host,@host: in front of the mailbox
_HOST = rb"@(?:\[[^\]<>\s]++\]|[^\s<>@,:\[\]\"]++)"
_ROUTE = re.compile(rb"%b(?:,%b)*+:" % (_HOST, _HOST))


def parse_path(text: bytes, *, utf8: bool = False, postmaster: str = "") -> tuple[Address | None, bytes]:
    """(address, what follows) of a path at the beginning of ``text``; the address is None for ``<>``.

    ``utf8``: SMTPUTF8 was asked for. A source route is read and left out (RFC 5321 appendix C). With ``postmaster``,
    a domain, ``<Postmaster>`` alone is that domain's (section 4.1.1.3). Raises Malformed.
    """
    if not text.startswith(b"<"):
        raise Malformed("a path begins with <")
    if text.startswith(b"<>"):
        return None, text[2:]
    if postmaster and text[:12].lower() == b"<postmaster>":
        return Address("postmaster", postmaster), text[12:]
    route = _ROUTE.match(text, 1)
    start = route.end() if route else 1
    # A path's octets count, quoting and all; so nothing longer needs to be looked at.
    head = text[start : start + MAX_PATH + 1]
    try:
        decoded = head.decode("utf-8", "surrogateescape") if utf8 else head.decode("ascii")
    except UnicodeDecodeError:
        raise Malformed("an address that needs SMTPUTF8") from None
    local, end = split_local(decoded, 0)
    if decoded[end : end + 1] != "@":
        raise Malformed("no @ behind the local part")
    close = decoded.find(">", end)
    if close < 0:
        raise Malformed("a path ends with >, within 256 octets")
    address = Address(local, decoded[end + 1 : close])
    return address, text[start + len(decoded[: close + 1].encode("utf-8", "surrogateescape")) :]


def write_path(address: Address | None) -> bytes:
    """A path as it is sent; ``<>`` for None."""
    return b"<>" if address is None else f"<{address}>".encode()
