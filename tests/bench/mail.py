"""What a message costs: its summary, which is made once per delivery, and what IMAP makes of what was kept."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable

from netdaemon.mail.bodystructure import body_of
from netdaemon.mail.nstring import sent
from netdaemon.mail.parts import find_section
from netdaemon.mail.summary import summarise

ROUNDS = 5
KIBI, MEBI = 1 << 10, 1 << 20

HEADER = b"""Received: from mail.example.org (mail.example.org [192.0.2.1])
\tby spam.egg (netdaemon) with ESMTPS id 4abc
\tfor <mulder@spam.egg>; Wed, 25 Nov 2026 20:45:46 +0000
Received: from client.example.org (unknown [192.0.2.7])
\tby mail.example.org with ESMTPSA id 77;
\tWed, 25 Nov 2026 20:45:40 +0000
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.org;
\ts=20240101; t=1732567540; h=from:to:cc:subject:date:message-id;
\tbh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=;
\tb=dzdVyOfAKCdLXdJOc9G2q8LoXSlEniSbav+yuU4zGeeruD00lszZVoG4ZHRNiYzR
Message-ID: <20261125204540.77@example.org>
Date: Wed, 25 Nov 2026 20:45:40 +0000
From: Alice Example <alice@example.org>
To: Fox Mulder <mulder@spam.egg>
Cc: "Scully, Dana" <scully@spam.egg>
Subject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from the field
References: <a@example.org> <b@example.org>
In-Reply-To: <b@example.org>
User-Agent: Example/1.0
MIME-Version: 1.0
""".replace(b"\n", b"\r\n")
LINE = b"The quick brown fox jumps over the lazy dog, and then it does it again today.\r\n"


def lines(size: int) -> bytes:
    """So many octets of text."""
    return LINE * (size // len(LINE))


def multipart(subtype: bytes, *parts: bytes) -> bytes:
    """A whole message of these parts, each with its Content-* fields."""
    boundary = b"----=_Part_1234_5678.9012"
    head = b'Content-Type: multipart/%b; boundary="%b"\r\n\r\n' % (subtype, boundary)
    body = b"".join([b"--%b\r\n%b\r\n" % (boundary, part) for part in parts])
    return HEADER + head + body + b"--%b--\r\n" % boundary


QP = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
PLAIN = HEADER + b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + lines(9 * KIBI)
ALTERNATIVE = multipart(
    b"alternative",
    b"Content-Type: text/plain; charset=utf-8\r\n" + QP + lines(4400),
    b"Content-Type: text/html; charset=utf-8\r\n" + QP + b"<html><body>" + lines(4400) + b"</body></html>",
)
HTML = (
    HEADER + b"Content-Type: text/html; charset=utf-8\r\n\r\n<html><head><style>" + b"p { color: red }\r\n" * 500
    + b"</style></head><body>" + b"<div class='x'><p>The quick &amp; brown fox</p></div>\r\n" * 1500
)  # fmt: skip
ATTACHMENT = b'Content-Type: image/png; name="a b.png"\r\nContent-Disposition: attachment; filename="a b.png"\r\n'
MANY = multipart(b"mixed", *[ATTACHMENT + b"Content-Transfer-Encoding: base64\r\n\r\nAAAA"] * 100)
LARGE = multipart(
    b"mixed",
    b"Content-Type: text/plain\r\n\r\nSee what is attached.",
    ATTACHMENT
    + b"Content-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(bytes(range(256)) * (10 * MEBI * 3 // 4 // 256)).replace(b"\n", b"\r\n"),
)
DASHES = (
    b"".join([b"Content-Type: multipart/mixed; boundary=%c%d\r\n\r\n--%c%d\r\n" % (65 + n % 26, n, 65 + n % 26, n)
              for n in range(100)])
    + b"\r\n" + b"\n--" * (10 * MEBI // 3)
)  # fmt: skip


def best(call: Callable[[], object], times: int) -> float:
    """Seconds of one call, the best of five rounds."""
    found = float("inf")
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        for _ in range(times):
            call()
        found = min(found, (time.perf_counter() - begin) / times)
    return found


def summary(what: str, message: bytes, times: int, piece: int = 64 * KIBI) -> None:
    pieces = [message[start : start + piece] for start in range(0, len(message), piece)]
    seconds = best(lambda: summarise(pieces), times)
    print(f"{what:<58} {seconds * 1e6:>10.1f} us {len(message) / seconds / 1e6:>8.0f} MB/s")


def response(what: str, call: Callable[[], object]) -> None:
    print(f"{what:<58} {best(call, 5000) * 1e6:>10.1f} us")


def main() -> None:
    summary("summary of 10 KiB of plain text", PLAIN, 1000)
    summary("summary of 10 KiB of multipart/alternative", ALTERNATIVE, 1000)
    summary("summary of 90 KiB of HTML", HTML, 200)
    summary("summary of 100 small attachments", MANY, 100)
    summary("summary of an attachment of 10 MiB, in pieces", LARGE, 3)
    summary("summary of an attachment of 10 MiB, whole", LARGE, 3, len(LARGE))
    summary("summary of 10 MiB of what begins as boundaries do", DASHES, 1)
    kept, many = summarise([ALTERNATIVE]), summarise([MANY])
    response("ENVELOPE of what is kept", lambda: sent(kept.envelope))
    response("BODYSTRUCTURE of what is kept", lambda: body_of(kept.bodystructure))
    response("BODY of what is kept", lambda: body_of(kept.bodystructure, extended=False))
    response("where BODY[2] is", lambda: find_section(kept.bodystructure, (2,)))
    response("where BODY[100] is", lambda: find_section(many.bodystructure, (100,)))


if __name__ == "__main__":
    main()
