"""Mail's domains: what is one, and which are the same (RFC 5321 section 4.1.2 and 4.1.3, RFC 5890, RFC 6531)."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from netdaemon.mail import Malformed

MAX_DOMAIN = 255
"""Octets (RFC 5321 4.5.3.1.2), as they are written."""

# sub-domain = Let-dig [Ldh-str]. Underscores are no part of it, but hosts have them, and mail is sent to those.
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)*+{_LABEL}")
_GENERAL = re.compile(r"[A-Za-z0-9-]*[A-Za-z0-9]:[!-Z^-~]+")


def check_domain(text: str) -> str:
    """A domain or an address literal as RFC 5321 and RFC 6531 have them; raises Malformed for anything else."""
    if len(text.encode("utf-8", "replace")) > MAX_DOMAIN:
        raise Malformed("a domain of more than 255 octets")
    if text.startswith("["):
        _check_literal(text)
    elif text.isascii():
        if _DOMAIN.fullmatch(text) is None:
            raise Malformed("no domain")
    else:
        to_ascii(text)
    return text


def to_ascii(domain: str) -> str:
    """A domain with A-labels only, in lower case (RFC 5891). Raises Malformed when it has none."""
    if domain.isascii():
        return domain.lower()
    if len(domain) > MAX_DOMAIN:
        raise Malformed("a domain of more than 255 octets")
    return _to_ascii(domain)


def comparable(domain: str) -> str:
    """What two domains have in common that are one: case, U- and A-labels, spellings of an address. Never raises."""
    if domain.startswith("["):
        literal = domain[1:].removesuffix("]").lower()
        try:
            if literal.startswith("ipv6:"):
                return f"[ipv6:{IPv6Address(literal[5:]).compressed}]"
        except AddressValueError:
            pass
        return domain.lower()
    try:
        return to_ascii(domain)
    except Malformed:
        return domain.lower()


def same_domain(one: str, other: str) -> bool:
    """Are these one domain?"""
    return one == other or comparable(one) == comparable(other)


@lru_cache(1024)
def _to_ascii(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        raise Malformed("a domain that IDNA does not allow") from None


def _check_literal(text: str) -> None:
    """RFC 5321 4.1.3: [192.0.2.1], [IPv6:2001:db8::1], [tag:anything]."""
    inside = text[1:-1]
    if not text.endswith("]") or not inside or not text.isascii():
        raise Malformed("an address literal without its bracket")
    tag, colon, address = inside.partition(":")
    try:
        if not colon:
            IPv4Address(inside)
        elif tag.lower() == "ipv6":
            if "%" in address:  # a zone is a name on one host only
                raise Malformed("an address literal with a zone")
            IPv6Address(address)
        elif _GENERAL.fullmatch(inside) is None:
            raise Malformed("no address literal")
    except AddressValueError:
        raise Malformed("an address literal that is no address") from None
