"""Mailroom: delivery and the outgoing queue of one configuration, opened when a kind first takes mail."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from netdaemon.accounts.names import AccountError
from netdaemon.accounts.quota import Quotas
from netdaemon.accounts.realm import Realm
from netdaemon.config.read import Config
from netdaemon.interfaces import IDeadlines
from netdaemon.mail.aliases import Aliases, read_aliases
from netdaemon.messages.errors import StoreError
from netdaemon.messages.interfaces import Quota
from netdaemon.run.errors import StartFailed
from netdaemon.run.measure import Measure
from netdaemon.run.storeroom import Storeroom
from netdaemon.wire.tlsclient import Contexts

if TYPE_CHECKING:
    from netdaemon.mail.addressmap import AddressMap
    from netdaemon.mail.delivery import Delivery
    from netdaemon.protocols.smtp.relay import Relay


ALONE = "the daemon"
"""Who holds the queue's lease where no other process could."""


class Mailroom:
    """Nothing is opened, and nothing sent, in a daemon that takes no mail. The aliases are read at once, though."""

    _log = Logger()

    def __init__(
        self,
        config: Config,
        reactor: Any,
        storeroom: Storeroom,
        realm: Realm,
        tls: Contexts,
        deadlines: IDeadlines,
        measure: Measure,
        wall: Callable[[], float],
        in_thread: Callable[..., Awaitable[Any]],
    ) -> None:
        """Raises ConfigError for an aliases file with problems."""
        self._config = config
        self._reactor = reactor
        self._storeroom = storeroom
        self._realm = realm
        self._tls = tls
        self._deadlines = deadlines
        self._measure = measure
        self._wall = wall
        self._in_thread = in_thread
        self._aliases: Aliases = read_aliases(config.mail.aliases) if config.mail.aliases is not None else {}
        self._quotas: Quotas | None = None
        self._delivery: Delivery | None = None
        self._relay: Relay | None = None

    @property
    def delivery(self) -> Delivery:
        """Raises StartFailed."""
        if self._delivery is None:
            self._open()
        assert self._delivery is not None
        return self._delivery

    def states(self) -> Mapping[str, float]:
        """How many messages of the queue are in which state; nothing in a process that doesn't send it."""
        return self._relay.states if self._relay is not None and self._relay.sending else {}

    def start(self) -> None:
        """Begin to send."""
        if self._relay is not None:
            self._relay.start()

    async def stop(self, grace: float, hurry: Deferred[None] | None = None) -> None:
        """Send no more. What is being sent may finish for so many seconds, or until ``hurry`` fires."""
        relay, self._relay = self._relay, None
        if relay is not None:
            await relay.stop(grace, hurry)

    def close(self) -> None:
        """Give the files back."""
        if self._quotas is not None:
            self._quotas.close()
            self._quotas = None

    def _open(self) -> None:
        from netdaemon.mail import books  # here, for daemons that need none of it
        from netdaemon.mail.addressmap import AddressMap
        from netdaemon.mail.delivery import Delivery
        from netdaemon.mail.schedule import Schedule
        from netdaemon.protocols.smtp.nexthop import NextHops
        from netdaemon.protocols.smtp.relay import Relay
        from netdaemon.protocols.smtp.route import Routes, open_resolver

        config, settings = self._config, self._config.mail
        store: Any = self._storeroom.messages
        hostname = config.netdaemon.hostname
        names = list(dict.fromkeys((hostname, *settings.domains)))
        folder = open_queue(config.netdaemon.data)
        try:
            self._quotas = Quotas(config.netdaemon.data)
        except AccountError as error:
            raise StartFailed(str(error)) from None
        counters = {result: self._measure.delivery(result) for result in books.RESULTS}
        addresses = AddressMap(
            names,
            self._aliases,
            self._realm.knows,
            separator=settings.separator,
            catch_all=settings.catch_all,
            postmaster=settings.postmaster,
        )
        self._look_for_postmaster(addresses)
        self._delivery = delivery = Delivery(
            store,
            folder,
            addresses,
            Schedule(settings.retry, settings.warn_after, settings.give_up_after),
            wall=self._wall,
            in_thread=self._in_thread,
            limit=self._limit,
            count=lambda result: counters[result].inc(),
        )
        self._relay = Relay(
            store,
            folder,
            delivery,
            addresses.is_local,
            Routes(settings, [hostname], open_resolver(settings, self._reactor)),
            NextHops(self._reactor, self._deadlines, hostname, self._tls).connect,
            settings,
            hostname,
            clock=self._reactor,
            wall=self._wall,
            count=lambda result: counters[result].inc(),
            # Who holds the data directory's lock, and shares it with no workers, is the only one there can be.
            holder=ALONE if config.netdaemon.workers == 1 else "",
        )

    def _look_for_postmaster(self, addresses: AddressMap) -> None:
        """RFC 5321 4.5.1: somebody reads what is sent to the postmaster."""
        from netdaemon.mail.addresses import Address
        from netdaemon.mail.addressmap import POSTMASTER

        try:
            if addresses.route(Address(POSTMASTER, addresses.hostname)).nobody:
                self._log.warn("nobody reads postmaster@{host}: set [mail] postmaster", host=addresses.hostname)
        except Exception as error:  # noqa: BLE001  # whoever can't be asked now is asked when mail comes
            self._log.debug("the postmaster can't be looked up: {error}", error=repr(error))

    def _limit(self, account: str) -> Quota | None:
        if self._quotas is None:
            return None
        return Quota(self._quotas.octets(account))


def open_queue(data: Path) -> int:
    """Make the queue's books if need be; the number of its folder. Raises StartFailed."""
    from netdaemon.mail.books import open_books
    from netdaemon.messages.store import Store, done

    try:
        with closing(Store(data)) as store:
            return done(store.write(open_books))
    except StoreError as error:
        raise StartFailed(f"the mail queue can't be opened: {error}") from None
