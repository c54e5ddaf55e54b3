"""MAIL and RCPT for an envelope, with the parameters that a server knows."""

from __future__ import annotations

from netdaemon.mail.interfaces import Envelope, Recipient
from netdaemon.mail.paths import write_path
from netdaemon.protocols.smtp.client.errors import Unsendable
from netdaemon.protocols.smtp.client.extensions import Extensions
from netdaemon.protocols.smtp.grammar import Malformed
from netdaemon.protocols.smtp.grammar.parameters import write_date, write_envid
from netdaemon.protocols.smtp.grammar.xtext import write_orcpt

_USUAL = frozenset({"FAILURE", "DELAY"})


def mail_line(envelope: Envelope, extensions: Extensions, size: int | None, *, secure: bool, now: float) -> bytes:
    """MAIL. ``size`` in octets, None when nobody knows; ``now`` in Unix seconds. Raises Unsendable."""
    words = [b"MAIL FROM:" + write_path(envelope.sender)]
    if size is not None and "SIZE" in extensions:
        if extensions.size is not None and size > extensions.size:
            raise Unsendable("5.3.4", f"the message has {size} octets, and the server takes {extensions.size}")
        words.append(b"SIZE=%d" % size)
    if envelope.body == "BINARYMIME" and not ("BINARYMIME" in extensions and "CHUNKING" in extensions):
        raise Unsendable("5.6.3", "a binary message, and the server takes none")
    if envelope.body != "7BIT":
        if envelope.body == "8BITMIME" and "8BITMIME" not in extensions:
            raise Unsendable("5.6.3", "an 8-bit message, and the server takes none")
        words.append(b"BODY=" + envelope.body.encode("ascii"))
    if envelope.utf8 or needs_utf8(envelope):
        if "SMTPUTF8" not in extensions:
            raise Unsendable("5.6.7", "the message or an address needs SMTPUTF8, which the server has not")
        words.append(b"SMTPUTF8")
    if "DSN" in extensions:
        if envelope.return_full:
            words.append(b"RET=FULL")
        if envelope.envelope_id:
            words.append(b"ENVID=" + _written(envelope.envelope_id))
    if envelope.require_tls:
        if not secure or "REQUIRETLS" not in extensions:
            raise Unsendable(
                "5.7.30", "the message must go by TLS all the way (REQUIRETLS), which the server can't say"
            )
        words.append(b"REQUIRETLS")
    words += _in_time(envelope, extensions, now)
    return b" ".join(words)


def _in_time(envelope: Envelope, extensions: Extensions, now: float) -> list[bytes]:
    words = []
    if envelope.deliver_by is not None:
        at, mode = envelope.deliver_by
        left = int(at - now)
        if mode.startswith("R"):
            # RFC 2852 section 4.1.4.1: one that must come back in time goes to those only who know of it
            if left <= 0:
                raise Unsendable("5.4.7", "the message is too late")
            if "DELIVERBY" not in extensions:
                raise Unsendable("5.3.3", "the message wants DELIVERBY, which the server has not")
        if "DELIVERBY" in extensions:
            words.append(b"BY=%d;%b" % (max(-999_999_999, min(left, 999_999_999)), mode.encode("ascii")))
    if envelope.hold_until is not None and envelope.hold_until > now:
        if "FUTURERELEASE" not in extensions:
            raise Unsendable("5.3.3", "the message is for later (FUTURERELEASE), which the server can't do")
        words.append(b"HOLDUNTIL=" + write_date(envelope.hold_until).encode("ascii"))
    return words


def _written(envelope_id: str) -> bytes:
    try:
        return write_envid(envelope_id)
    except Malformed as error:
        raise Unsendable("5.5.4", str(error)) from None


def rcpt_line(recipient: Recipient, extensions: Extensions, *, utf8: bool = False) -> bytes:
    """RCPT."""
    words = [b"RCPT TO:" + write_path(recipient.address)]
    if "DSN" in extensions:
        if recipient.notify != _USUAL:
            words.append(b"NOTIFY=" + ",".join(sorted(recipient.notify)).encode("ascii"))
        if recipient.original:
            words.append(b"ORCPT=" + write_orcpt(recipient.original, utf8=utf8))
    return b" ".join(words)


def needs_utf8(envelope: Envelope) -> bool:
    """Is there an address that is not ASCII?"""
    addresses = [recipient.address for recipient in envelope.recipients]
    if envelope.sender is not None:
        addresses.append(envelope.sender)
    return not all(address.is_ascii for address in addresses)
