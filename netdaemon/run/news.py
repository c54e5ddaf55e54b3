"""News of logins on their way between the workers, and what is kept of them for workers that come later."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

from twisted.internet.interfaces import IReactorTime

from netdaemon.accounts.throttle import HOME, MOST_HOMES, Newest, News
from netdaemon.accounts.windows import MOST
from netdaemon.run.control import Message


def message_of(news: News) -> dict[str, Any]:
    """What goes over the channel; passwords are in it only as a keyed hash."""
    return {
        "failed": news.failed,
        "account": news.account,
        "where": news.where,
        "mac": None if news.mac is None else news.mac.hex(),
    }


def news_of(message: Message) -> News:
    """Back again. Raises KeyError, TypeError or ValueError."""
    failed, account, where, mac = (message[name] for name in ("failed", "account", "where", "mac"))
    if not (isinstance(failed, bool) and isinstance(account, str) and isinstance(where, str)):
        raise ValueError("no news of a login")
    if len(account) > LONGEST or len(where) > LONGEST:
        raise ValueError("news of a login with a long name")
    return News(failed, account, where, None if mac is None else bytes.fromhex(mac))


LONGEST = 64
"""Characters of an account's normal name, or of an address."""


class Chronicle:
    """The failures of the last ``window`` seconds and where accounts are at home, as far as a throttle keeps them."""

    def __init__(self, clock: IReactorTime, window: float) -> None:
        self._clock = clock
        self._window = window
        self._failures: deque[tuple[float, News]] = deque(maxlen=MOST)
        self._successes: Newest[tuple[str, str], tuple[float, News]] = Newest(MOST_HOMES)

    def add(self, news: News) -> None:
        """It has just happened."""
        now = self._clock.seconds()
        if news.failed:
            self._failures.append((now, news))
        else:
            self._successes.put((news.account, news.where), (now, news))

    def __iter__(self) -> Iterator[tuple[float, News]]:
        """(how many seconds ago, what), the oldest first; always more than 0 seconds."""
        now = self._clock.seconds()
        failures = [(when, news) for when, news in self._failures if when > now - self._window]
        successes = [(when, news) for when, news in self._successes.values() if when > now - HOME]
        for when, news in sorted(failures + successes, key=lambda entry: entry[0]):
            yield max(now - when, 0.001), news
