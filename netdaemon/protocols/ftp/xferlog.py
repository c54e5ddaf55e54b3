"""Lines of the transfer log, in the form of wu-ftpd's xferlog, which every log analyser reads."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from netdaemon.wire.escape import escape

if TYPE_CHECKING:
    from netdaemon.protocols.ftp.server import FTPSession
    from netdaemon.protocols.ftp.transfer import Transfer

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def xferlog(
    *,
    now: float,
    seconds: float,
    host: str,
    octets: int,
    path: bytes,
    ascii: bool,
    deflated: bool,
    incoming: bool,
    user: str,
    anonymous: bool,
    service: str,
    complete: bool,
) -> str:
    """``DATE SECONDS HOST OCTETS PATH a|b C|_ i|o a|r USER SERVICE 0 * c|i``; the date is local time."""
    at = time.localtime(now)
    return (
        f"{_DAYS[at.tm_wday]} {_MONTHS[at.tm_mon - 1]} {at.tm_mday:2} {at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} "
        f"{at.tm_year} {max(1, round(seconds))} {_word(host)} {octets} {_word(path)} {'a' if ascii else 'b'} "
        f"{'C' if deflated else '_'} {'i' if incoming else 'o'} {'a' if anonymous else 'r'} {_word(user)} "
        f"{_word(service)} 0 * {'c' if complete else 'i'}"
    )


def _word(text: str | bytes) -> str:
    """One column: the log knows no quotes, and has _ for each space."""
    return escape(text).replace(" ", "_") or "-"


class Record:
    """One line of the transfer log, once it is known how it went."""

    def __init__(self, session: FTPSession, path: bytes, transfer: Transfer) -> None:
        self._session = session
        self._path = path
        self._transfer = transfer
        self._user = session.user
        self._deflated = session.deflate
        self._ascii = session.ascii
        self.complete = False

    def write(self, octets: int) -> None:
        """Write it; ``octets`` went over the data connection."""
        factory = self._session.factory
        if factory.log is None:
            return
        user = self._user.decode("utf-8", "replace")
        factory.log.write(
            xferlog(
                now=factory.house.wall(),
                seconds=factory.house.clock.seconds() - self._transfer.began,
                host=self._session.peer_host,
                octets=octets,
                path=self._path,
                ascii=self._ascii,
                deflated=self._deflated,
                incoming=self._transfer.direction == "in",
                user=user,
                anonymous=user == "anonymous",
                service=factory.settings.section or "ftp",
                complete=self.complete,
            )
        )
