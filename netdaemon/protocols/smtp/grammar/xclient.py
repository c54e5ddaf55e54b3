"""XCLIENT (Postfix' XCLIENT_README): a proxy that is trusted says for whom it speaks."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from netdaemon.mail import Malformed
from netdaemon.protocols.smtp.grammar.xtext import decode_xtext

ATTRIBUTES = ("NAME", "ADDR", "PORT", "HELO")
"""Those that are taken; what EHLO tells."""

_PAIR = re.compile(rb"([A-Za-z_]{1,20})=([!-~]*)")
_NAME = re.compile(r"[A-Za-z0-9._\[\]:-]{1,255}")
_UNKNOWN = ("[UNAVAILABLE]", "[TEMPUNAVAIL]", "")


@dataclass(frozen=True)
class Client:
    """What was said; None where nothing was, empty where it is not known."""

    name: str | None = None
    address: str | None = None
    """An IP address."""
    port: int | None = None
    helo: str | None = None


def parse_xclient(argument: bytes) -> Client:
    """XCLIENT's arguments. Raises Malformed."""
    given: dict[str, str] = {}
    for word in argument.split():
        match = _PAIR.fullmatch(word)
        name = "" if match is None else match[1].decode("ascii").upper()
        if match is None or name not in ATTRIBUTES or name in given:
            raise Malformed(f"XCLIENT wants some of {' '.join(ATTRIBUTES)}, each once, as NAME=VALUE")
        value = decode_xtext(match[2])
        given[name] = "" if value.upper() in _UNKNOWN else value
    if not given:
        raise Malformed("XCLIENT wants attributes")
    port = given.get("PORT")
    if port and not re.fullmatch("[0-9]{1,5}", port):
        raise Malformed("PORT is a number")
    for name in ("NAME", "HELO"):
        if given.get(name) and _NAME.fullmatch(given[name]) is None:
            raise Malformed(f"{name} is no host's name")
    return Client(
        name=given.get("NAME"),
        address=_address(given.get("ADDR")),
        port=int(port) if port else None,
        helo=given.get("HELO"),
    )


def _address(text: str | None) -> str | None:
    if not text:
        return text
    # IPV6: stands in front of such addresses
    bare = text[5:] if text[:5].upper() == "IPV6:" else text
    try:
        return str(ipaddress.ip_address(bare))
    except ValueError:
        raise Malformed("ADDR is no address") from None
