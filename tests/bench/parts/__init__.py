"""What is measured, in the order of the page; and what has its place for later."""

from __future__ import annotations

from tests.bench.part import Later, Part, Script
from tests.bench.parts import cgi, ftp, gopher, http, http2, lines, memory, pop3, proxy, smtp, time, tls, workers

PARTS: tuple[Part | Script, ...] = (
    *http.PARTS,
    *http2.PARTS,
    *cgi.PARTS,
    *tls.PARTS,
    *time.PARTS,
    *gopher.PARTS,
    *lines.PARTS,
    *ftp.PARTS,
    *smtp.PARTS,
    *pop3.PARTS,
    *proxy.PARTS,
    *memory.PARTS,
    *workers.PARTS,
    Script("start", "Start", "tests.bench.start"),
    Script("idle", "Idle connections, 10,000", "tests.bench.idle"),
    Script("framing", "Framing in memory", "tests.bench.framing"),
    Script("documents", "Document tree", "tests.bench.documents"),
    Script("store", "Message store", "tests.bench.store"),
)

LATER = (
    Later("IMAP", "Dovecot", "dovecot-imapd", "NOOP, FETCH, APPEND, SEARCH, IDLE"),
    Later("NNTP", "INN", "inn2", "TAKETHIS, OVER, STAT, ARTICLE in sequence and pipelined, POST"),
)


def chosen(names: list[str]) -> list[Part | Script]:
    """The parts of these names, ``http`` standing for all that begin with ``http.``; all for no names.

    Raises LookupError for a name that is none's.
    """
    for name in names:
        if not any(_is_called(part, name) for part in PARTS):
            known = " ".join(dict.fromkeys([part.name.partition(".")[0] for part in PARTS]))
            raise LookupError(f"there is no part {name!r}; there are: {known}")
    return [part for part in PARTS if not names or any(_is_called(part, name) for name in names)]


def _is_called(part: Part | Script, name: str) -> bool:
    return part.name == name or part.name.startswith(f"{name}.")
