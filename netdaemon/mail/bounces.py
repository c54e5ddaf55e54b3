"""What senders are told of the queue's messages: reports (RFC 3464), delivered like any other mail, from ``<>``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.logger import Logger

from netdaemon.mail.addresses import Address, Mailbox
from netdaemon.mail.addressmap import POSTMASTER
from netdaemon.mail.compose import new_message_id
from netdaemon.mail.interfaces import Envelope, IDelivery, MailRefused, Recipient
from netdaemon.mail.letter import Addressee, Letter
from netdaemon.mail.reports import FAILED, Outcome, delivery_report

MOST_RETURNED = 1 << 20
"""Octets of a message that is returned whole; of a larger one, the header."""
HEADER = 64 << 10
MAILER = "mailer-daemon"
LAST = "/last"
"""What the name of a report ends with that nobody is told of when it fails."""


class Reporter:
    """Writes reports and hands them to ``delivery``. ``read`` gives octets of a letter as they are sent."""

    _log = Logger()

    def __init__(
        self,
        delivery: IDelivery,
        hostname: str,
        *,
        wall: Callable[[], float],
        read: Callable[[Letter, int, int], bytes],
        to_postmaster: bool = True,
    ) -> None:
        self._delivery = delivery
        self._hostname = hostname
        self._wall = wall
        self._read = read
        self._to_postmaster = to_postmaster

    async def report(self, letter: Letter, addressees: Sequence[Addressee], retried_until: float | None = None) -> None:
        """Tell the sender what became of these. What can't be told him goes to the postmaster, or nowhere.

        The same report handed over again, as after a crash, is not doubled. Raises MailRefused when it can't be told
        just now.
        """
        name = f"{letter.transfer}/{letter.id}/report{letter.reports}"
        if letter.sender is not None:
            octets = self._compose(letter, addressees, letter.sender, retried_until)
            if await self._hand_over(octets, letter.sender, name):
                return
        # A report is never answered with one: it came from <>, and so did this one.
        failed = [one for one in addressees if one.action == FAILED]
        postmaster = Address(POSTMASTER, self._hostname)
        if not self._to_postmaster or not failed or letter.transfer.endswith(LAST):
            self._log.info("{transfer}: nobody can be told that it failed", transfer=letter.transfer)
            return
        octets = self._compose(letter, failed, postmaster, None)
        if not await self._hand_over(octets, postmaster, name + LAST):
            self._log.warn("{transfer} failed, and there is no postmaster who could be told", transfer=letter.transfer)

    def _compose(
        self, letter: Letter, addressees: Sequence[Addressee], to: Address, retried_until: float | None
    ) -> bytes:
        whole = letter.options.return_full and letter.octets <= MOST_RETURNED
        now = self._wall()
        return delivery_report(
            [_outcome(one, retried_until) for one in addressees],
            host=self._hostname,
            sender=Mailbox(Address(MAILER, self._hostname), "Mail delivery"),
            to=to,
            now=now,
            message_id=new_message_id(self._hostname, now),
            returned=self._read(letter, 0, letter.octets if whole else HEADER),
            whole=whole,
            arrived=letter.arrived,
            envelope_id=letter.options.envelope_id,
        )

    async def _hand_over(self, octets: bytes, to: Address, transfer: str) -> bool:
        """False when it is refused for good."""
        envelope = Envelope(
            transfer, None, (Recipient(to, frozenset({"NEVER"})),), protocol="LMTP", trusted=True, utf8=not to.is_ascii
        )
        spool = self._delivery.spool()
        try:
            spool.write(octets)
            spool.finish()
            (answer,) = await self._delivery.deliver(envelope, spool)
        except MailRefused as refused:
            answer = refused
        finally:
            spool.abort()
        if answer is None:
            return True
        if answer.temporary:
            raise answer
        return False


def _outcome(one: Addressee, retried_until: float | None) -> Outcome:
    return Outcome(
        one.recipient.address,
        one.action,
        one.status,
        diagnostic=one.reply,
        remote_host=one.host,
        original=one.recipient.original,
        last_attempt=one.last_try,
        retried_until=retried_until if one.action == "delayed" else None,
    )
