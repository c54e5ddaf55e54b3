"""An SPF record, read whole (RFC 7208 sections 4.6.1, 5, 6 and 12): directives and modifiers, or `BadRecord`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from netdaemon.mail.policies.spfmacros import BadMacro, Macros, parse_macros

QUALIFIERS = {"+": "pass", "-": "fail", "~": "softfail", "?": "neutral"}
MOST_TERMS = 1000

# name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." )
_MODIFIER = re.compile(r"([A-Za-z][A-Za-z0-9._-]*)=(.*)", re.DOTALL)
_DIRECTIVE = re.compile(r"([-+?~]?)([A-Za-z][A-Za-z0-9._-]*)([:/].*)?", re.DOTALL)
# dual-cidr-length = [ ip4-cidr-length ] [ "/" ip6-cidr-length ]; no leading zeros
_NUMBER = "(0|[1-9][0-9]{0,2})"
_CIDR = re.compile(rf"(?:/{_NUMBER})?(?://{_NUMBER})?\Z")
_ONE_CIDR = re.compile(rf"([^/]+)(?:/{_NUMBER})?")
# toplabel = ( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
_TOP_LABEL = re.compile(r"(?:[A-Za-z0-9]*[A-Za-z][A-Za-z0-9]*|[A-Za-z0-9]+-[A-Za-z0-9-]*[A-Za-z0-9])")


class BadRecord(Exception):
    """A record with an error of syntax: permerror."""


@dataclass(frozen=True)
class Directive:
    """One mechanism with what it says when it matches."""

    result: str
    """pass, fail, softfail or neutral."""
    mechanism: str
    """all, include, a, mx, ptr, ip4, ip6 or exists."""
    domain: Macros | None = None
    """None means the domain that is being looked at."""
    network: IPv4Network | IPv6Network | None = None
    bits: int = 32
    bits6: int = 128
    text: str = ""
    """As the record has it."""


@dataclass(frozen=True)
class Record:
    """One record."""

    directives: tuple[Directive, ...]
    redirect: Macros | None = None
    explanation: Macros | None = None


def is_spf(record: bytes) -> bool:
    """Is this TXT record one of SPF, well-formed or not? (RFC 7208 section 4.5)"""
    return record[:6].lower() == b"v=spf1" and record[6:7] in (b"", b" ")


def parse_record(record: bytes) -> Record:
    """A record for which `is_spf`. Raises BadRecord."""
    try:
        text = record[6:].decode("ascii")
    except UnicodeDecodeError:
        raise BadRecord("octets that are not ASCII") from None
    terms = [term for term in text.split(" ") if term]
    if len(terms) > MOST_TERMS:
        raise BadRecord("too many terms")
    directives: list[Directive] = []
    modifiers: dict[str, Macros] = {}
    try:
        for term in terms:
            modifier = _MODIFIER.fullmatch(term)
            if modifier is None:
                directives.append(_directive(term))
                continue
            name = modifier[1].lower()
            if name in ("redirect", "exp"):
                if name in modifiers:
                    raise BadRecord(f"{name} twice")
                modifiers[name] = _domain_spec(modifier[2])
            else:
                parse_macros(modifier[2])  # RFC 7208 6: unknown ones are ignored, but are to be well-formed
    except BadMacro as error:
        raise BadRecord(str(error)) from None
    return Record(tuple(directives), modifiers.get("redirect"), modifiers.get("exp"))


def _directive(term: str) -> Directive:
    match = _DIRECTIVE.fullmatch(term)
    if match is None:
        raise BadRecord("what is no term")
    result, name, rest = QUALIFIERS[match[1] or "+"], match[2].lower(), match[3] or ""
    if name == "all":
        if rest:
            raise BadRecord("all with an argument")
        return Directive(result, name, text=term)
    if name in ("include", "exists"):
        return Directive(result, name, _domain_spec(_argument(rest)), text=term)
    if name == "ptr":
        return Directive(result, name, _domain_spec(_argument(rest)) if rest else None, text=term)
    if name in ("a", "mx"):
        return _with_bits(result, name, rest, term)
    if name in ("ip4", "ip6"):
        return Directive(result, name, network=_network(name, _argument(rest)), text=term)
    raise BadRecord("an unknown mechanism")


def _argument(rest: str) -> str:
    if rest[:1] != ":" or len(rest) < 2:
        raise BadRecord("a mechanism without its argument")
    return rest[1:]


def _with_bits(result: str, name: str, rest: str, term: str) -> Directive:
    cidr = _CIDR.search(rest)
    assert cidr is not None, "it matches nothing, too"
    bits = 32 if cidr[1] is None else int(cidr[1])
    bits6 = 128 if cidr[2] is None else int(cidr[2])
    if bits > 32 or bits6 > 128:
        raise BadRecord("a prefix longer than an address")
    spec = rest[: cidr.start()]
    domain = _domain_spec(_argument(spec)) if spec else None
    return Directive(result, name, domain, bits=bits, bits6=bits6, text=term)


def _network(name: str, argument: str) -> IPv4Network | IPv6Network:
    match = _ONE_CIDR.fullmatch(argument)
    if match is None or "%" in argument:
        raise BadRecord(f"no network behind {name}")
    try:
        if name == "ip4":
            return IPv4Network((match[1], int(match[2] or 32)) if match[2] else match[1], strict=False)
        return IPv6Network((match[1], int(match[2])) if match[2] else match[1], strict=False)
    except ValueError:
        raise BadRecord(f"no network behind {name}") from None


def _domain_spec(text: str) -> Macros:
    """domain-spec = macro-string domain-end. Raises BadRecord and BadMacro."""
    macros = parse_macros(text)
    if not macros.parts:
        raise BadRecord("no domain where one is wanted")
    last = macros.parts[-1]
    if isinstance(last, str):
        # domain-end = ( "." toplabel [ "." ] ) / macro-expand
        if last in ("%", " ", "%20"):  # %%, %_ and %- are macro-expands
            return macros
        _, dot, top = last.removesuffix(".").rpartition(".")
        if not dot or _TOP_LABEL.fullmatch(top) is None:
            raise BadRecord("a domain without its last label")
    return macros
