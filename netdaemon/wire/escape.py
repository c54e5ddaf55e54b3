"""Makes text that a peer chose fit for logs, terminals and traces: nothing in it controls anything any more.

Escaped are C0 and DEL (``\\x0a``), the C1 controls (``\\u0085``), line and paragraph separators, the bidirectional
controls (with which text can be made to read backwards), lone surrogates, and bytes that are not UTF-8 (``\\xff``).
The backslash is doubled, so that no two texts give the same result: it can be read back.
"""

from __future__ import annotations

import re

# C0, DEL and C1; the backslash; bidi controls (UAX 9: ALM, LRM, RLM, embeddings, overrides, isolates);
# U+2028 and U+2029; surrogates.
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if character == "\\":
        return "\\\\"
    number = ord(character)
    if number < 0x80:
        return f"\\x{number:02x}"
    if 0xDC80 <= number <= 0xDCFF:  # "surrogateescape": a byte that was no UTF-8
        return f"\\x{number - 0xDC00:02x}"
    return f"\\u{number:04x}"


def escape(text: str | bytes) -> str:
    """``text`` (bytes are taken for UTF-8) on one line, without a control character; see the module for the forms."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    # All that is unsafe counts as unprintable, but for the backslash.
    if text.isprintable() and "\\" not in text:
        return text
    return _UNSAFE.sub(_escaped, text)
