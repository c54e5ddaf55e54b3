"""Which domain is registered: the organizational domain of a name (RFC 7489 section 3.2), by the Public Suffix List."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec

LIBRARY = "publicsuffixlist"
MISSING = "dmarc needs the library publicsuffixlist: pip install 'netdaemon[dmarc]'"


def is_installed() -> bool:
    """Is the list here?"""
    return find_spec(LIBRARY) is not None


def organizational() -> Callable[[str], str]:
    """What tells the organizational domain of a domain in lower case: ``example.co.uk`` of ``a.b.example.co.uk``.

    A suffix itself is its own. The list comes with the library, and nothing is asked of the network. Raises
    ImportError where the library is not installed.
    """
    from publicsuffixlist import PublicSuffixList  # here, for it is an extra, and reads its list

    suffixes = PublicSuffixList(accept_unknown=True)

    def find(domain: str) -> str:
        return suffixes.privatesuffix(domain) or domain

    return find
