"""`netdaemon queue`: the mail that waits to be sent, seen and steered while the daemon runs or not."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from netdaemon.cli.offline import data_of, failing
from netdaemon.cli.terminal import FAILED, MISUSED, fail, load
from netdaemon.cli.user import print_table

if TYPE_CHECKING:
    from netdaemon.mail.letter import Addressee, Letter
    from netdaemon.messages.store import Store

HEADER = 64 << 10
"""Octets of a message's beginning that `show` reads."""


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    group = groups.add_parser("queue", help="list and steer the mail that waits to be sent")
    commands = group.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        parser.set_defaults(run=run)
        return parser

    listing = command("list", run_list, "list the messages, a line each")
    listing.add_argument("--json", action="store_true", help="as one JSON array")
    show = command("show", run_show, "show a message's recipients, what was said of them, and its header")
    show.add_argument("id", metavar="ID", type=_number, help="its number in the list")
    show.add_argument("--json", action="store_true", help="as one JSON object, without the header")
    for name, run, text in (
        ("retry", run_retry, "try messages now; held ones stay held"),
        ("hold", run_hold, "keep messages back until they are released"),
        ("release", run_release, "let held messages go, now"),
        ("drop", run_drop, "throw messages away, without a word to their senders"),
    ):
        parser = command(name, run, text)
        parser.add_argument("ids", metavar="ID", nargs="*", type=_number, help="numbers in the list")
        parser.add_argument("--all", action="store_true", help="all of them")


def run_list(args: argparse.Namespace) -> int:
    with _opened(args) as (store, _):
        letters = _write(store, lambda work, books: books.letters(work, "ORDER BY id"))
    if args.json:
        print(json.dumps([_as_json(letter) for letter in letters], indent=2))
        return 0
    rows = [("ID", "STATE", "SIZE", "ARRIVED", "NEXT TRY", "SENDER", "RECIPIENTS")]
    for letter in letters:
        waiting = [str(one.recipient.address) for one in letter.waiting]
        shown = ", ".join(waiting[:3]) + (f", and {len(waiting) - 3} more" if len(waiting) > 3 else "")
        rows.append(
            (
                str(letter.id),
                letter.state,
                str(letter.octets),
                _when(letter.arrived),
                _when(letter.next_try) if letter.state == "due" else "-",
                _sender(letter),
                shown or "(a report is to be sent)",
            )
        )
    print_table([tuple(map(_safe, row)) for row in rows])
    return 0


def run_show(args: argparse.Namespace) -> int:
    from netdaemon.mail.header import Header
    from netdaemon.messages.errors import NoSuchMessage

    with _opened(args) as (store, _):
        letter = _write(store, lambda work, books: books.get(work, args.id))
        if letter is None:
            fail(f"there is no message {args.id} in the queue")
        try:
            header = store.body(letter.message).read_now(letter.skip, HEADER)
        except NoSuchMessage:
            header = b""
    if args.json:
        print(json.dumps(_as_json(letter), indent=2))
        return 0
    lines = [
        ("Id", str(letter.id)),
        ("State", letter.state),
        ("Transfer", letter.transfer),
        ("Sender", _sender(letter)),
        ("Account", letter.options.account or "-"),
        ("Size", str(letter.octets)),
        ("Arrived", _when(letter.arrived)),
        ("Next try", _when(letter.next_try)),
        ("Given up", _when(letter.expires)),
        ("Tries", str(letter.tries)),
    ]
    lines += [("Recipient", f"{one.recipient.address} ({one.state}{_said(one)})") for one in letter.addressees]
    end = header.find(b"\r\n\r\n")
    found = Header(header[: end if end >= 0 else len(header)])
    for name in ("date", "from", "to", "subject", "message-id"):
        value = found.first(name.encode())
        if value is not None:
            lines.append((name.title(), value.decode("utf-8", "replace")))
    print_table([(f"{name}:", _safe(value)) for name, value in lines])
    return 0


def run_retry(args: argparse.Namespace) -> int:
    return _steer(args, lambda work, books, numbers, config: books.retry(work, numbers))


def run_hold(args: argparse.Namespace) -> int:
    return _steer(args, lambda work, books, numbers, config: books.hold(work, numbers))


def run_release(args: argparse.Namespace) -> int:
    return _steer(args, lambda work, books, numbers, config: books.release(work, numbers, config.mail.give_up_after))


def run_drop(args: argparse.Namespace) -> int:
    def drop(work: Any, books: Any, numbers: Sequence[int] | None, config: Any) -> int:
        if numbers is None:
            numbers = [letter.id for letter in books.letters(work)]
        return sum(books.remove(work, number) for number in numbers)

    return _steer(args, drop)


def _steer(args: argparse.Namespace, run: Callable[..., int]) -> int:
    """Do it to the messages that are named; 1 unless it was done to each."""
    if args.all == bool(args.ids):
        fail("name messages by their numbers, or say --all", MISUSED)
    numbers = None if args.all else sorted(set(args.ids))
    config = load(args)
    with _opened(args) as (store, folder):

        def work(work: Any, books: Any) -> int:
            count = run(work, books, numbers, config)
            if count:
                books.tell(work, folder)
            return count

        count = _write(store, work)
    print(f"{count} message{'' if count == 1 else 's'}")
    return 0 if numbers is None or count == len(numbers) else FAILED


# --- the books ---------------------------------------------------------------------------------------------------


@contextmanager
def _opened(args: argparse.Namespace) -> Iterator[tuple[Store, int]]:
    """(the store, the queue's folder), opened as the data directory's owner."""
    from netdaemon.accounts.names import AccountError
    from netdaemon.accounts.offline import store_in
    from netdaemon.mail.books import open_books
    from netdaemon.messages.store import Store, done
    from netdaemon.wire.escape import escape

    data = data_of(args)
    with failing():
        try:
            with store_in(data):  # which takes on the owner's rights
                store = Store(data)
                try:
                    yield store, done(store.write(open_books))
                finally:
                    store.close()
        except AccountError as error:
            fail(escape(str(error)))


def _write(store: Store, run: Callable[..., Any]) -> Any:
    from netdaemon.mail import books
    from netdaemon.messages.store import done

    return done(store.write(lambda work: run(work, books)))


# --- as it is shown ----------------------------------------------------------------------------------------------


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a message")
    return int(text)


def _as_json(letter: Letter) -> dict[str, object]:
    return {
        "id": letter.id,
        "state": letter.state,
        "transfer": letter.transfer,
        "sender": "" if letter.sender is None else str(letter.sender),
        "account": letter.options.account,
        "size": letter.octets,
        "arrived": letter.arrived,
        "next_try": letter.next_try,
        "expires": letter.expires,
        "tries": letter.tries,
        "recipients": [
            {
                "address": str(one.recipient.address),
                "state": one.state,
                "status": one.status,
                "reply": one.reply,
                "host": one.host,
                "tries": one.tries,
                "last_try": one.last_try,
            }
            for one in letter.addressees
        ],
    }


def _said(one: Addressee) -> str:
    if not one.reply:
        return ""
    return f", {one.host} said: {one.reply}" if one.host else f", {one.reply}"


def _sender(letter: Letter) -> str:
    return "<>" if letter.sender is None else str(letter.sender)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")


def _safe(text: str) -> str:
    from netdaemon.wire.escape import escape

    return escape(text)
