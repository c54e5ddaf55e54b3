"""What a folder says of itself: its README, shown under its listing."""

from __future__ import annotations

import os
import re
from collections import OrderedDict
from collections.abc import Iterable
from html import escape as escape_html

from markdown_it import MarkdownIt

from netdaemon.interfaces import DocumentError, Entry, IDocuments

MOST = 16 * 1024
"""Octets of a README that are shown; to render as much of Markdown takes some ten milliseconds."""
KEPT = 64
"""Rendered ones that are kept."""

_NAMES = (b"readme.md", b"readme.markdown", b"readme.txt", b"readme")
_MARKDOWN = (b".md", b".markdown")
# Controls, and the bidirectional ones with which text can be made to read backwards (see `netdaemon.wire.escape`).
_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


class Readmes:
    """Finds and renders them. Raw HTML in Markdown is shown as text: whoever may upload must not run anything here."""

    def __init__(self, documents: IDocuments) -> None:
        self._documents = documents
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        self._kept: OrderedDict[tuple[int, int, int, int], str] = OrderedDict()

    def of(self, folder: bytes, entries: Iterable[Entry]) -> str:
        """HTML of the README among the ``entries`` of ``folder`` (which ends in a slash); empty when there is none."""
        found = {entry.name.lower(): entry for entry in entries if not entry.folder}
        entry = next((found[name] for name in _NAMES if name in found), None)
        if entry is None or not entry.size:
            return ""
        key = (entry.device, entry.inode, entry.modified_ns, entry.size)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        try:
            with self._documents.open(folder + entry.name) as document:
                data = os.pread(document.fd, MOST + 1, 0)
        except (DocumentError, OSError):
            return ""  # it went, or may not be read: there is a folder to be listed all the same
        self._kept[key] = html = self._render(entry.name, data)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return html

    def _render(self, name: bytes, data: bytes) -> str:
        if b"\0" in data:
            return ""  # no text, whatever it is called
        more = "<p>(It goes on.)</p>" if len(data) > MOST else ""
        text = _UNSEEN.sub("\ufffd", data[:MOST].decode("utf-8", "replace").replace("\r\n", "\n"))
        if name.lower().endswith(_MARKDOWN):
            return f"{self._markdown.render(text)}{more}"
        return f"<pre>{escape_html(text)}</pre>{more}"
