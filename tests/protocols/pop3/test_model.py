"""Sessions against a model in plain Python: whatever is asked, the answers and what stays are those of RFC 1939."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import TestCase

from tests.protocols.pop3.kit import POP3TestCase

NUMBERS = st.integers(0, 5)
ASKED = st.one_of(
    st.tuples(st.sampled_from(["STAT", "LIST", "UIDL", "RSET", "NOOP"])),
    st.tuples(st.sampled_from(["LIST", "UIDL", "DELE", "RETR"]), NUMBERS),
    st.tuples(st.just("TOP"), NUMBERS, st.integers(0, 3)),
)
BODIES = st.lists(st.sampled_from([b"", b".", b"..", b"x", b".x", b"a.b"]), max_size=4)


def stuffed(lines: list[bytes]) -> list[bytes]:
    return [*(b"." + line if line.startswith(b".") else line for line in lines), b"."]


class Model:
    """The maildrop as the RFC has it."""

    def __init__(self, messages: list[list[bytes]]) -> None:
        self.messages = messages
        """Each one's lines: a header of one, an empty one, the body's."""
        self.marked: set[int] = set()

    def size(self, number: int) -> int:
        return sum(len(line) + 2 for line in self.messages[number - 1])

    @property
    def left(self) -> list[int]:
        return [number for number in range(1, len(self.messages) + 1) if number not in self.marked]

    def answer(self, asked: tuple[str | int, ...]) -> list[bytes]:
        """The lines, each status line cut down to its first word but for what programs read of it."""
        verb, *arguments = asked
        if arguments and arguments[0] not in self.left:
            return [b"-ERR"]
        number = int(arguments[0]) if arguments else 0
        total = sum(map(self.size, self.left))
        match verb:
            case "STAT":
                return [b"+OK %d %d" % (len(self.left), total)]
            case "LIST" | "UIDL":
                lines = {
                    one: b"%d %b" % (one, b"%d" % self.size(one) if verb == "LIST" else b"1001.%d" % one)
                    for one in self.left
                }
                return [b"+OK " + lines[number]] if number else [b"+OK", *lines.values(), b"."]
            case "DELE":
                self.marked.add(number)
            case "RSET":
                self.marked.clear()
            case "RETR":
                return [b"+OK", *stuffed(self.messages[number - 1])]
            case "TOP":
                return [b"+OK", *stuffed(self.messages[number - 1][: 2 + int(arguments[1])])]
        return [b"+OK"]


class ModelTests(TestCase):
    @given(st.lists(BODIES, max_size=4), st.lists(ASKED, max_size=15), st.booleans())
    @settings(max_examples=150, deadline=None)
    def test_sessions(self, bodies: list[list[bytes]], asked: list[tuple[str | int, ...]], leave: bool) -> None:
        case = POP3TestCase("setUp")
        case.setUp()
        model = Model([[b"A: b", b"", *body] for body in bodies])
        case.store.put("mulder", *(b"".join(line + b"\r\n" for line in lines) for lines in model.messages))
        before = case.store.inbox("mulder")
        peer = case.peer()
        peer.send(b"USER mulder\r\nPASS trustno1\r\n")
        said = peer.unread.split(b"\r\n")
        self.assertEqual([line[:3] for line in said], [b"+OK"] * 3 + [b""])
        so_far = len(peer.unread)
        for one in asked:
            peer.send(" ".join(map(str, one)).encode() + b"\r\n")
            status, *rest = peer.unread[so_far:].split(b"\r\n")[:-1]
            so_far = len(peer.unread)
            wanted = model.answer(one)
            self.assertEqual([status if b" " in wanted[0] else status[: len(wanted[0])], *rest], wanted, one)
        if leave:
            peer.send(b"QUIT\r\n")
            self.assertEqual(case.store.inbox("mulder"), [before[number - 1] for number in model.left])
        else:
            peer.transport.lose()
            self.assertEqual(case.store.inbox("mulder"), before)
        case.hang_up()
