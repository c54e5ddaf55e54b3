"""Lines as ``ls -l`` prints them, which every client can read (RFC 959 leaves the form of LIST open)."""

from __future__ import annotations

from netdaemon.protocols.ftp.grammar.times import format_ls

_BITS = tuple(
    b"%b%b%b" % (b"r" if bits & 4 else b"-", b"w" if bits & 2 else b"-", b"x" if bits & 1 else b"-")
    for bits in range(8)
)


def permissions(mode: int) -> bytes:
    """``rwxr-xr-x`` of permission bits."""
    return _BITS[mode >> 6 & 7] + _BITS[mode >> 3 & 7] + _BITS[mode & 7]


def ls_line(name: bytes, *, folder: bool, mode: int, size: int, modified: float, now: float) -> bytes:
    """One line, without its end. Owners are nobody's business: all is ftp's."""
    return b"%b%b 1 ftp      ftp      %12d %b %b" % (
        b"d" if folder else b"-",
        permissions(mode),
        size,
        format_ls(modified, now),
        name,
    )
