"""Throttle: who guesses passwords waits first, longer each time, and then is banned for a while.

What is counted, for `throttle-window` after each failed login:

- For the address (one IPv4 address, one IPv6 /64) and the wider networks around it (/26, /24, /16; /56, /48), whose
  limits grow with their width (see `origin`); `throttle-failures` of one address ban it.
- For the account, from wherever; its limit is five times that of an address. Its ban holds for addresses from which
  the account has not logged in lately: guessing from all over the world locks out nobody from home.
- The same wrong password for the same account counts once: a phone that still has the old one is no attacker.

Delays: a login waits until `throttle-delay` has passed since the last failure, doubled with each further one, up to
`throttle-most`; the failures are those of its address, and those of its account unless the account has logged in
from this address lately. A success forgets the account's failures at the address as far as delays go; the windows
that ban are not touched by it, or one account of his own would let somebody try all the others.

Trusted networks, and UNIX sockets, wait and are never banned; what fails there counts for nobody else either.

Where several processes serve, each has a throttle, and each hears of the logins at the others (`share`, `hear`): all
of them come to the same answers.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from netdaemon.accounts.bans import Bans
from netdaemon.accounts.names import normal_name
from netdaemon.accounts.origin import Origin, origin_named
from netdaemon.accounts.windows import Windows
from netdaemon.config.settings import AccountsSettings

ACCOUNT_FACTOR = 5
"""How many times the failures of one address ban an account."""

HOME = 86_400.0
"""Seconds for which an account is at home where it has logged in."""

RETELL = 3600.0
"""Seconds for which the others need not hear again that an account has logged in from home."""

MOST_PLACES = 8192
MOST_NAMES = 64
MOST_SECRETS = 16_384
MOST_HOMES = 8192

K = TypeVar("K")
V = TypeVar("V")

log = Logger()


class Newest(Generic[K, V]):
    """A dict that keeps the newest ``most`` of its entries."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        return self._entries.get(key)

    def put(self, key: K, value: V) -> None:
        """Set it, as the newest."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self._most:
            self._entries.popitem(last=False)

    def pop(self, key: K) -> None:
        self._entries.pop(key, None)

    def values(self) -> list[V]:
        return list(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)


Failures = tuple[int, float]
"""(how many, when the last was)."""


@dataclass(frozen=True)
class News:
    """How one login ended, for the other processes' throttles."""

    failed: bool
    account: str
    """Its normal name, "" for what can't be one."""
    where: str
    """`Origin.text`."""
    mac: bytes | None = None
    """Of the wrong password, under the key that the processes share; None where it can't be known."""


class Throttle:
    """Asked before a login (`banned`, `wait`), told of its end (`failed`, `succeeded`)."""

    def __init__(self, settings: AccountsSettings, clock: IReactorTime, bans: Bans) -> None:
        self._settings = settings
        self._clock = clock
        self._bans = bans
        bans.on_lifted = self._forget
        self._windows = Windows(settings.throttle_window)
        self._places: Newest[str, Newest[str, Failures]] = Newest(MOST_PLACES)
        self._homes: Newest[tuple[str, str], float] = Newest(MOST_HOMES)
        self._key = secrets.token_bytes(32)
        self._secrets: Newest[bytes, float] = Newest(MOST_SECRETS)
        self._tell: Callable[[News], object] = lambda news: None

    def share(self, key: bytes, tell: Callable[[News], object]) -> None:
        """Before the first login: ``tell`` the others of each; ``key``, theirs too, hides the wrong passwords."""
        self._key = key
        self._tell = tell

    def hear(self, news: News, ago: float = 0.0) -> None:
        """Another process's login ended ``ago`` seconds ago. Raises ValueError for what is no news.

        News from before this process was (``ago`` is not 0, and they come in their order, before all others) ban
        nobody: those bans are in the database.
        """
        where = origin_named(news.where)
        if where.text != news.where or news.account != (normal_name(news.account) or ""):
            raise ValueError("no account's name, or nowhere it can come from")
        when = self._clock.seconds() - ago
        if news.failed:
            self._failed(when, news.account, where, news.mac, bans=not ago)
        else:
            self._succeeded(when, news.account, where)

    def banned(self, name: str, where: Origin) -> float:
        """For how many seconds still this account may not log in from there; 0.0 when it may."""
        if self._trusts(where):
            return 0.0
        subjects = [network for network, _ in where.networks]
        account = normal_name(name)
        if account is not None and not self.is_home(account, where):
            subjects.append(account)
        return self._bans.seconds(subjects)

    def wait(self, name: str, where: Origin) -> float:
        """How many seconds a login that comes now has to wait."""
        now = self._clock.seconds()
        name = normal_name(name) or ""
        at_home = self.is_home(name, where)
        place = self._places.get(where.place)
        failures = []
        if place is not None:
            # at home an account pays for itself only, not for who else sits behind the same address
            mine = [place.get(name)] if at_home else place.values()
            recent = [entry for entry in mine if entry is not None and self._is_recent(entry[1], now)]
            if recent:
                failures.append((sum(count for count, _ in recent), max(last for _, last in recent)))
        if name and not at_home and (count := self._windows.count(now, name)):
            failures.append((count, self._windows.last(name)))
        return max([0.0, *(last + self._delay(count) - now for count, last in failures)])

    def failed(self, name: str, where: Origin, secret: bytes | None = None) -> None:
        """A login failed. ``secret`` is what was wrong; None, where it can't be known, always counts anew."""
        account = normal_name(name) or ""
        mac = self._mac(account or name, secret) if secret is not None else None
        self._failed(self._clock.seconds(), account, where, mac)
        self._tell(News(True, account, where.text, mac))

    def _failed(self, now: float, account: str, where: Origin, mac: bytes | None, *, bans: bool = True) -> None:
        again = mac is not None and self._was_seen(now, mac)
        self._delay_place(now, account, where, again)
        if again or self._trusts(where):
            return
        limits = dict(where.networks)
        if account:
            limits[account] = ACCOUNT_FACTOR
        self._windows.add(now, limits)
        for subject, factor in limits.items():
            count = self._windows.count(now, subject)
            if count >= self._settings.throttle_failures * factor:
                self._windows.forget(subject)
                if bans:
                    self._ban(subject, count)

    def _ban(self, subject: str, count: int) -> None:
        self._bans.add(subject, self._settings.ban, count)
        log.warn(
            "{subject} is banned for {seconds:.0f} s after {count} failed logins",
            subject=subject,
            seconds=self._settings.ban,
            count=count,
        )

    def succeeded(self, name: str, where: Origin) -> None:
        """A login succeeded."""
        account = normal_name(name) or ""
        now = self._clock.seconds()
        until = self._homes.get((account, where.place))
        had_failed = self._succeeded(now, account, where)
        if had_failed or until is None or until < now + HOME - RETELL:
            self._tell(News(False, account, where.text))

    def _succeeded(self, now: float, account: str, where: Origin) -> bool:
        """Forget its failures there, and that it is at home; had it any?"""
        self._homes.put((account, where.place), now + HOME)
        place = self._places.get(where.place)
        if place is None:
            return False
        had_failed = place.get(account) is not None
        place.pop(account)
        if not len(place):
            self._places.pop(where.place)
        return had_failed

    def is_home(self, name: str, where: Origin) -> bool:
        """Has the account logged in from there lately?"""
        until = self._homes.get((name, where.place))
        return until is not None and self._clock.seconds() < until

    def _trusts(self, where: Origin) -> bool:
        return where.address is None or where.within(self._settings.trusted)

    def _delay(self, failures: int) -> float:
        # 2 ** 30 delays are more than any `throttle-most`, and no overflow
        return min(self._settings.throttle_most, self._settings.throttle_delay * 2.0 ** min(failures - 1, 30))

    def _is_recent(self, when: float, now: float) -> bool:
        return when > now - self._settings.throttle_window

    def _delay_place(self, now: float, name: str, where: Origin, again: bool) -> None:
        place = self._places.get(where.place)
        if place is None:
            place = Newest(MOST_NAMES)
        self._places.put(where.place, place)
        before = place.get(name)
        count = before[0] if before is not None and self._is_recent(before[1], now) else 0
        # a repeated password waits again, but no longer than before
        place.put(name, (max(1, count if again else count + 1), now))

    def _mac(self, name: str, secret: bytes) -> bytes:
        # under a key of this run, and never written: what is kept says nothing about the password
        return hmac.digest(self._key, name.encode("utf-8", "surrogatepass") + b"\0" + secret, hashlib.sha256)

    def _was_seen(self, now: float, mac: bytes) -> bool:
        when = self._secrets.get(mac)
        seen = when is not None and self._is_recent(when, now)
        self._secrets.put(mac, when if seen and when is not None else now)
        return seen

    def _forget(self, subject: str) -> None:
        """Its ban was lifted: begin anew."""
        self._windows.forget(subject)
        self._places.pop(subject)
