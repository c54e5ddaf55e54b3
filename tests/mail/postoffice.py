"""A post office for tests: a real store in a folder of its own, the accounts mulder, scully and skinner, and delivery.

office = PostOffice(self, aliases="sales: mulder, scully@example.net")
answers = office.deliver("a@example.com", "mulder@spam.egg")
self.assertEqual(office.inbox("mulder"), [...])
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail import books
from netdaemon.mail.addresses import Address, parse_address
from netdaemon.mail.addressmap import AddressMap
from netdaemon.mail.aliases import parse_aliases
from netdaemon.mail.delivery import Delivery
from netdaemon.mail.interfaces import Envelope, MailRefused, Recipient
from netdaemon.mail.letter import Letter
from netdaemon.mail.schedule import Schedule
from netdaemon.messages.interfaces import Quota
from netdaemon.messages.store import Store, done

T = TypeVar("T")

ACCOUNTS = frozenset({"mulder", "scully", "skinner"})
TEXT = b"From: a@example.com\r\nSubject: hello\r\n\r\nThe truth.\r\n"
RECEIVED = b"Received: from x by spam.egg; Wed, 1 Jan 2025 00:00:00 +0000\r\n"


def result(coming: Awaitable[T]) -> T:
    """What a coroutine gave that had nothing to wait for; raises what it raised."""

    async def awaited() -> T:
        return await coming

    return done(Deferred.fromCoroutine(awaited()))


class PostOffice:
    def __init__(
        self,
        case: SynchronousTestCase,
        aliases: str = "",
        *,
        schedule: Schedule | None = None,
        data: Path | None = None,
        **settings: str,
    ) -> None:
        if data is None:
            data = Path(case.mktemp())
            data.mkdir()
        self.data = data
        self.now = 1_000_000.0
        self.quotas: dict[str, Quota] = {}
        self.exists: Callable[[str], bool] = ACCOUNTS.__contains__
        self.counted: Counter[str] = Counter()
        self.store = Store(data, limit=self.quotas.get, wall=lambda: self.now)
        case.addCleanup(self.store.close)
        self.folder = done(self.store.write(books.open_books))
        self._numbers = itertools.count(1)
        self.addresses = AddressMap(
            ("spam.egg",), parse_aliases(aliases, Path("aliases")), lambda name: self.exists(name), **settings
        )
        self.delivery = Delivery(
            self.store,
            self.folder,
            self.addresses,
            schedule or Schedule(),
            wall=lambda: self.now,
            in_thread=_at_once,
            limit=self.quotas.get,
            count=lambda result: self.counted.update([result]),
        )

    def spool(self, octets: bytes = TEXT) -> Any:
        spool = self.store.spool()
        spool.write(octets)
        return spool.finish()

    def envelope(self, sender: str, *recipients: str | Recipient, **more: Any) -> Envelope:
        return Envelope(
            more.pop("transfer", None) or f"T{next(self._numbers)}",
            address(sender),
            tuple(one if isinstance(one, Recipient) else Recipient(parse_address(one)) for one in recipients),
            **more,
        )

    def deliver(
        self, sender: str, *recipients: str | Recipient, octets: bytes = TEXT, prefix: bytes = RECEIVED, **more: Any
    ) -> list[str]:
        """Each answer as `452 4.2.2`, "" for a yes; one alone when the message was refused as a whole."""
        envelope = self.envelope(sender, *recipients, **more)
        try:
            answers = result(self.delivery.deliver(envelope, self.spool(octets), prefix))
        except MailRefused as refused:
            answers = [refused]
        return shown(answers)

    def accept(self, recipient: str, **more: Any) -> str:
        try:
            result(self.delivery.accept(Recipient(parse_address(recipient)), self.envelope("a@example.com", **more)))
        except MailRefused as refused:
            return f"{refused.code} {refused.status}"
        return ""

    def mail(self, account: str, folder: str = "INBOX") -> list[bytes]:
        """The messages of a folder, whole."""
        found = self.store.folder(account, folder)
        bodies = [self.store.body(entry.message) for entry in self.store.entries(found.id, ((1, 1000),))]
        return [body.read_now(0, body.size) for body in bodies]

    def letters(self) -> list[Letter]:
        return done(self.store.write(lambda work: books.letters(work, "ORDER BY id")))

    def sent(self, letter: Letter) -> bytes:
        """The octets that would be sent."""
        body = self.store.body(letter.message)
        return body.read_now(letter.skip, letter.octets)

    def queue(self) -> list[tuple[str, list[str]]]:
        """(sender, recipients) of each message in the queue; what happens to a recipient behind it if it isn't sent."""
        return [
            (
                "" if letter.sender is None else str(letter.sender),
                [f"{one.recipient.address} {one.action}".rstrip() for one in letter.addressees],
            )
            for letter in self.letters()
        ]


def shown(answers: Sequence[MailRefused | None]) -> list[str]:
    return ["" if answer is None else f"{answer.code} {answer.status}" for answer in answers]


def address(text: str) -> Address | None:
    return parse_address(text) if text else None


async def _at_once(work: Callable[..., T], *arguments: Any) -> T:
    return work(*arguments)
