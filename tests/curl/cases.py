"""Which of curl's test cases apply to us, and for what reason the others don't.

A case is a file testN of curl's tests/data: what its servers are, what features it wants, and its command line.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tests.curl.options import FLAGS, SHORT, VALUES

SERVERS = {"http", "http-proxy", "ftp", "gopher", "http-ipv6", "ftp-ipv6", "gopher-ipv6"}
"""Those of the suite's servers that our clients are there for, and that need no other program (TLS needs stunnel)."""

FEATURES = {
    "http", "ftp", "gopher", "proxy", "cookies", "Mime", "crypto", "digest-auth", "basic-auth", "netrc", "IPv6",
    "Largefile", "large-time", "libz", "local-http", "form-api", "headers-api", "sha512-256", "verbose-strings",
    "parsedate", "shuffle-dns", "threaded-resolver", "xattr",
}  # fmt: skip
"""What a case may want. Beginning with "!", it wants that something be missing, which is what we have to offer."""

OTHERS = {
    "NTLM and SPNEGO": "ntlm proxy-ntlm negotiate proxy-negotiate ntlm-wb delegation krb service-name",
    "SOCKS": "socks4 socks4a socks5 socks5-hostname socks5-basic socks5-gssapi preproxy",
    "HTTP/1.0 and 0.9 spoken by the client": "http1.0 proxy1.0 http0.9 no-http0.9",
    "other ways of naming oneself (AWS, OAuth, PROXY protocol)": "aws-sigv4 oauth2-bearer haproxy-protocol "
    "haproxy-clientip login-options",
    "HSTS and Alt-Svc": "hsts alt-svc",
    "curl's own command line: variables, help, C code, xattr, IPFS": "variable libcurl help manual engine xattr "
    "ipfs-gateway never-implemented badone",
    "connecting elsewhere (interfaces, other hosts, sockets, DNS over HTTPS)": "interface local-port connect-to "
    "unix-socket abstract-unix-socket doh-url dns-servers dns-interface ech tcp-fastopen mptcp",
    "TLS options": "tlsv1 tlsv1.0 tlsv1.1 tlsv1.2 tlsv1.3 tls-max proxy-tlsv1 ssl-no-revoke tlsauthtype tlsuser "
    "tlspassword ftp-ssl-ccc cert key pubkey hostpubmd5 proxy-insecure proxy-cacert proxy-cert",
    "bodies against their framing (--raw, TE, ignored lengths)": "raw tr-encoding ignore-content-length",
    "FTP against its RFCs (PRET, addresses of PASV taken)": "ftp-pret",
}
"""Reasons, and the options by which a case has one."""


@dataclass(frozen=True)
class Case:
    """One of curl's, as far as it is looked at here."""

    number: int
    name: str
    servers: frozenset[str]
    features: frozenset[str]
    keywords: frozenset[str]
    command: str | None
    is_program: bool
    """It runs a program of its own, or a script, and no curl command."""
    disabled: bool = False
    """The suite itself leaves it out."""
    wants_words: bool = False
    """It wants curl's own words on standard error."""

    @property
    def protocol(self) -> str:
        """What it is counted as."""
        if any(server.startswith("gopher") for server in self.servers):
            return "gopher"
        if any(server.startswith("ftp") for server in self.servers):
            return "ftp"
        by_proxy = "http-proxy" in self.servers or any("proxy" in word.lower() for word in self.keywords)
        return "http by proxy" if by_proxy else "http"

    @property
    def options(self) -> set[str]:
        """The long names of the options of its command line."""
        return set(_options(self.command or ""))


def read(path: Path) -> Case:
    """A case's file."""
    text = path.read_text(encoding="latin-1")
    command = re.search(r"<command([^>]*)>(.*?)</command>", text, re.DOTALL)
    keywords = _lines(text, "keywords")
    name = _lines(text, "name")
    program = "<tool>" in text or "unittest" in keywords or command is None or "type=" in command[1]
    return Case(
        int(path.name.removeprefix("test")),
        name[0] if name else "",
        frozenset(word for line in _lines(text, "server") for word in line.split()[:1]),
        frozenset(_lines(text, "features")),
        frozenset(keywords),
        None if command is None else command[2],
        program,
        wants_words=re.search(r"<stderr[^>]*>\s*(?:Warning|curl:|Note:)", text) is not None,
    )


def read_all(suite: Path) -> list[Case]:
    """All cases of the suite whose folder ``tests`` is ``suite``, by number."""
    files = (path for path in (suite / "data").iterdir() if re.fullmatch(r"test[0-9]+", path.name))
    left_out = (suite / "data" / "DISABLED").read_text().splitlines()
    disabled = {int(line) for line in left_out if line.strip().isdigit()}
    cases = (read(path) for path in files)
    marked = (replace(case, disabled=case.number in disabled) for case in cases)
    return sorted(marked, key=lambda case: case.number)


def why_not(case: Case) -> str | None:
    """Why a case does not apply; None when it does."""
    if case.disabled:
        return "left out by the suite itself"
    if case.is_program:
        return "programs and scripts: libcurl's interface, unit tests, the tool's own documentation"
    if not case.servers <= SERVERS:
        others = sorted(case.servers - SERVERS)
        if any(name.startswith("socks") for name in others):
            return "SOCKS"
        if any(name in ("https", "ftps", "gophers", "httptls+srp") or name.startswith("https") for name in others):
            return "servers under TLS, which want stunnel"
        return "other servers: mail, files, SSH, HTTP/2, HTTP/3, MQTT, TFTP, no server at all ..."
    if not case.servers:
        return "other servers: mail, files, SSH, HTTP/2, HTTP/3, MQTT, TFTP, no server at all ..."
    if case.wants_words:
        return "curl's own words on standard error"
    missing = sorted(one for one in case.features - FEATURES if not one.startswith("!"))
    for reason, names in OTHERS.items():
        if case.options & set(names.split()):
            return reason
    if any(option.startswith("expand-") for option in case.options):
        return "curl's own command line: variables, help, C code, xattr, IPFS"
    if any(word in case.keywords for word in ("HTTP NTLM auth", "NTLM", "SPNEGO", "HTTP proxy NTLM auth")):
        return "NTLM and SPNEGO"
    if missing:
        return "features that curl is built with or without: " + "Debug, IDN, SSL, HTTP/2, brotli, zstd ..."
    unknown = case.options - VALUES - FLAGS - {option for option in case.options if option.startswith("no-")}
    if unknown - {"http1.0", "proto-default"}:
        return "options that the shim does not know: " + " ".join(sorted(unknown))
    return None


def _lines(text: str, part: str) -> list[str]:
    match = re.search(rf"<{part}(?:\s[^>]*)?>(.*?)</{part}>", text, re.DOTALL)
    return [line.strip() for line in match[1].splitlines() if line.strip()] if match else []


def _options(command: str) -> Iterator[str]:
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    left = iter(words)
    for word in left:
        if word.startswith("--") and len(word) > 2:
            yield word[2:]
            if word[2:] in VALUES:
                next(left, None)
        elif word.startswith("-") and len(word) > 1:
            letters = word[1:]
            while letters:
                name = SHORT.get(letters[0], letters[0])
                yield name
                letters = letters[1:]
                if name in VALUES:
                    if not letters:
                        next(left, None)
                    break
