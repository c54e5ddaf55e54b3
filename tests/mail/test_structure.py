"""The tree of parts: right offsets whatever the line ends are and wherever the pieces are cut."""

from __future__ import annotations

import itertools
from email import message_from_bytes
from email.message import Message
from email.policy import compat32

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.structure import Limits, Part, read_structure
from tests.mail.kit import Tree, crlf, cut, cuts, read, shape, tree
from tests.mail.reference import reference

NESTED = crlf("""
Subject: outer
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=out

before
--out
Content-Type: text/html

<p>one</p>

--out  \t
Content-Type: message/rfc822

Subject: inner
Content-Type: multipart/alternative; boundary="in side"

--in side

two
--in side
Content-Type: image/png

--in side--
behind the inner
--out--
behind
""")

# Lines that matter, and pieces of them.
tricky = st.lists(
    st.sampled_from([
        b"--a", b"--ab", b"--a--", b"--ab--", b"--", b"a", b"-", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\n\n",
        b"x: y\r\n",
        b"Content-Type: multipart/mixed; boundary=a\r\n\r\n", b"Content-Type: multipart/digest; boundary=ab\n\n",
        b"Content-Type: message/rfc822\r\n\r\n", b"Content-Type: text/html\r\n", b"MIME-Version: 1.0\r\n",
        b"Content-Type: multipart/mixed; boundary=a", b" folded\r\n", b"\0",
    ]),
    max_size=30,
).map(b"".join)  # fmt: skip


class StructureTests(SynchronousTestCase):
    def check(self, octets: bytes, *wanted: object) -> None:
        """Whole, byte by byte, cut in two at each place, and as the plain reading has it."""
        root = read_structure([octets])
        self.assertEqual(shape(root, octets), wanted)
        self.assertEqual(tree(root), tree(reference(octets)))
        for at in ([], range(len(octets)), *([n] for n in range(len(octets)))):
            self.assertEqual(tree(read(cut(octets, at)).root), tree(root), at)

    def test_nested(self) -> None:
        inner_text = (
            "Subject: inner\r\nContent-Type: multipart/alternative; boundary=\"in side\"\r\n\r\n--in side\r\n\r\n"
            "two\r\n--in side\r\nContent-Type: image/png\r\n\r\n--in side--\r\nbehind the inner"
        )  # fmt: skip
        self.check(
            NESTED,
            "multipart/mixed",
            NESTED.decode().partition("\r\n\r\n")[2],
            ("text/html", "<p>one</p>\r\n"),
            (
                "message/rfc822",
                inner_text,
                (
                    "multipart/alternative",
                    inner_text.partition("\r\n\r\n")[2],
                    ("text/plain", "two"),
                    ("image/png", ""),
                ),
            ),
        )

    def test_offsets_and_lines(self) -> None:
        root = read_structure([NESTED])
        html, message = root.children
        self.assertEqual(NESTED[html.start : html.body], b"Content-Type: text/html\r\n\r\n")
        self.assertEqual((html.lines, message.lines, root.lines), (1, 10, 22))
        (inner,) = message.children
        self.assertEqual((inner.start, inner.end, inner.lines), (message.body, message.end, 7))
        self.assertEqual(NESTED[inner.children[0].start : inner.children[0].body], b"\r\n")
        assert root.header is not None and inner.header is not None
        self.assertEqual(root.header.first(b"subject"), b"outer")
        self.assertEqual(inner.header.first(b"subject"), b"inner")
        self.assertIsNone(html.header)

    def test_plain_ones(self) -> None:
        self.check(b"", "text/plain", "")
        self.check(b"\r\n", "text/plain", "")
        self.check(b"\n", "text/plain", "")
        self.check(b"Subject: x", "text/plain", "")
        self.check(b"Subject: x\r\n", "text/plain", "")
        self.check(b"Subject: x\r\n\r\n", "text/plain", "")
        self.check(b"Subject: x\n\r\nbody\r\n\r\n--a\r\n", "text/plain", "body\r\n\r\n--a\r\n")
        self.check(b"Subject: x\r\n\nbody", "text/plain", "body")
        self.check(b"Subject: x\r\rbody\r", "text/plain", "")

    def test_line_ends_of_all_kinds(self) -> None:
        for end in ("\n", "\r\n"):
            text = NESTED.decode().replace("\r\n", end)
            root = read_structure([text.encode()])
            self.assertEqual([(part.lines, part.kind) for part in root.children], [(1, 0), (10, 2)])
            self.assertEqual(shape(root.children[0], text.encode()), ("text/html", f"<p>one</p>{end}"))
        self.check(
            b"Content-Type: multipart/mixed; boundary=a\n\n--a\r\n\nx\r\n--a\n\r\ny\r--a\rz\n--a--",
            "multipart/mixed",
            "--a\r\n\nx\r\n--a\n\r\ny\r--a\rz\n--a--",
            ("text/plain", "x"),
            ("text/plain", "y\r--a\rz"),
        )

    def test_no_final_boundary(self) -> None:
        self.check(
            crlf("\nContent-Type: multipart/mixed; boundary=a\n\n--a\n\nx\n--a\n\ny\n"),
            "multipart/mixed",
            "--a\r\n\r\nx\r\n--a\r\n\r\ny\r\n",
            ("text/plain", "x"),
            ("text/plain", "y\r\n"),
        )

    def test_boundaries_that_begin_alike(self) -> None:
        # The longest is meant; `--abc` is the outer one's, with something behind it.
        self.check(
            crlf(
                "\nContent-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n"
                "--ab\n\nx\n--ab--\n--abc\n\ny\n--a--\n"
            ),
            "multipart/mixed",
            "--a\r\nContent-Type: multipart/mixed; boundary=ab\r\n\r\n"
            "--ab\r\n\r\nx\r\n--ab--\r\n--abc\r\n\r\ny\r\n--a--\r\n",
            ("multipart/mixed", "--ab\r\n\r\nx\r\n--ab--", ("text/plain", "x")),
            ("text/plain", "y"),
        )

    def test_an_outer_boundary_ends_what_is_within(self) -> None:
        self.check(
            crlf(
                "\nContent-Type: multipart/mixed; boundary=o\n\n--o\nContent-Type: multipart/mixed; boundary=i\n\n"
                "--i\n\nx\n--o\n\ny\n--i\n--o--\n"
            ),
            "multipart/mixed",
            "--o\r\nContent-Type: multipart/mixed; boundary=i\r\n\r\n--i\r\n\r\nx\r\n--o\r\n\r\ny\r\n--i\r\n--o--\r\n",
            ("multipart/mixed", "--i\r\n\r\nx", ("text/plain", "x")),
            ("text/plain", "y\r\n--i"),
        )

    def test_the_same_boundary_within_itself_is_the_inner_one(self) -> None:
        self.check(
            crlf(
                "\nContent-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=a\n\n"
                "--a\n\nx\n--a--\n--a\n\ny\n--a--\n"
            ),
            "multipart/mixed",
            "--a\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"
            "--a\r\n\r\nx\r\n--a--\r\n--a\r\n\r\ny\r\n--a--\r\n",
            ("multipart/mixed", "--a\r\n\r\nx\r\n--a--", ("text/plain", "x")),
            ("text/plain", "y"),
        )

    def test_parts_without_anything(self) -> None:
        head = "Content-Type: multipart/mixed; boundary=a\r\n\r\n"
        for body, parts in (
            ("--a\r\n--a--", [""]),
            ("--a\r\n\r\n--a--", [""]),
            ("--a\r\n\r\n\r\n--a--", [""]),
            ("--a\r\n--a\r\n\r\n\r\n\r\n--a", ["", "\r\n"]),
            ("--a", []),
            ("--a--", []),
            ("--a\r\n", [""]),
            ("", []),
            ("nothing of the kind", []),
        ):
            self.check((head + body).encode(), "multipart/mixed", body, *(("text/plain", part) for part in parts))

    def test_a_header_that_a_boundary_ends(self) -> None:
        octets = crlf("\nContent-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: image/png\nX: y\n--a--\n")
        self.check(octets, "multipart/mixed", octets.decode().partition("\r\n\r\n")[2], ("image/png", ""))
        (part,) = read_structure([octets]).children
        self.assertEqual(octets[part.start : part.body], b"Content-Type: image/png\r\nX: y")
        for inner in ("message/rfc822", "multipart/mixed; boundary=b"):
            octets = crlf(f"\nContent-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: {inner}\n--a--\n")
            (part,) = read_structure([octets]).children
            self.assertEqual(tree(read_structure([octets])), tree(reference(octets)))
            self.assertEqual(
                [(child.start, child.end) for child in part.children], [(part.body, part.body)][: part.kind - 1]
            )

    def test_a_digest_is_of_messages(self) -> None:
        octets = crlf(
            "\nContent-Type: multipart/digest; boundary=a\n\n--a\n\nSubject: m\n\nx\n--a\nContent-Type: text/plain\n\n"
            "y\n--a\nX-Is: m\n\nSubject: n\n\nz\n--a--\n"
        )
        self.check(
            octets,
            "multipart/digest",
            octets.decode().partition("\r\n\r\n")[2],
            ("message/rfc822", "Subject: m\r\n\r\nx", ("text/plain", "x")),
            ("text/plain", "y"),
            ("message/rfc822", "Subject: n\r\n\r\nz", ("text/plain", "z")),
        )

    def test_multiparts_that_have_no_boundary(self) -> None:
        for type_ in ("multipart/mixed", "multipart/mixed; boundary=", 'multipart/mixed; boundary=""'):
            octets = f"Content-Type: {type_}\r\n\r\n--\r\n\r\nx\r\n----\r\n".encode()
            self.check(octets, "multipart/mixed", "--\r\n\r\nx\r\n----\r\n")
        octets = b"Content-Type: multipart/mixed; boundary=" + b"a" * 257 + b"\r\n\r\n--" + b"a" * 257 + b"\r\n\r\nx"
        self.assertEqual(read_structure([octets]).children, [])
        octets = octets.replace(b"a" * 257, b"a" * 256)
        self.assertEqual(len(read_structure([octets]).children), 1)

    def test_a_boundary_in_extended_parameters(self) -> None:
        octets = (
            b"Content-Type: multipart/mixed; boundary*0*=us-ascii''a%20; boundary*1=b\r\n\r\n--a b\r\n\r\nx\r\n--a b--"
        )
        self.check(octets, "multipart/mixed", "--a b\r\n\r\nx\r\n--a b--", ("text/plain", "x"))

    def test_content_fields_of_what_is_no_mime(self) -> None:
        octets = b"Content-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\nx"
        self.assertEqual(read_structure([octets]).content.encoding, b"7bit")
        self.assertEqual(read_structure([b"MIME-Version: 1.0\r\n" + octets]).content.encoding, b"base64")
        self.check(b"Content-Type: nonsense\r\n\r\nx", "text/plain", "x")
        self.check(
            b"Content-Type: message/global\r\n\r\nSubject: x\r\n\r\ny",
            "message/global",
            "Subject: x\r\n\r\ny",
            ("text/plain", "y"),
        )

    @settings(deadline=None, max_examples=400)
    @given(tricky, cuts)
    def test_like_the_plain_reading_however_cut(self, octets: bytes, at: list[int]) -> None:
        octets = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + octets
        wanted = tree(reference(octets))
        self.assertEqual(tree(read_structure([octets])), wanted)
        self.assertEqual(tree(read(cut(octets, at)).root), wanted)
        self.assertEqual(tree(read(cut(octets, range(len(octets)))).root), wanted)
        self.assertEqual(tree(read(cut(octets, at), gather=50).root), wanted)

    @settings(deadline=None, max_examples=200)
    @given(st.binary(max_size=200), cuts)
    def test_any_octets_are_a_message(self, octets: bytes, at: list[int]) -> None:
        root = read(cut(octets, at)).root
        self.assertEqual(tree(root), tree(reference(octets)))
        self.assertEqual((root.start, root.end), (0, len(octets)))

    def test_short_ones_cut_everywhere(self) -> None:
        head = b"Content-Type: multipart/mixed; boundary=a\n\n"
        for lines in itertools.product([b"--a\n", b"\n", b"x\r\n", b"--a--"], repeat=5):
            octets = head + b"".join(lines)
            wanted = tree(reference(octets))
            for at in range(len(head) - 3, len(octets)):
                self.assertEqual(tree(read(cut(octets, [at])).root), wanted, (octets, at))


class Bodies:
    """A sink that notes all that it is told; of images it takes three octets and no more, of messages' texts all."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def begin(self, part: Part) -> bool:
        self.told.append(part.content.type + b"/" + part.content.subtype)
        self.told.append(b"")
        return part.content.type != b"audio"

    def take(self, octets: bytes) -> bool:
        assert isinstance(self.told[-1], bytes)
        self.told[-1] += octets
        return self.told[-2] != b"image/png"

    def end(self) -> None:
        self.told.append("end")


class SinkTests(SynchronousTestCase):
    def check(self, octets: bytes, *wanted: object) -> None:
        for at in ([], range(len(octets)), range(0, len(octets), 3), *([n] for n in range(len(octets)))):
            bodies = Bodies()
            read(cut(octets, at), sink=bodies)
            self.assertEqual(tuple(bodies.told), wanted, at)

    def test_one_body(self) -> None:
        self.check(b"Subject: x\r\n\r\nsome\r\ntext\r\n", b"text/plain", b"some\r\ntext\r\n", "end")
        self.check(b"Subject: x\r\n\r\n", b"text/plain", b"", "end")
        self.check(b"Subject: x\r\n")

    def test_no_preamble_no_boundaries_no_headers(self) -> None:
        self.check(
            NESTED, b"text/html", b"<p>one</p>\r\n", "end", b"text/plain", b"two", "end", b"image/png", b"", "end"
        )

    def test_what_is_not_wanted(self) -> None:
        octets = crlf(
            "\nContent-Type: multipart/mixed; boundary=a\n\nbefore\n--a\nContent-Type: audio/x\n\nx\n--a\n\ny\n\n--a\n"
            "Content-Type: a/b\n--a--\nbehind\n"
        )
        self.check(octets, b"audio/x", b"", "end", b"text/plain", b"y\r\n", "end")

    def test_enough_is_enough(self) -> None:
        octets = b"Content-Type: image/png\r\n\r\n" + b"x" * 9
        bodies = Bodies()
        read(cut(octets, [30, 33]), sink=bodies)
        self.assertEqual(bodies.told, [b"image/png", b"xxx", "end"])


class LimitTests(SynchronousTestCase):
    def deep(self, depth: int) -> bytes:
        return b"Content-Type: message/rfc822\r\n\r\n" * depth + b"Subject: x\r\n\r\ny"

    def test_depth(self) -> None:
        for inner, depth in ((3, 3), (4, 3)):
            part = read([self.deep(inner)], Limits(depth=3)).root
            for _ in range(depth):
                (part,) = part.children
            wanted = (b"application/octet-stream", []) if inner > depth else (b"text/plain", [])
            self.assertEqual((part.content.type + b"/" + part.content.subtype, part.children), wanted)

    def test_parts(self) -> None:
        octets = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\n\r\nx\r\n" * 4 + b"--a--\r\nend\r\n"
        self.assertEqual(len(read([octets], Limits(parts=5)).root.children), 4)
        root = read([octets], Limits(parts=4)).root
        self.assertEqual([octets[part.body : part.end] for part in root.children], [
            b"x", b"x", b"x\r\n--a\r\n\r\nx\r\n--a--\r\nend\r\n",
        ])  # fmt: skip

    def test_the_last_part_is_not_looked_into(self) -> None:
        octets = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n" + self.deep(2)
        (last,) = read([octets], Limits(parts=2)).root.children
        self.assertEqual((last.content.subtype, last.children, last.end), (b"octet-stream", [], len(octets)))

    def test_a_long_header(self) -> None:
        octets = b"Subject: x\r\nSender: " + b"y" * 100 + b"\r\nTo: z\r\n\r\nbody\r\n"
        for limit, fields in (
            (len(octets), {b"subject", b"sender", b"to"}),
            (125, {b"subject", b"sender"}),
            (50, {b"subject"}),
            (5, set()),
        ):
            for at in ([], range(len(octets)), range(0, len(octets), 7)):
                root = read(cut(octets, at), Limits(header=limit)).root
                assert root.header is not None
                self.assertEqual({name for name in (b"subject", b"sender", b"to") if name in root.header}, fields)
                self.assertEqual((octets[root.body : root.end], root.lines), (b"body\r\n", 1))

    def test_what_begins_as_a_boundary_does(self) -> None:
        head = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n--a\r\n"
        inner = head + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        for octets in (head + b"X: y" + b"\r\n--c" * 4, inner + b"\r\n--c" * 4, head + b"\r\n" + b"\r\n--c" * 4):
            for at in ([], range(len(octets)), range(0, len(octets), 7)):
                whole = octets + b"\r\n--a\r\n\r\nx\r\n--a--"
                pieces = cut(whole, at)
                found = len(read(pieces, Limits(lookalikes=4)).root.children)
                self.assertEqual(found, 2)
                if b"boundary=b" in octets or b"X: y" in octets:
                    root = read(pieces, Limits(lookalikes=3)).root
                    self.assertEqual((len(root.children), root.children[0].end), (1, len(whole)))

    def test_no_boundary_has_two_lines(self) -> None:
        octets = b"Content-Type: multipart/mixed; boundary*=''a%0Ab\r\n\r\n--a\nb\r\n\r\nx"
        self.assertEqual(read_structure([octets]).children, [])

    def test_all_headers_together(self) -> None:
        octets = b"Content-Type: multipart/mixed; boundary=a\r\n\r\n" + b"--a\r\nContent-Type: a/b\r\n\r\n" * 4
        root = read([octets], Limits(headers=43 + 2 * 19 + 5)).root
        self.assertEqual([part.content.type for part in root.children], [b"a", b"a", b"text", b"text"])


class OracleTests(SynchronousTestCase):
    """The standard library's parser, where it keeps to RFC 2046: whole multiparts, each boundary its own."""

    def build(self, node: Tree, number: list[int]) -> bytes:
        kind, *rest = node
        if kind == "text":
            return b"Content-Type: text/plain\r\n\r\n" + str(rest[0]).encode()
        if kind == "message":
            return b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n" + self.build(rest[0], number)  # type: ignore[arg-type]
        number[0] += 1
        boundary = b"=_%d_" % number[0]
        parts = b"".join([b"--%b\r\n%b\r\n" % (boundary, self.build(part, number)) for part in rest])  # type: ignore[arg-type]
        return b'Content-Type: multipart/mixed; boundary="%b"\r\n\r\npre\r\n%b--%b--\r\nepi' % (
            boundary,
            parts,
            boundary,
        )

    def theirs(self, message: Message) -> Tree:
        payload = message.get_payload()
        if isinstance(payload, list):
            return (message.get_content_type(), *map(self.theirs, payload))
        return (message.get_content_type(), payload)

    def ours(self, part: Part, octets: bytes) -> Tree:
        name = (part.content.type + b"/" + part.content.subtype).decode()
        if part.kind:
            return (name, *(self.ours(child, octets) for child in part.children))
        return (name, octets[part.body : part.end].decode())

    nodes = st.recursive(
        st.tuples(st.just("text"), st.lists(st.sampled_from(["a", "b", "-", " ", "\r\n"]), max_size=8).map("".join)),
        lambda inner: st.one_of(
            st.tuples(st.just("message"), inner),
            st.lists(inner, min_size=1, max_size=4).map(lambda parts: ("multi", *parts)),
        ),
        max_leaves=8,
    )  # fmt: skip

    @settings(deadline=None, max_examples=200)
    @given(nodes, cuts)
    def test_like_the_standard_library(self, node: Tree, at: list[int]) -> None:
        octets = b"MIME-Version: 1.0\r\n" + self.build(node, [0])
        self.assertEqual(
            self.ours(read(cut(octets, at)).root, octets), self.theirs(message_from_bytes(octets, policy=compat32))
        )
