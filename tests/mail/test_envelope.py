"""ENVELOPE, BODY and BODYSTRUCTURE as responses, and sections by number."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.addresslist import Listed
from netdaemon.mail.bodystructure import body_of, kept_structure
from netdaemon.mail.envelope import EMPTY, kept_envelope, read_envelope
from netdaemon.mail.header import Header
from netdaemon.mail.nstring import nstring, sent, values
from netdaemon.mail.parts import Section, find_section
from netdaemon.mail.structure import Part, read_structure
from tests.mail.kit import crlf
from tests.mail.test_structure import NESTED, tricky


def parsed(response: bytes) -> object:
    """A response's text as nested lists, read as a client reads it; nothing may be left."""
    place = 0

    def value() -> object:
        nonlocal place
        if response[place : place + 1] == b"(":
            place += 1
            inner = []
            while response[place : place + 1] != b")":
                inner.append(value())
                if response[place : place + 1] == b" ":
                    place += 1
                    assert response[place : place + 1] not in (b")", b" "), response[place:]
            place += 1
            return inner
        if response[place : place + 1] == b'"':
            place += 1
            text = bytearray()
            while response[place] != 0x22:
                place += response[place] == 0x5C
                assert response[place] not in (0, 10, 13)
                text.append(response[place])
                place += 1
            place += 1
            return bytes(text)
        if response[place : place + 1] == b"{":
            end = response.index(b"}\r\n", place)
            size, start = int(response[place + 1 : end]), end + 3
            place = start + size
            assert b"\0" not in response[start:place] and len(response) >= place
            return response[start:place]
        if response.startswith(b"NIL", place):
            place += 3
            return None
        start = place
        while response[place : place + 1].isdigit():
            place += 1
        return int(response[start:place])

    found = value()
    assert place == len(response), response[place:]
    return found


class StringTests(SynchronousTestCase):
    def test_forms(self) -> None:
        for value, plain, utf8 in (
            (None, b"NIL", b"NIL"),
            (b"", b'""', b'""'),
            (b"NIL", b'"NIL"', b'"NIL"'),
            (b"a b", b'"a b"', b'"a b"'),
            (b'a"b\\', b'"a\\"b\\\\"', b'"a\\"b\\\\"'),
            ("ü".encode(), b"{2}\r\n\xc3\xbc", b'"\xc3\xbc"'),
            ('ü"'.encode(), b'{3}\r\n\xc3\xbc"', b'"\xc3\xbc\\""'),
            (b"\xfc", b"{1}\r\n\xfc", b"{1}\r\n\xfc"),
            (b"\0\1\2\3\4\r\nx\x1b", b'"?????  x\x1b"', b'"?????  x\x1b"'),
            (b"\3\xff\4\r\n", b"{5}\r\n?\xff?  ", b"{5}\r\n?\xff?  "),
        ):
            kept = nstring(value)
            self.assertEqual((sent(kept), sent(kept, utf8=True)), (plain, utf8), value)

    @given(st.lists(st.none() | st.binary(max_size=12), max_size=4))
    def test_there_and_back(self, strings: list[bytes | None]) -> None:
        kept = b"(%b)" % b" ".join(map(nstring, strings))
        tamed = bytes.maketrans(b"\0\1\2\3\4\r\n", b"?????  ")
        wanted = [None if each is None else each.translate(tamed) for each in strings]
        self.assertEqual(values(kept), [wanted])
        self.assertEqual(parsed(sent(kept)), wanted)
        self.assertEqual(parsed(sent(kept, utf8=True)), wanted)


class EnvelopeTests(SynchronousTestCase):
    def check(self, block: str | bytes, wanted: bytes, *, utf8: bool = False) -> None:
        kept = kept_envelope(Header(block.encode() if isinstance(block, str) else block))
        self.assertEqual(sent(kept, utf8=utf8), wanted)
        parsed(wanted)

    def test_all_fields(self) -> None:
        self.check(
            "Message-ID: <m@x>\nIn-Reply-To: <r@x>\nDate: Sun, 6 Nov 1994 08:49:37 +0000\nSubject: what is it\n"
            "From: F F <f@x>\nTo: T <t@x>\nCc: C <c@x>\nBcc: B <b@x>\nSender: S <s@x>\nReply-To: R <r@x>\n",
            b'("Sun, 6 Nov 1994 08:49:37 +0000" "what is it" (("F F" NIL "f" "x")) (("S" NIL "s" "x"))'
            b' (("R" NIL "r" "x")) (("T" NIL "t" "x")) (("C" NIL "c" "x")) (("B" NIL "b" "x")) "<r@x>" "<m@x>")',
        )

    def test_none(self) -> None:
        self.check("", EMPTY)
        self.check("Subject:\nTo: \n", b'(NIL "" NIL NIL NIL NIL NIL NIL NIL NIL)')

    def test_from_stands_for_sender_and_reply_to(self) -> None:
        f = b'((NIL NIL "f" "x"))'
        self.check("From: f@x\nSender:\nReply-To: \n", b"(NIL NIL " + b" ".join([f, f, f]) + b" NIL NIL NIL NIL NIL)")

    def test_groups_and_routes(self) -> None:
        self.check(
            'To: a group: g1@d1, "g 2"@d2;, other:;\nCc: <@r1,@r2:c@d>\n',
            b'(NIL NIL NIL NIL NIL ((NIL NIL "a group" NIL)(NIL NIL "g1" "d1")(NIL NIL "g 2" "d2")(NIL NIL NIL NIL)'
            b'(NIL NIL "other" NIL)(NIL NIL NIL NIL)) ((NIL "@r1,@r2" "c" "d")) NIL NIL NIL)',
        )

    def test_encoded_words_stay(self) -> None:
        self.check(
            "Subject: =?utf-8?q?=C3=BC?=\nFrom: =?utf-8?q?=C3=BC?= <f@x>\nSender: s@x\nReply-To: r@x\n",
            b'(NIL "=?utf-8?q?=C3=BC?=" (("=?utf-8?q?=C3=BC?=" NIL "f" "x")) ((NIL NIL "s" "x")) ((NIL NIL "r" "x"))'
            b" NIL NIL NIL NIL NIL)",
        )

    def test_other_octets_than_ascii(self) -> None:
        block = 'Subject: ü "x"\n'
        self.check(block, b'(NIL {6}\r\n\xc3\xbc "x" NIL NIL NIL NIL NIL NIL NIL NIL)')
        self.check(block, b'(NIL "\xc3\xbc \\"x\\"" NIL NIL NIL NIL NIL NIL NIL NIL)', utf8=True)

    def test_nothing_splits_a_response(self) -> None:
        self.check(b"Subject: a\rb\0\r\n c\r\nDate: x\n", b'("x" "a b? c" NIL NIL NIL NIL NIL NIL NIL NIL)')
        self.check(b"Subject: {3}\r\n\r\n", b'(NIL "{3}" NIL NIL NIL NIL NIL NIL NIL NIL)')

    def test_every_address_of_every_field(self) -> None:
        self.check(
            "To: a@x\nTo: b@x\nSubject: one\nSubject: two\n",
            b'(NIL "one" NIL NIL NIL ((NIL NIL "a" "x")(NIL NIL "b" "x")) NIL NIL NIL NIL)',
        )

    def test_not_too_many_authors(self) -> None:
        kept = kept_envelope(Header(b"From: " + b"a@b," * 60 + b"\nFrom: " + b"c@d," * 60 + b"\nTo: " + b"e@f, " * 200))
        envelope = read_envelope(kept)
        self.assertEqual([len(envelope.from_), len(envelope.sender), len(envelope.to)], [100, 100, 200])
        self.assertEqual(envelope.from_[99].local, b"c")

    def test_as_values(self) -> None:
        kept = kept_envelope(
            Header('Date: d\nSubject: ü)"(\nFrom: "a b" <c@d>\nTo: g: x@y;\nMessage-ID: <m>\n'.encode())
        )
        envelope = read_envelope(kept)
        self.assertEqual((envelope.date, envelope.subject, envelope.message_id), (b"d", 'ü)"('.encode(), b"<m>"))
        self.assertEqual(envelope.in_reply_to, None)
        self.assertEqual(envelope.from_, (Listed(b"a b", None, b"c", b"d"),))
        self.assertEqual((envelope.sender, envelope.reply_to, envelope.cc), (envelope.from_, envelope.from_, ()))
        self.assertEqual([each.local for each in envelope.to], [b"g", b"x", None])

    @settings(deadline=None)
    @given(
        st.lists(
            st.tuples(st.sampled_from(["From", "To", "Subject", "Date", "Sender"]), st.binary(max_size=20)), max_size=6
        )
    )
    def test_always_a_response(self, fields: list[tuple[str, bytes]]) -> None:
        kept = kept_envelope(Header(b"".join([name.encode() + b":" + value + b"\r\n" for name, value in fields])))
        for utf8 in (False, True):
            found = parsed(sent(kept, utf8=utf8))
            assert isinstance(found, list)
            self.assertEqual(len(found), 10)
        read_envelope(kept)


class BodyStructureTests(SynchronousTestCase):
    def check(self, octets: bytes, body: bytes, extended: bytes, *, utf8: bool = False) -> None:
        kept = kept_structure(read_structure([octets]))
        self.assertEqual(body_of(kept, extended=False, utf8=utf8), body)
        self.assertEqual(body_of(kept, utf8=utf8), extended)
        parsed(body)
        parsed(extended)

    def test_plain(self) -> None:
        body = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 7 1'
        self.check(b"Subject: x\r\n\r\nhello\r\n", body + b")", body + b" NIL NIL NIL NIL)")
        self.check(b"Content-ID: <x>\r\n\r\nhello\r\n", body + b")", body + b" NIL NIL NIL NIL)")

    def test_all_that_can_be_said(self) -> None:
        octets = crlf("""
MIME-Version: 1.0
Content-Type: Image/PNG; name="a \\"b\\".png"
Content-ID: <id@x>
Content-Description: a
 picture
Content-Transfer-Encoding: BASE64 (of course)
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Disposition: attachment; filename*0="a"; filename*1=".png"; size=7
Content-Language: en, de-CH
Content-Location: http://example.org/a.png

AAAA
""")
        body = b'("Image" "PNG" ("name" "a \\"b\\".png") "<id@x>" "a picture" "BASE64" 6'
        self.check(
            octets,
            body + b")",
            body + b' "Q2hlY2sgSW50ZWdyaXR5IQ==" ("attachment" ("size" "7" "filename" "a.png")) ("en" "de-CH")'
            b' "http://example.org/a.png")',
        )

    def test_nested(self) -> None:
        self.check(
            NESTED,
            b'(("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 12 1)("message" "rfc822" NIL NIL NIL "7bit" 160'
            b' (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL)'
            b' (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0)'
            b'("image" "png" NIL NIL NIL "7bit" 0) "alternative") 10) "mixed")',
            b'(("text" "html" ("charset" "us-ascii") NIL NIL "7bit" 12 1 NIL NIL NIL NIL)'
            b'("message" "rfc822" NIL NIL NIL "7bit" 160 (NIL "inner" NIL NIL NIL NIL NIL NIL NIL NIL)'
            b' (("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 3 0 NIL NIL NIL NIL)'
            b'("image" "png" NIL NIL NIL "7bit" 0 NIL NIL NIL NIL) "alternative" ("boundary" "in side") NIL NIL NIL)'
            b' 10 NIL NIL NIL NIL) "mixed" ("boundary" "out") NIL NIL NIL)',
        )

    def test_a_multipart_without_parts(self) -> None:
        none = b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 0 0'
        self.check(
            b"Content-Type: multipart/mixed\r\n\r\nx\r\n",
            b"(" + none + b') "mixed")',
            b"(" + none + b' NIL NIL NIL NIL) "mixed" NIL NIL NIL NIL)',
        )

    def test_other_octets_than_ascii(self) -> None:
        octets = "Content-Type: a/b; name=ü\r\nContent-Disposition: x; f=ü\r\n\r\n".encode()
        rest = b' NIL NIL "7bit" 0'
        self.check(
            octets,
            b'("a" "b" ("name" {2}\r\n\xc3\xbc)' + rest + b")",
            b'("a" "b" ("name" {2}\r\n\xc3\xbc)' + rest + b' NIL ("x" ("f" {2}\r\n\xc3\xbc)) NIL NIL)',
        )
        self.check(
            octets,
            b'("a" "b" ("name" "\xc3\xbc")' + rest + b")",
            b'("a" "b" ("name" "\xc3\xbc")' + rest + b' NIL ("x" ("f" "\xc3\xbc")) NIL NIL)',
            utf8=True,
        )

    @settings(deadline=None, max_examples=300)
    @given(tricky)
    def test_always_a_response(self, octets: bytes) -> None:
        octets = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + octets
        kept = kept_structure(read_structure([octets]))
        for utf8 in (False, True):
            extended = parsed(body_of(kept, utf8=utf8))
            short = parsed(body_of(kept, utf8=utf8, extended=False))
            assert isinstance(extended, list) and isinstance(short, list)
            # four more things: parameters or md5, disposition, language, location
            self.assertEqual(len(extended), len(short) + 4)


class SectionTests(SynchronousTestCase):
    def sections(self, octets: bytes, *paths: tuple[int, ...]) -> list[Section | None]:
        kept = kept_structure(read_structure([octets]))
        return [find_section(kept, path) for path in paths]

    def texts(self, octets: bytes, *paths: tuple[int, ...]) -> list[bytes | None]:
        return [None if each is None else octets[each.body : each.end] for each in self.sections(octets, *paths)]

    def test_a_message_of_one_part(self) -> None:
        octets = b"Content-Transfer-Encoding: Base64\r\nMIME-Version: 1.0\r\n\r\nbody"
        whole, one, two, inner = self.sections(octets, (), (1,), (2,), (1, 1))
        size, body = len(octets), octets.index(b"body")
        self.assertEqual(whole, Section(0, body, size, b"base64", False, (0, body, size)))
        self.assertEqual(one, Section(0, body, size, b"base64", False, None))
        self.assertEqual((two, inner), (None, None))

    def test_nested(self) -> None:
        texts = self.texts(NESTED, (1,), (2, 1), (2, 2), (3,), (0,), (1, 1), (2, 3), (2, 1, 1))
        self.assertEqual(texts, [b"<p>one</p>\r\n", b"two", b"", None, None, None, None, None])
        (message,) = self.sections(NESTED, (2,))
        assert message is not None and message.message is not None
        start, body, end = message.message
        self.assertEqual((start, end), (message.body, message.end))
        self.assertEqual(NESTED[start:body].partition(b"\r\n")[0], b"Subject: inner")
        self.assertEqual(NESTED[message.start : message.body], b"Content-Type: message/rfc822\r\n\r\n")
        (whole,) = self.sections(NESTED, ())
        assert whole is not None
        self.assertTrue(whole.multipart)

    def test_messages_in_messages(self) -> None:
        octets = crlf("\nContent-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nSubject: x\n\nbody")
        one, two, three, four = self.texts(octets, (1,), (1, 1), (1, 1, 1), (1, 1, 1, 1))
        self.assertEqual(one, crlf("Content-Type: message/rfc822\n\nSubject: x\n\nbody"))
        self.assertEqual((two, three, four), (crlf("Subject: x\n\nbody"), b"body", None))

    def test_encodings(self) -> None:
        for name, known in (
            ("8BIT", b"8bit"),
            ("x-uuencode", None),
            ("quoted-printable", b"quoted-printable"),
            ("", b"7bit"),
        ):
            (one,) = self.sections(f"MIME-Version: 1.0\r\nContent-Transfer-Encoding: {name}\r\n\r\n".encode(), (1,))
            assert one is not None
            self.assertEqual(one.encoding, known)

    @settings(deadline=None, max_examples=200)
    @given(tricky)
    def test_every_part_is_found(self, octets: bytes) -> None:
        octets = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + octets
        root = read_structure([octets])
        kept = kept_structure(root)

        def walk(part: Part, path: tuple[int, ...]) -> None:
            """``part`` is a message or a multipart: its parts are numbered behind ``path``."""
            children = part.children if part.kind == 1 else [part]
            for number, child in enumerate(children, 1):
                here = (*path, number)
                found = find_section(kept, here)
                assert found is not None
                self.assertEqual((found.start, found.body, found.end), (child.start, child.body, child.end), here)
                if child.kind == 1:
                    walk(child, here)
                elif child.kind == 2:
                    walk(child.children[0], here)
            self.assertIsNone(find_section(kept, (*path, len(children) + 1)))

        walk(root, ())
