"""Every interface that crosses a floor, with the plain values that go through it.

A protocol sees the house only through these: it can be tested with stand-ins, and a third party's service kind
needs to import nothing else.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from twisted.cred.portal import Portal
from twisted.internet.interfaces import IAddress, IProtocolFactory, IReactorTime
from twisted.internet.protocol import DatagramProtocol
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface, implementer

from netdaemon.config.settings import ServiceSettings

if TYPE_CHECKING:
    from OpenSSL import SSL  # not at run time: `config check` stays quick without it

T = TypeVar("T")

# --- service kinds -------------------------------------------------------------------------------------------


class IServiceKind(IPlugin):
    """A kind of service that the INI can ask for: what `[NAME]` or `kind = package.module:kind` refers to."""

    name: str = Attribute("The section's name, 'http'.")
    summary: str = Attribute("One sentence for the reference page.")
    settings: type[ServiceSettings] = Attribute("A frozen dataclass, its keys documented by `config.keys.key`.")
    alpn: tuple[bytes, ...] = Attribute("The protocols offered in a TLS handshake; none of them shared: refused.")
    transports: frozenset[str] = Attribute("The listen words it takes, a subset of tcp tls udp unix systemd.")
    tries: Mapping[str, tuple[str, ...]] = Attribute(
        "By listen word, commands that talk to it, with {host} and {port}: what `make run` prints to be pasted."
    )

    def factory(settings: Any, house: IHouse) -> IProtocolFactory:
        """The factory of one service's stream sessions (tcp, tls, unix, systemd)."""

    def datagrams(settings: Any, house: IHouse) -> DatagramProtocol | None:
        """The protocol behind one udp address, or None when the kind has no datagrams."""


STREAMS = frozenset({"tcp", "tls", "unix", "systemd"})
"""The listen words that carry a stream; a kind with datagrams adds "udp"."""


@implementer(IServiceKind)
@dataclass(frozen=True)
class ServiceKind:
    """The usual way to provide IServiceKind: a plain value."""

    name: str
    summary: str
    settings: type[ServiceSettings]
    factory: Callable[[Any, IHouse], IProtocolFactory]
    datagrams: Callable[[Any, IHouse], DatagramProtocol | None] = lambda settings, house: None
    alpn: tuple[bytes, ...] = ()
    transports: frozenset[str] = STREAMS
    tries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class ISession(Interface):
    """What a session's protocol may provide to take part in the orderly stop."""

    def drain() -> None:
        """The daemon stops: finish the work under way, tell the peer (421, BYE, ...) and close. Never raises."""


class IHouse(Interface):
    """The few shared things, made once from the configuration and handed to the kinds; a kind takes what it uses."""

    hostname: str = Attribute("The host's name, for banners and Message-IDs.")
    clock: IReactorTime = Attribute("Monotonic time and timers.")
    reactor: Any = Attribute(
        "The reactor itself, for who opens connections and ports of his own, or watches descriptors: IReactorTCP, "
        "IReactorFDSet, IReactorProcess. A stand-in in unit tests."
    )
    wall: Callable[[], float] = Attribute("The time of day, Unix seconds; OSError when it can't be told.")
    deadlines: IDeadlines = Attribute("Time-outs of sessions, on one coarse wheel.")
    documents: IDocuments = Attribute("The whole document tree; an empty one without [documents] root.")
    logins: ILogins = Attribute("How a session turns credentials into avatars.")
    tls: ITLS = Attribute("TLS contexts for STARTTLS and for clients.")
    measure: IMeasure = Attribute("Counters and access logs.")
    messages: Any = Attribute(
        "The message store, `netdaemon.messages.interfaces.IMessages`, which stands a floor above. It is opened when a "
        "kind first asks for it, so ask in the factory: StartFailed then ends the start, or the reload."
    )
    resolver: Any = Attribute("Asks the name servers of [mail] resolvers: Twisted's `IResolver`.")
    data: Path = Attribute("The state folder, for who keeps something in it that is no mail and no account.")
    delivery: Any = Attribute("Where mail goes, `netdaemon.mail.interfaces.IDelivery`, which stands a floor above.")

    def in_thread(work: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        """``work(*arguments)`` in a thread, for what waits for the disk: `DocumentWriter.commit`, big digests."""


# --- time-outs -----------------------------------------------------------------------------------------------


class IDeadlines(Interface):
    """Many time-outs on one wheel of about a second's coarseness: setting one again costs an attribute."""

    def after(seconds: float, run: Callable[[], object]) -> IDeadline:
        """Call ``run`` once, at least ``seconds`` from now and at most a tick later."""


class IDeadline(Interface):
    """One time-out, as `IDeadlines.after` gives it."""

    def postpone(seconds: float) -> None:
        """Fire ``seconds`` from now instead (sooner or later); after cancel or firing it is armed again."""

    def cancel() -> None:
        """Never fire, unless postponed again."""


# --- accounts ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Right:
    """One line of an account's rights: beneath ``path`` it may read and write ("rw"), read ("r") or nothing ("-")."""

    path: str
    mode: str


@dataclass(frozen=True)
class Account:
    """One account as its store knows it; the longest matching `Right` counts, none means "rw" everywhere."""

    name: str
    rights: tuple[Right, ...] = ()
    quota: int | None = None
    """Bytes this account may keep in all, None for no limit."""
    home: str = "/"
    enabled: bool = True


@dataclass(frozen=True)
class ScramVerifier:
    """What SCRAM-SHA-256 keeps instead of the password (RFC 5802 section 3)."""

    salt: bytes
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


class IAccountAvatar(Interface):
    """The plainest avatar: who somebody is. Every account has it."""

    account: Account = Attribute("The account; Account('anonymous') for anonymous logins.")


class IDocumentsAvatar(Interface):
    """The document tree as one account may use it."""

    documents: IDocuments = Attribute("The tree, narrowed to the account's rights.")


@dataclass(frozen=True)
class Login:
    """A successful login: an avatar for each interface asked for, in that order; ``logout`` ends it, once."""

    account: Account
    avatars: tuple[Any, ...]
    logout: Callable[[], None] = field(repr=False)


class LoginFailed(Exception):
    """Wrong name or password, or an account that may not log in: one error, so that a peer can't tell which."""


class LoginBanned(LoginFailed):
    """The address or the account failed too often; ``seconds`` until it may try again."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"banned for another {seconds:.0f} s")
        self.seconds = seconds


class TooManySessions(LoginFailed):
    """The account's limit of sessions at one time is reached."""


class LoginUnavailable(Exception):
    """Our fault: the account store can't be asked just now. Protocols answer their temporary failure."""


class ILogins(Interface):
    """Credentials to avatars: throttled, counted, and the same work for unknown names as for known ones."""

    portal: Portal = Attribute("The twisted.cred portal behind it.")
    has_verifiers: bool = Attribute(
        "Has every account a SCRAM verifier? Else SCRAM must not be offered: clients would prefer it, and fail."
    )

    def login(
        credentials: object, peer: IAddress, settings: ServiceSettings, *interfaces: type[Interface]
    ) -> Awaitable[Login]:
        """Waits out the throttle's delay, asks the portal and counts the session against the account's limit.

        Raises LoginFailed (with LoginBanned and TooManySessions beneath it) and LoginUnavailable.
        """

    def scram_verifier(name: str) -> ScramVerifier:
        """The account's verifier; for unknown names a made-up one that is the same at every asking."""


# --- documents -----------------------------------------------------------------------------------------------


class DocumentError(Exception):
    """Why the tree would not do it. ``path`` is the tree's path, never the file system's."""

    def __init__(self, path: bytes, reason: str = "") -> None:
        super().__init__(reason or type(self).__doc__)
        self.path = path


class NotFound(DocumentError):
    """There is nothing by that name (or it is hidden, or leads out of the tree)."""


class Forbidden(DocumentError):
    """It is there and may not be used that way."""


class Exists(Forbidden):
    """Something stands there already, and is not to be replaced."""


class BadOffset(DocumentError):
    """There is less than the part to be gone on from."""


class IsFolder(DocumentError):
    """A document is wanted and this is a folder."""


class NotFolder(DocumentError):
    """A folder is wanted and this is a document."""


class NoSpace(DocumentError):
    """The disk or the quota is full."""


class Unavailable(DocumentError):
    """Our fault: out of descriptors, a failing disk. Protocols answer their temporary failure."""


@dataclass(frozen=True)
class Entry:
    """One document or folder: what stat(2) says of it, and its name as the bytes it has on disk."""

    name: bytes
    folder: bool
    size: int
    modified_ns: int
    inode: int
    device: int
    mode: int

    @property
    def modified(self) -> float:
        """Unix seconds."""
        return self.modified_ns / 1e9


class OpenDocument(Protocol):
    """An open document: its entry (from fstat of the very descriptor) and its descriptor, until closed."""

    entry: Entry
    fd: int

    def close(self) -> None:
        """Give the descriptor back; a second close does nothing."""

    def __enter__(self) -> OpenDocument: ...

    def __exit__(self, *ignored: object) -> None: ...


class DocumentWriter(Protocol):
    """A document being written under a name nobody sees. One of commit, keep and abandon ends it."""

    def write(self, data: bytes) -> None:
        """Append. Raises NoSpace."""

    def commit(self) -> Entry:
        """Sync the file, give it its name, sync the folder. Whole under its name or absent, whatever happens."""

    def keep(self) -> None:
        """End it unfinished, but keep what is written as ``NAME.part``, for `IDocuments.resume`. Never raises: where it
        can't be kept it is abandoned."""

    def abandon(self) -> None:
        """Forget it all."""


class IDocuments(Interface):
    """A tree of documents. Paths are bytes, decoded from their protocol's form once, ``/`` between the parts.

    Every method raises NotFound or Forbidden, and nothing here ever leads outside the root: not by ``..``,
    not by symbolic links, not by a link put in place between two steps. A path with NUL or an empty tree is
    NotFound. Calls block for one disk access each.

    Nothing is ever written, removed, renamed or changed at or beneath a path that a service runs programs from
    (`ServiceSettings.sealed`): Forbidden, whatever the account's rights.
    """

    def entry(path: bytes) -> Entry:
        """What stands there; `IsFolder` and `NotFolder` are not raised but for a trailing slash on a document."""

    def open(path: bytes) -> OpenDocument:
        """Open a regular file for reading. Raises IsFolder; Forbidden for devices, sockets and pipes."""

    def list(path: bytes) -> Iterator[Entry]:
        """The folder's entries in no order, lazily: one step reads one name. Raises NotFolder."""

    def listing(path: bytes, batch: int = 500) -> AsyncIterator[Sequence[Entry]]:
        """The same in batches, giving the reactor a turn between any two."""

    def write(path: bytes, new: bool = False) -> DocumentWriter:
        """Begin to write a document, new or instead of what stands there. Raises IsFolder, NotFolder, NoSpace.

        With ``new`` it must not be there: Exists, now or when it is committed.
        """

    def resume(path: bytes, offset: int) -> DocumentWriter:
        """Begin to write a document that goes on after ``offset`` octets of what is there already.

        What is there is the upload that `DocumentWriter.keep` left, when that is long enough, else the document itself,
        which stays as it is until commit. Raises BadOffset when neither has so much, NotFound when there is neither.

        The document's octets are copied step by step with each write and the rest at the end, so here `keep` may take
        as long as `commit`: let a thread wait for either (`IHouse.in_thread`).
        """

    def remove(path: bytes) -> None:
        """Remove a document or an empty folder."""

    def rename(path: bytes, to: bytes) -> None:
        """Give a document or a folder another name, also in another folder, in one step.

        A document replaces a document. Otherwise raises Exists when something stands at ``to``; Forbidden for a folder
        that would go beneath itself, or beneath a home whose quota can't be told to hold.
        """

    def make_folder(path: bytes) -> None:
        """Make a folder in a folder that exists. Raises Exists."""

    def change(path: bytes, modified_ns: int | None = None, mode: int | None = None) -> Entry:
        """Set the time of the last change (Unix nanoseconds) or the permission bits (of 0o777) of what stands there.

        Forbidden for other bits, and for bits that would keep the daemon itself out: it owns what it wrote.
        """

    def may_write(path: bytes) -> bool:
        """Would changing what stands there, or making it, be allowed? Folders: would it for what is put into them?"""

    def space(path: bytes) -> int | None:
        """Octets that may still be written beneath a folder: the disk's, and no more than the account's quota leaves.

        0 where the account may not write, None when nobody knows.
        """

    def digest(path: bytes, algorithm: str, start: int = 0, stop: int | None = None) -> Awaitable[bytes]:
        """The hash of a document's octets from ``start`` to ``stop``, read in short turns.

        ``algorithm`` is sha256, sha512, sha1, md5 or crc32 (four octets, the highest first); ValueError for any other.
        Raises BadOffset when the document ends before ``stop``.
        """

    def within(path: bytes) -> IDocuments:
        """The same tree as seen from one of its folders, which is ``/`` there: its paths never lead above it.

        The folder is looked up anew at each call, and need not be there yet.
        """


class ITellsChanges(Interface):
    """What a tree may provide besides: it tells of the changes made through it, to those who keep what they read.

    Others' changes, made on the disk by other programs, nobody tells.
    """

    def on_change(listener: Callable[[bytes], object]) -> None:
        """Call ``listener``, a method that is held weakly, with each path written, removed or made (``/`` first and
        between the parts, none empty), once that is done and before whoever did it hears so; with ``/`` when a folder
        was renamed, with all that stands in it, and when the tree is closed.

        Links may let other paths lead to the same place. It must not raise, and may be called in any thread.
        """


# --- TLS -----------------------------------------------------------------------------------------------------


class ITLS(Interface):
    """The daemon's certificates, as contexts. Swapped certificates reach the next handshake."""

    def server(alpn: Sequence[bytes] = ()) -> Any:
        """An IOpenSSLServerConnectionCreator for our side; a peer that offers only other ALPN names is refused."""

    def client(hostname: str, alpn: Sequence[bytes] = (), verify: bool = True) -> Any:
        """An IOpenSSLClientConnectionCreator that verifies ``hostname`` by service-identity."""

    def binding(connection: SSL.Connection) -> tuple[str, bytes] | None:
        """The channel binding of a connection for SCRAM-SHA-256-PLUS: (name, data), RFC 5929 and RFC 9266."""


# --- measuring -----------------------------------------------------------------------------------------------


class ICounter(Interface):
    """One number that grows. It is counted up in the reactor's thread alone."""

    def inc(amount: float = 1) -> None:
        """Add."""


class IAccessLog(Interface):
    """A service's access log: buffered lines."""

    def write(line: str) -> None:
        """Add one line (no line end), control characters escaped already by the caller's `escape`."""


class IMeasure(Interface):
    """Counters under the names of the design, and access logs. Ask once per factory, not per command."""

    def command(protocol: str, command: str, result: str) -> ICounter:
        """netdaemon_commands_total{protocol,command,result}. Command names come from a table, never the peer."""

    def auth(protocol: str, result: str) -> ICounter:
        """netdaemon_auth_total{protocol,result}."""

    def delivery(result: str) -> ICounter:
        """netdaemon_delivery_total{result}: accepted, refused or deferred, of recipients that came; sent, deferred or
        bounced, of those in the queue.
        """

    def unhandled() -> ICounter:
        """netdaemon_unhandled_errors_total."""

    def access(settings: ServiceSettings) -> IAccessLog | None:
        """The service's access log; None when the section has none."""

    def samples() -> Iterator[tuple[str, Mapping[str, str], float]]:
        """What was counted so far: (name, labels, value), names as `text` has them."""

    def text(openmetrics: bool = False) -> bytes:
        """The same in Prometheus' text format, or in OpenMetrics'."""
