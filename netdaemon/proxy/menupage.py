"""A Gopher menu as an HTML page, in the dress of the folder listings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape as escape_html

from netdaemon.protocols.gopher.grammar.menu import Item, clean
from netdaemon.protocols.gopher.grammar.url import url_of
from netdaemon.protocols.http.pages import html

_STYLE = (
    "h1{font-size:1.25rem;font-weight:600;margin:0 0 1rem;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}td{padding:.05rem .5rem;vertical-align:top}"
    "td:first-child{color:var(--dim);text-align:right;white-space:nowrap;font-size:.875rem;width:4rem}"
    "td:last-child{white-space:pre-wrap;overflow-wrap:anywhere;font-family:ui-monospace,Menlo,Consolas,monospace}"
    "input,button{font:inherit;padding:.3rem .5rem}"
)
_KINDS = {
    "0": "text", "1": "menu", "2": "CSO", "4": "BinHex", "5": "archive", "6": "uuencode", "7": "search", "8": "telnet",
    "9": "binary", "g": "image", "I": "image", "p": "image", "h": "page", "s": "sound", ";": "film", "d": "document",
    "T": "3270", "3": "error",
}  # fmt: skip
# What a browser runs is not among them.
_FIT = re.compile(r"(?:https?|gophers?|ftp|telnet|tn3270|mailto|news|nntp):[!-~]+", re.IGNORECASE).fullmatch


def menu(title: str, items: Sequence[Item], more: bool) -> bytes:
    """The page of a menu; ``more`` says that not all of it is there."""
    rows = "\n".join(map(_row, items))
    note = "<p>The rest of this menu is not shown.</p>" if more else ""
    name = escape_html(clean(title))
    return html(name, _STYLE, f"<h1>{name}</h1><table><tbody>\n{rows}\n</tbody></table>{note}")


def question(title: str) -> bytes:
    """The page that asks for the words of a search."""
    name = escape_html(clean(title))
    field = '<input name="q" type="search" aria-label="Words to search for" autofocus required>'
    return html(name, _STYLE, f'<h1>{name}</h1><form method="get">{field} <button>Search</button></form>')


def _row(item: Item) -> str:
    text = f"<bdi>{escape_html(clean(item.description)) or ' '}</bdi>"
    url = _url(item)
    if url is not None:
        text = f'<a href="{escape_html(url)}">{text}</a>'
    kind = "" if item.type == "i" else _KINDS.get(item.type, "other")
    return f"<tr><td>{kind}</td><td>{text}</td></tr>"


def _url(item: Item) -> str | None:
    """Where it leads; None for nowhere, and for where nobody should be led."""
    try:
        url = url_of(item)
    except ValueError:
        return None
    return url if _FIT(url) else None
