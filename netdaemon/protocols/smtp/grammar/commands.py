"""Command lines and their arguments (RFC 5321 section 4.1.1; RFC 3030 for BDAT)."""

from __future__ import annotations

import re

from netdaemon.mail import Malformed
from netdaemon.mail.addresses import Address
from netdaemon.mail.paths import parse_path

Parameters = dict[str, bytes | None]
"""ESMTP parameters: keyword in capitals to value; None for one without."""

_GREETING = re.compile(rb"[!-~]{1,255}")
_FROM = re.compile(rb"FROM: *", re.IGNORECASE)
_TO = re.compile(rb"TO: *", re.IGNORECASE)
# RFC 5321 4.1.2: esmtp-param; RFC 6531 3.3 adds UTF-8 to the value
_PARAMETER = re.compile(rb"([A-Za-z0-9][A-Za-z0-9-]{0,63})(?:=([!-<>-~\x80-\xff]+))?")
_BDAT = re.compile(rb"([0-9]{1,18})(?: +(LAST))? *", re.IGNORECASE)
_MECHANISM = re.compile(rb"([A-Za-z0-9_-]{1,20})(?: ([!-~]+))?")


def parse_greeting(argument: bytes) -> str:
    """The name in HELO, EHLO or LHLO: one word of printable ASCII, whatever it is. Raises Malformed.

    RFC 5321 4.1.4 wants a host's name and forbids to refuse mail for one that doesn't fit.
    """
    argument = argument.strip(b" ")
    if _GREETING.fullmatch(argument) is None:
        raise Malformed("one name is wanted, in ASCII")
    return argument.decode("ascii")


def parse_mail(argument: bytes) -> tuple[Address | None, Parameters]:
    """(reverse-path, parameters) of MAIL; the path is None for ``<>``. Raises Malformed."""
    return _path_and_parameters(argument, _FROM, "")


def parse_rcpt(argument: bytes, domain: str) -> tuple[Address, Parameters]:
    """(forward-path, parameters) of RCPT; ``domain`` is that of ``<Postmaster>``. Raises Malformed."""
    address, parameters = _path_and_parameters(argument, _TO, domain)
    if address is None:
        raise Malformed("<> is nobody to send to")
    return address, parameters


def _path_and_parameters(
    argument: bytes, keyword: re.Pattern[bytes], postmaster: str
) -> tuple[Address | None, Parameters]:
    match = keyword.match(argument)
    if match is None:
        raise Malformed("the argument is FROM:<address> or TO:<address>")
    # Whether SMTPUTF8 was asked for stands behind the path: the caller looks at Address.is_ascii.
    address, rest = parse_path(argument[match.end() :], utf8=True, postmaster=postmaster)
    if rest.strip(b" ") and not rest.startswith(b" "):
        raise Malformed("a space is wanted behind the path")
    return address, parse_parameters(rest)


def parse_parameters(text: bytes) -> Parameters:
    """ESMTP parameters, between spaces. Raises Malformed, also for one that stands twice."""
    found: Parameters = {}
    for word in text.split(b" "):
        if not word:
            continue
        match = _PARAMETER.fullmatch(word)
        if match is None:
            raise Malformed("a parameter is KEYWORD or KEYWORD=VALUE")
        name = match[1].decode("ascii").upper()
        if name in found:
            raise Malformed("a parameter stands twice")
        found[name] = match[2]
    return found


def parse_bdat(argument: bytes) -> tuple[int, bool]:
    """(octets, is it the last chunk?) of BDAT. Raises Malformed: then nobody knows where the next command begins."""
    match = _BDAT.fullmatch(argument)
    if match is None:
        raise Malformed("BDAT wants SIZE or SIZE LAST")
    return int(match[1]), match[2] is not None


def parse_auth(argument: bytes) -> tuple[str, bytes | None]:
    """(mechanism, initial response in base64 or None) of AUTH (RFC 4954 section 4). Raises Malformed."""
    match = _MECHANISM.fullmatch(argument)
    if match is None:
        raise Malformed("AUTH wants MECHANISM or MECHANISM RESPONSE")
    return match[1].decode("ascii"), match[2]


def parse_string(argument: bytes) -> tuple[str, bool]:
    """(text, was SMTPUTF8 said behind it?) of VRFY and EXPN (RFC 5321 4.1.1.6, RFC 6531 3.7.4.2). Raises Malformed."""
    text, space, last = argument.strip(b" ").rpartition(b" ")
    utf8 = bool(space) and last.upper() == b"SMTPUTF8"
    try:
        decoded = (text if utf8 else argument).strip(b" ").decode("utf-8" if utf8 else "ascii")
    except UnicodeDecodeError:
        raise Malformed("text that needs SMTPUTF8") from None
    if not decoded or not decoded.isprintable():
        raise Malformed("a name or an address is wanted")
    return decoded, utf8
