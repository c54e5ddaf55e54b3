"""What the message store does for mail and news: its values, its errors, and `IMessages`, which every store provides.

IMAP (RFC 9051, with CONDSTORE and QRESYNC of RFC 7162 and OBJECTID of RFC 8474), POP3, NNTP (RFC 3977) and a web reader
stand on it. The store keeps octets and never parses them: who delivers hands in a `Summary`.

Folders are named by their number, which `IMessages.folder` gives for an account's name and the folder's; the account
``""`` has the folders that all share: newsgroups, and mail folders for everybody. UIDs and article numbers are one.
Times are Unix seconds; sets of UIDs are ranges, see `netdaemon.messages.uids`. Errors stand in `errors`, the terms of
searches in `terms`.

What changes the store gives a Deferred that fires once the change is durable. What is read by index and bounded is
given at once; what may take long (whole folders, bodies, searches) comes from a thread, by a Deferred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from twisted.internet.defer import Deferred

from netdaemon.messages.errors import StoreError
from netdaemon.messages.terms import Term
from netdaemon.messages.values import NO_FLAGS, Entry, Flag, UidSet

# --- a message -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Summary:
    """What is kept of a message beside its octets. Text is decoded, without line ends and control characters."""

    msgid: str
    """With its angle brackets; empty when it has none."""
    subject: str
    from_: str
    to: str
    date: int | None
    """What its Date field says, in Unix seconds; None when it says nothing that can be understood."""
    references: tuple[str, ...]
    """The message-ids it refers to, the oldest first, with In-Reply-To where there is no References."""
    lines: int
    """Lines of the body (RFC 3977 section 8.1)."""
    headers_size: int
    """Octets up to the body, with the empty line."""
    envelope: bytes
    """As the mail room writes it; the store keeps it as it is."""
    bodystructure: bytes
    """The same."""
    preview: str
    """The beginning of its text, up to 200 characters (RFC 8970)."""


class Row(NamedTuple):
    """A message in a folder with all that is kept of it. The first eight are those of `Entry`."""

    uid: int
    modseq: int
    flags: Flag
    keywords: tuple[str, ...]
    received: float
    saved: float
    message: int
    octets: int
    email_id: str
    """RFC 8474: the same for the same octets."""
    thread_id: str
    summary: Summary


class Heading(NamedTuple):
    """What SORT, THREAD and a page of a reader need of a message."""

    uid: int
    message: int
    received: float
    octets: int
    msgid: str
    subject: str
    from_: str
    to: str
    date: int | None
    references: tuple[str, ...]
    thread_id: str
    base_subject: str
    """The subject without Re:, Fwd: and list tags (RFC 5256 section 2.1), folded."""


class Overview(NamedTuple):
    """A line of a newsgroup's overview (RFC 3977 section 8.3); the Date field as it was written is in the envelope."""

    number: int
    message: int
    subject: str
    from_: str
    date: int | None
    msgid: str
    references: tuple[str, ...]
    octets: int
    lines: int
    envelope: bytes


class Place(NamedTuple):
    """Where a message is shown: what Xref is made of."""

    folder: int
    account: str
    name: str
    kind: str
    uid: int


@dataclass(frozen=True)
class Vanished:
    """What is no longer in a folder. Not ``exact``: the history goes less far back, and others are among them that
    the asker may never have seen (RFC 7162 section 3.2.5.2)."""

    uids: UidSet
    exact: bool


# --- folders -------------------------------------------------------------------------------------------------

MAIL, NEWS = "mail", "news"
SHARED = ""
"""The account whose folders all share."""


@dataclass(frozen=True)
class Folder:
    """One folder as it was when it was asked for."""

    id: int
    account: str
    name: str
    kind: str
    object_id: str
    """RFC 8474's MAILBOXID: the folder keeps it when it is renamed."""
    special_use: str
    """RFC 6154: `\\Sent`; empty for none."""
    selectable: bool
    """False for a name that only has folders beneath it."""
    uidvalidity: int
    uidnext: int
    modseq: int
    """The highest of any of its messages, HIGHESTMODSEQ."""
    vanish_floor: int
    """What was expunged at this modseq or before may be forgotten."""
    low_water: int
    """The lowest number that may still be there; `uidnext` when there is none (RFC 3977 section 6.1.1)."""
    messages: int
    octets: int
    created: float
    has_children: bool = False

    @property
    def high_water(self) -> int:
        """The highest number ever given."""
        return self.uidnext - 1


@dataclass(frozen=True)
class Status:
    """What IMAP's STATUS says beyond `Folder`."""

    folder: Folder
    unseen: int
    deleted: int
    first_unseen: int | None
    """Its UID."""


@dataclass(frozen=True)
class Quota:
    """What an account may keep, None for no limit, or what it does keep."""

    octets: int | None = None
    messages: int | None = None


# --- coming in -----------------------------------------------------------------------------------------------


class ISpool(Protocol):
    """A message on its way in: `netdaemon.messages.spool.Spool`. Whole once it is closed for writing by `finish`."""

    @property
    def size(self) -> int: ...

    @property
    def digest(self) -> bytes:
        """SHA-256 of all that was written."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to so many octets from there; any thread may ask."""


@dataclass(frozen=True)
class Target:
    """One folder that a message goes to, and how it is shown there."""

    folder: int
    flags: Flag = NO_FLAGS
    keywords: tuple[str, ...] = ()
    received: float | None = None
    """Its internal date; None is now."""


@dataclass(frozen=True)
class Delivery:
    """One message for one or more folders."""

    spool: ISpool
    summary: Summary
    targets: Sequence[Target]
    token: str = ""
    """Names this transfer: delivering it again changes nothing and gives the same answer. Remembered for a week."""
    partial: bool = False
    """Leave out folders that are gone or over quota, unless none is left, and say so in `Delivered.refused`."""
    replaces: tuple[int, int] | None = None
    """A folder and the UID there that this one takes the place of (RFC 8508)."""
    history: bool = False
    """Remember the message-id in the history. Is it known there, nothing is delivered: `Delivered.known`."""


@dataclass(frozen=True)
class Delivered:
    """Where a message went: a (folder, uid) for each target that took it, in their order."""

    message: int
    places: tuple[tuple[int, int], ...]
    refused: tuple[tuple[int, StoreError], ...] = field(default=(), compare=False)
    """(folder, why) of the others."""
    again: bool = False
    """That token was delivered before."""
    known: bool = False
    """The history had the message-id."""


@dataclass(frozen=True)
class Copied:
    """COPYUID (RFC 4315): UIDs there and here, pair by pair, of those that still were there."""

    uidvalidity: int
    pairs: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class FlagsStored:
    """The result of STORE: entries as they are now, and the UIDs that had changed since (MODIFIED, RFC 7162 3.1.3)."""

    entries: tuple[Entry, ...]
    modified: UidSet


# --- going out -----------------------------------------------------------------------------------------------


class IBody(Protocol):
    """The octets of one message. They stay readable for an hour after it was expunged."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, size: int) -> Deferred[bytes]:
        """Exactly that part, cut at the end, read in a thread. At most `LARGEST_READ` octets at a time.

        Fails with NoSuchMessage and StoreBroken.
        """

    def read_now(self, offset: int, size: int) -> bytes:
        """The same at once: for a header, or a small message."""


LARGEST_READ = 1 << 20


# --- changes -------------------------------------------------------------------------------------------------

ARRIVED, CHANGED, EXPUNGED = "arrived", "changed", "expunged"
CREATED, DELETED, RENAMED, UPDATED = "created", "deleted", "renamed", "updated"


@dataclass(frozen=True)
class Change:
    """Something happened in a folder. It is a hint: what exactly, the folder's entries since the last modseq say."""

    what: str
    """arrived, changed (flags), expunged; created, deleted, renamed, updated (subscriptions and properties)."""
    account: str
    folder: int
    name: str
    modseq: int = 0


class Subscription(Protocol):
    """What `ISwitchboard.subscribe` gives."""

    def cancel(self) -> None:
        """Hear no more; a second time does nothing."""


class ISwitchboard(Protocol):
    """Tells of changes after they are durable and before whoever made them hears so."""

    def publish(self, change: Change) -> None:
        """Tell the listeners here, and those in other processes through the relay."""

    def subscribe(self, folder: int, listener: Callable[[Change], object]) -> Subscription:
        """Call ``listener`` with each change in that folder."""

    def subscribe_account(self, account: str, listener: Callable[[Change], object]) -> Subscription:
        """Call ``listener`` with each change in any folder of that account, ``""`` for the shared ones."""

    def heard(self, message: bytes) -> None:
        """What another process's relay sent. Raises ValueError for what is no such message."""


# --- the store -----------------------------------------------------------------------------------------------


class IMessages(Protocol):
    """The message store. Everything raises, or its Deferred fails with, `StoreError`."""

    @property
    def switchboard(self) -> ISwitchboard: ...

    def close(self) -> None:
        """Finish what is being written and give the files back; what still waits fails with StoreBusy."""

    # --- folders ---

    def folder(self, account: str, name: str) -> Folder:
        """A folder by its name. Raises NoSuchFolder; of names without messages too."""

    def folder_by_id(self, folder: int) -> Folder:
        """The same by its number, under whatever name it has now."""

    def folders(self, account: str, patterns: Sequence[str] = ("*",), *, subscriber: str | None = None) -> list[Folder]:
        """By name, those that match any pattern of IMAP's LIST: `*` is anything, `%` anything but `/`.

        With ``subscriber`` only those that this account has subscribed to.
        """

    def subscriptions(self, account: str, owner: str | None = None) -> list[str]:
        """Names the account subscribed to among ``owner``'s folders (its own), also of folders that are gone."""

    def status(self, folder: int, account: str | None = None) -> Status:
        """Counts; in shared folders, those of that account."""

    def properties(self, folder: int) -> dict[str, str]:
        """What is noted on it (RFC 5464, a newsgroup's description)."""

    def property_of(self, account: str, name: str) -> dict[int, str]:
        """One such thing on every folder of an account that has it: the descriptions of all newsgroups."""

    def keywords(self, folder: int) -> list[str]:
        """Every keyword that its messages have had, as first written."""

    def create(self, account: str, name: str, *, kind: str = MAIL, special_use: str = "") -> Deferred[Folder]:
        """Make a folder, and those above it that aren't there. Fails with FolderExists and BadName."""

    def ensure(self, account: str, name: str, *, kind: str = MAIL) -> Deferred[Folder]:
        """The folder by that name, made if need be."""

    def rename(self, account: str, name: str, to: str) -> Deferred[Folder]:
        """Rename a folder with all beneath it. INBOX stays: its messages move (RFC 9051 section 6.3.6)."""

    def delete(self, account: str, name: str) -> Deferred[None]:
        """Delete a folder and its messages; one with folders beneath it stays as a name, once (6.3.5)."""

    def delete_account(self, account: str) -> Deferred[None]:
        """Delete every folder, subscription and mark of an account."""

    def subscribe(
        self, account: str, name: str, subscribed: bool = True, *, owner: str | None = None
    ) -> Deferred[None]:
        """Subscribe or not, whether the folder is there or not."""

    def set_property(self, folder: int, name: str, value: str | None) -> Deferred[None]:
        """Note something on a folder; None takes it off."""

    def set_special_use(self, folder: int, special_use: str) -> Deferred[None]: ...

    # --- messages in and about ---

    def spool(self, limit: int | None = None) -> ISpool:
        """A new, empty spool, to be written into; ``limit`` is the most octets it takes (TooLarge)."""

    def deliver(
        self,
        spool: ISpool,
        summary: Summary,
        targets: Sequence[Target],
        *,
        token: str = "",
        partial: bool = False,
        replaces: tuple[int, int] | None = None,
        history: bool = False,
    ) -> Deferred[Delivered]:
        """`deliver_all` of one `Delivery`."""

    def deliver_all(self, deliveries: Sequence[Delivery]) -> Deferred[list[Delivered]]:
        """Put messages into folders, all in one transaction: all of them or none.

        The spools must stay as they are until it fires; who made them aborts them then.
        """

    def hold(self, holder: str, spool: ISpool) -> Deferred[None]:
        """Keep octets that are in no folder, as a queue of messages on their way out does; ``holder`` names them."""

    def held(self, holder: str) -> ISpool:
        """Those octets again; delivered from there they aren't copied. Raises NoSuchMessage."""

    def release(self, holder: str) -> Deferred[None]:
        """They are needed no more; nothing happens when there are none."""

    def copy(self, folder: int, uids: UidSet, to: int, *, account: str | None = None) -> Deferred[Copied]:
        """Show messages in another folder too, with their internal dates and the flags that the account sees."""

    def move(self, folder: int, uids: UidSet, to: int, *, account: str | None = None) -> Deferred[Copied]:
        """Copy and expunge in one (RFC 6851)."""

    def store_flags(
        self,
        folder: int,
        uids: UidSet,
        *,
        add: Flag = NO_FLAGS,
        remove: Flag = NO_FLAGS,
        add_keywords: Iterable[str] = (),
        remove_keywords: Iterable[str] = (),
        replace: bool = False,
        unchanged_since: int | None = None,
        account: str | None = None,
    ) -> Deferred[FlagsStored]:
        """Change flags; with ``replace`` the flags and keywords to add are all there will be.

        It is one transaction, and others wait: who changes very many asks for some thousands at a time.

        In shared folders `PRIVATE` flags are ``account``'s own. Only what really changes gets a new modseq.
        """

    def expunge(self, folder: int, uids: UidSet | None = None, *, deleted_only: bool = True) -> Deferred[UidSet]:
        """Remove messages for good, by default only those flagged DELETED; None means all UIDs. Which ones it were."""

    def claim_recent(self, folder: int) -> Deferred[int]:
        """The lowest UID that no session has been told of as \\Recent (RFC 3501 2.3.2); from now on it was."""

    # --- reading ---

    def entries(
        self, folder: int, uids: UidSet, *, changed_since: int | None = None, account: str | None = None
    ) -> list[Entry]:
        """Entries in order of their UIDs, at once. For short ranges; others ask `fetch`."""

    def rows(self, folder: int, uids: UidSet, *, account: str | None = None) -> list[Row]:
        """The same with all that is kept of the messages."""

    def fetch(
        self,
        folder: int,
        uids: UidSet,
        *,
        changed_since: int | None = None,
        account: str | None = None,
        limit: int = 1000,
    ) -> Deferred[list[Entry]]:
        """Up to ``limit`` entries, read in a thread; whoever wants more asks again behind the last one's UID."""

    def fetch_rows(
        self, folder: int, uids: UidSet, *, account: str | None = None, limit: int = 200
    ) -> Deferred[list[Row]]: ...

    def uids(self, folder: int) -> Deferred[UidSet]:
        """Every UID in a folder."""

    def headings(self, folder: int, uids: UidSet, *, limit: int = 1000) -> Deferred[list[Heading]]: ...

    def search(self, folder: int, term: Term, *, account: str | None = None) -> Deferred[UidSet]: ...

    def vanished(self, folder: int, since: int, uids: UidSet | None = None) -> Vanished:
        """What was expunged at a modseq above ``since``, of ``uids`` or all."""

    def body(self, message: int) -> IBody:
        """A message's octets by its number. Raises NoSuchMessage."""

    # --- news ---

    def overview(self, folder: int, first: int, last: int, *, limit: int = 500) -> list[Overview]:
        """Up to ``limit`` lines at once, in order; whoever wants more asks again behind the last one."""

    def overview_of(self, msgid: str) -> Overview | None:
        """The article by that message-id in any newsgroup, its number 0 (RFC 3977 section 8.3.2)."""

    def article(self, folder: int, number: int) -> Row | None: ...

    def neighbour(self, folder: int, number: int, forward: bool) -> int | None:
        """The next number that is there, or the one before (NEXT, LAST)."""

    def numbers(self, folder: int, first: int, last: int, *, limit: int = 10_000) -> list[int]:
        """For LISTGROUP, as `overview` does."""

    def arrived_since(
        self, folder: int, since: float, *, limit: int = 10_000, after: int = 0
    ) -> Deferred[list[tuple[int, str]]]:
        """(number, message-id) of those saved at ``since`` or later, with numbers above ``after`` (NEWNEWS)."""

    def places(self, message: int) -> list[Place]:
        """Every folder that shows a message."""

    def find(self, msgid: str, account: str = SHARED) -> list[Place]:
        """Where an account's folders show a message of that message-id."""

    def shown(self, folder: int, digest: bytes) -> int:
        """How often a folder shows the message with that SHA-256: who brings many looks before he delivers."""

    def known(self, msgids: Sequence[str]) -> set[str]:
        """Those that the history knows (IHAVE, CHECK)."""

    def remember(self, msgids: Sequence[str]) -> Deferred[None]:
        """Put message-ids into the history that were not delivered: refused, or cancelled."""

    def expire_history(self, before: float) -> Deferred[int]:
        """Forget those that arrived before then and are in no newsgroup any more. How many it were."""

    def expire(self, folder: int, before: float, *, keep: int | None = None) -> Deferred[int]:
        """Expunge what was saved before then, and beyond the newest ``keep``. How many it were."""

    # --- accounts ---

    def usage(self, account: str) -> Quota:
        """What an account keeps."""

    def take_lease(self, account: str, holder: str, seconds: float) -> Deferred[None]:
        """Take the maildrop for that long, or keep it longer; ``holder`` names the session. Fails with LeaseHeld."""

    def give_lease(self, account: str, holder: str) -> Deferred[None]:
        """Give it back; nothing happens when it was another's by now."""

    # --- keeping house ---

    def collect(self) -> Deferred[int]:
        """Remove octets nobody needs any more, old tokens and history of what was expunged. How many octets it were."""

    def look(self) -> None:
        """Have another process's changes been committed? Then tell the listeners. To be called every second or so."""
