"""Fields of a header block."""

from __future__ import annotations

from email import message_from_bytes
from email.policy import compat32

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from netdaemon.mail.header import Header, select_fields, split_header
from netdaemon.mail.lexis import comment_end, without_comments


class HeaderTests(SynchronousTestCase):
    def test_fields(self) -> None:
        block = b"Subject: a\r\n b\r\n\tc \r\nX-Empty:\r\nTO : d\r\nsubject: second\r\nnone\r\n: no name\r\n"
        self.assertEqual(
            split_header(block),
            [(b"subject", b"a b\tc"), (b"x-empty", b""), (b"to", b"d"), (b"subject", b"second"), (b"", b"no name")],
        )
        header = Header(block)
        self.assertEqual(header.first(b"subject"), b"a b\tc")
        self.assertEqual(header.all(b"subject"), [b"a b\tc", b"second"])
        self.assertEqual(
            (header.first(b"cc"), header.all(b"cc"), b"cc" in header, b"to" in header), (None, [], False, True)
        )

    def test_of_certain_names(self) -> None:
        header = Header(b"A: b\r\nC: d\r\nA: e\r\n", {b"a"})
        self.assertEqual((header.all(b"a"), header.first(b"c")), ([b"b", b"e"], None))

    def test_any_line_end(self) -> None:
        for end in (b"\r\n", b"\n", b"\n\n"):
            self.assertEqual(split_header(b"A: b%b c%bD: e" % (end, end)), [(b"a", b"b c"), (b"d", b"e")])
        self.assertEqual(split_header(b"A: b\rC: d\r\n"), [(b"a", b"b C: d")])

    def test_fields_as_they_are_written(self) -> None:
        block = b"Subject: a\r\n b\r\nTo : x\nnone\r\n\tof these\r\nSUBJECT:c\r\n\r\n"
        self.assertEqual(select_fields(block, {b"subject"}), b"Subject: a\r\n b\r\nSUBJECT:c\r\n\r\n")
        self.assertEqual(select_fields(block, {b"subject"}, others=True), b"To : x\n\r\n")
        self.assertEqual(select_fields(block, set()), b"\r\n")
        self.assertEqual(select_fields(b"A: b", {b"a"}), b"A: b\r\n\r\n")
        self.assertEqual(select_fields(b"", {b"a"}, others=True), b"\r\n")

    lines = st.sampled_from([b"A: x\r\n", b"B: y\n", b" z\r\n", b"\t\n", b"none\n", b"a:\n", b"b :\r\n"])

    @given(st.lists(lines, max_size=12).map(b"".join))
    def test_each_field_is_selected_once(self, block: bytes) -> None:
        ours = split_header(select_fields(block, {b"a"})) + split_header(select_fields(block, {b"a"}, others=True))
        self.assertEqual(sorted(ours), sorted(split_header(block)))

    @given(st.binary(max_size=80))
    def test_no_value_holds_a_line_end(self, block: bytes) -> None:
        for name, value in split_header(block):
            self.assertEqual((set(name) | set(value)) & {10, 13}, set())

    names = st.from_regex(r"\A[A-Za-z-]{1,8}\Z")
    words = st.from_regex(r"\A[!-~]([ -~]{0,6}[!-~])?\Z")

    @given(st.lists(st.tuples(names, st.lists(words, min_size=1, max_size=3)), min_size=1, max_size=4))
    def test_like_the_standard_library(self, fields: list[tuple[str, list[str]]]) -> None:
        block = "".join([f"{name}: " + "\r\n ".join(words) + "\r\n" for name, words in fields]).encode()
        theirs = message_from_bytes(block + b"\r\n", policy=compat32)
        self.assertEqual(
            split_header(block),
            [(name.lower().encode(), value.replace("\r\n", "").encode()) for name, value in theirs.items()],
        )


class CommentTests(SynchronousTestCase):
    def test_comments(self) -> None:
        for text, without in (
            (b"a", b"a"),
            (b"a (b) c", b"a   c"),
            (b"(a (b) (c(d)) e) f", b"  f"),
            (rb"(a \) b \( ) f", b"  f"),
            (b'"(a)" (b)', b'"(a)"  '),
            (b'(" ) x', b"  x"),
            (b"a (b", b"a  "),
            (b"a (b (c) d", b"a  "),
            (b'"a\\"(" (b', b'"a\\"("  '),
            (rb"\(a", rb"\(a"),
            (b"a) b", b"a) b"),
            (b"(a\\", b" "),
        ):
            self.assertEqual(without_comments(text), without, text)

    def test_where_one_ends(self) -> None:
        self.assertEqual(comment_end(b"x(a(b)c)d", 1), 8)
        self.assertEqual(comment_end(b"x(a(b)c", 1), 7)

    @given(st.text('()\\"a ', max_size=20).map(str.encode))
    def test_octet_by_octet(self, text: bytes) -> None:
        depth, quoted, escaped, kept = 0, False, False, bytearray()
        for octet in text:
            character = chr(octet)
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = True
            elif quoted:
                quoted = character != '"'
            elif character == '"' and not depth:
                quoted = True
            elif character == "(":
                depth += 1
            elif character == ")" and depth:
                depth -= 1
                continue
            if not depth:
                kept.append(octet)
        self.assertEqual(without_comments(text).replace(b" ", b""), bytes(kept).replace(b" ", b""))
