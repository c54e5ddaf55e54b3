"""The folder listing as an HTML page: no script, both colour schemes, narrow screens, text browsers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from html import escape as escape_html

from netdaemon.interfaces import Entry
from netdaemon.protocols.http.grammar.dates import civil
from netdaemon.protocols.http.grammar.target import quote_path
from netdaemon.protocols.http.pages import STYLE
from netdaemon.wire.escape import escape

_STYLE = (
    STYLE + "h1{font-size:1.25rem;font-weight:600;margin:0 0 1rem;padding:0 .5rem;overflow-wrap:anywhere}"
    "h1 span{color:var(--dim);font-weight:400;padding:0 .15em}"
    "table{width:100%;border-collapse:collapse}"
    "th{font-weight:500;font-size:.875rem;text-align:left;border-bottom:1px solid var(--line);white-space:nowrap}"
    "th,td{padding:.4rem .5rem}th a{color:var(--dim)}"
    "td{border-bottom:1px solid var(--line)}tbody tr:hover{background:var(--hover)}"
    ".n{width:100%;overflow-wrap:anywhere}.n a{display:flex;gap:.6rem;align-items:flex-start}"
    ".s,.d{text-align:right;white-space:nowrap;color:var(--dim);font-variant-numeric:tabular-nums}"
    "svg{flex:none;width:1.1em;height:1.5em;fill:none;stroke:var(--dim);stroke-width:1.4;stroke-linejoin:round}"
    ".f svg{stroke:var(--link);fill:var(--hover)}.f a{font-weight:500}"
    "footer{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 2rem;margin:1rem .5rem}"
    "footer p{color:var(--dim);font-size:.875rem;margin:0}footer a+a{margin-left:1rem}"
    "article{margin:2rem .5rem 0;padding-top:1.25rem;border-top:1px solid var(--line);overflow-wrap:anywhere}"
    "article>:first-child{margin-top:0}article h1{font-size:1.4rem;padding:0}article h2{font-size:1.15rem}"
    "article h3,article h4{font-size:1rem}article img{max-width:100%}article pre{overflow-x:auto;overflow-wrap:normal;"
    "padding:.75rem 1rem;background:var(--hover);border-radius:.4rem;font-size:.875rem}"
    "article code{font-size:.9em}article table{width:auto;margin:1rem 0}article blockquote{margin:1rem 0;"
    "padding-left:1rem;border-left:3px solid var(--line);color:var(--dim)}"
    "@media(max-width:36rem){body{padding:1rem .25rem 2rem}.d{display:none}}"
)

_DRAWINGS = (
    '<svg style="display:none" aria-hidden="true">'
    '<symbol id="f" viewBox="0 0 18 24"><path d="M1.5 7.5v10h15v-8.5h-8l-2-2.5h-5z"/></symbol>'
    '<symbol id="d" viewBox="0 0 18 24"><path d="M3.5 4.5h7l4 4v11h-11zM10.5 4.5v4h4"/></symbol>'
    '<symbol id="u" viewBox="0 0 18 24"><path d="M9 19v-13M4 11l5-5 5 5"/></symbol></svg>'
)

SORTS = ("name", "size", "date")
_LABELS = {"name": "Name", "size": "Size", "date": "Modified"}
_CLASSES = {"name": "n", "size": "s", "date": "d"}


def head(path: bytes, sort: str, descending: bool, sortable: bool) -> str:
    """The page down to the table's first row; ``path`` is the folder's, with its trailing slash."""
    title = escape_html(escape(path))
    columns = "".join(_column(name, sort, descending, sortable) for name in SORTS)
    parent = (
        '<tr class="f"><td class="n"><a href="../"><svg aria-hidden="true"><use href="#u"/></svg>'
        '<span>Parent folder</span></a></td><td class="s"></td><td class="d"></td></tr>\n'
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Index of {title}</title>'
        '<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head><body>{_DRAWINGS}\n'
        f"<h1>{_trail(path)}</h1>\n<table><thead><tr>{columns}</tr></thead><tbody>\n"
        f"{parent if path != b'/' else ''}"
    )


def rows(entries: Sequence[Entry]) -> str:
    """A row for each entry; a size of -1 and a time of 0 are ones that nobody knows."""
    return "".join([_row(entry) for entry in entries])


def count(folders: int, documents: int, size: int) -> str:
    """``2 folders, 14 documents, 1.2 MiB``; empty when there is nothing."""
    told = [
        f"{number:,} {word}{'' if number == 1 else 's'}"
        for number, word in ((folders, "folder"), (documents, "document"))
        if number
    ]
    if documents:
        told.append(readable_size(size))
    return ", ".join(told)


def tail(count: str, note: str = "", readme: str = "", archive: bool = False, forms: bool = True) -> str:
    """What stands under the table. ``note`` is text of ours, ``readme`` HTML that is safe; ``forms`` says that the
    listing is to be had in other forms."""
    summary = f"{count}. Times are UTC." if count else "This folder is empty."
    offered = ['<a href="?zip" download>All as zip</a>'] if archive else []
    if forms:
        offered += ['<a href="?format=json">JSON</a>', '<a href="?format=text">Text</a>']
    return (
        f"</tbody></table>\n<footer><p>{summary}{' ' + note if note else ''}</p><p>{' '.join(offered)}</p></footer>\n"
        f"{f'<article>{readme}</article>' if readme else ''}</body></html>\n"
    )


def _column(name: str, sort: str, descending: bool, sortable: bool) -> str:
    cell_class, label = _CLASSES[name], _LABELS[name]
    if not sortable:
        return f'<th class="{cell_class}" scope="col">{label}</th>'
    if name != sort:
        # What one wants to see first: names from A, the biggest and the newest.
        order = "asc" if name == "name" else "desc"
        return f'<th class="{cell_class}" scope="col"><a href="?sort={name}&amp;order={order}">{label}</a></th>'
    order, aria, arrow = ("asc", "descending", "↓") if descending else ("desc", "ascending", "↑")
    return (
        f'<th class="{cell_class}" scope="col" aria-sort="{aria}">'
        f'<a href="?sort={name}&amp;order={order}">{label}\N{NO-BREAK SPACE}{arrow}</a></th>'
    )


def _trail(path: bytes) -> str:
    """The path, each folder above a link."""
    parts = path.strip(b"/").split(b"/") if path != b"/" else []
    pieces = ['<a href="/">Home</a>' if parts else "Home"]
    for index, part in enumerate(parts):
        name = f"<bdi>{escape_html(escape(part))}</bdi>"
        if index < len(parts) - 1:
            name = f'<a href="{"../" * (len(parts) - 1 - index)}">{name}</a>'
        pieces.append(name)
    return "<span>/</span>".join(pieces)


def _row(entry: Entry) -> str:
    # bdi: a name written from right to left turns nothing but itself around
    name = f"<bdi>{escape_html(escape(entry.name))}</bdi>"
    href = escape_html(link(entry))
    date = time.strftime("%Y-%m-%d %H:%M", civil(entry.modified)) if entry.modified_ns else "&ndash;"
    if entry.folder:
        return (
            f'<tr class="f"><td class="n"><a href="{href}"><svg aria-hidden="true"><use href="#f"/></svg>'
            f'<span>{name}/</span></a></td><td class="s">&ndash;</td><td class="d">{date}</td></tr>\n'
        )
    size = "&ndash;" if entry.size < 0 else readable_size(entry.size)
    return (
        f'<tr><td class="n"><a href="{href}"><svg aria-hidden="true"><use href="#d"/></svg>'
        f'<span>{name}</span></a></td><td class="s" title="{entry.size:,} bytes">{size}</td>'
        f'<td class="d">{date}</td></tr>\n'
    )


def link(entry: Entry) -> str:
    """A relative reference to the entry, percent-encoded."""
    # RFC 3986 4.2: a colon in the first part would make a scheme of it
    quoted = quote_path(entry.name).replace(b":", b"%3A").decode("ascii")
    return f"{quoted}/" if entry.folder else quoted


def readable_size(size: int) -> str:
    """``999 B``, ``1.2 KiB``, ``34 MiB``: two or three digits, rounded."""
    if size < 1000:
        return f"{size} B"
    amount, units = size / 1024, ["TiB", "GiB", "MiB", "KiB"]
    while amount >= 999.5 and len(units) > 1:
        amount /= 1024
        units.pop()
    return f"{amount:.1f} {units[-1]}" if amount < 9.95 else f"{amount:.0f} {units[-1]}"
