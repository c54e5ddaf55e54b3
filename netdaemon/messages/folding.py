"""Text as searches and threads compare it: without case, and subjects without what replies add."""

from __future__ import annotations

import re
import unicodedata

# RFC 5256 section 2.1: subj-refwd with its blobs, subj-blob, and the trailers
_LEADER = re.compile(r"(?:\[[^\[\]]*\]\s*)*(?:re|fwd?)\s*(?:\[[^\[\]]*\]\s*)?:\s*", re.IGNORECASE)
_BLOB = re.compile(r"\[[^\[\]]*\]\s*(?=\S)")
_TRAILER = re.compile(r"\s*\(fwd\)\s*\Z", re.IGNORECASE)
_FORWARDED = re.compile(r"\[fwd:(.*)\]\Z", re.IGNORECASE | re.DOTALL)
_SPACE = re.compile(r"\s+")

MOST = 64
"""Leaders and trailers that are taken off; who writes more means something else."""


def folded(text: str) -> str:
    """What two texts have in common that differ in case only (RFC 5051)."""
    return text.lower() if text.isascii() else unicodedata.normalize("NFKD", text.casefold())


def base_subject(subject: str) -> tuple[str, bool]:
    """(what a message's subject shares with its replies', folded; does it say that it answers or forwards another?)

    RFC 5256 section 2.1.
    """
    text, reply = _SPACE.sub(" ", subject).strip(), False
    for _ in range(MOST):
        before = text
        if trailer := _TRAILER.search(text):
            text, reply = text[: trailer.start()], True
        if leader := _LEADER.match(text):
            text, reply = text[leader.end() :], True
        elif blob := _BLOB.match(text):
            text = text[blob.end() :]
        if wrapped := _FORWARDED.fullmatch(text):
            text, reply = wrapped[1].strip(), True
        if text == before:
            break
    return folded(text.strip()), reply
