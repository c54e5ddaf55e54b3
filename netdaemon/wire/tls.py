"""The daemon's certificates as TLS contexts: chosen by server name, watched, and swapped under running sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from OpenSSL import SSL
from twisted.internet.interfaces import IDelayedCall, IOpenSSLServerConnectionCreator, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from netdaemon.config import values
from netdaemon.config.settings import TLSSettings
from netdaemon.interfaces import ITLS
from netdaemon.wire.certificate import CertificateError, Pair, is_due, read_certificates, read_pair, self_signed
from netdaemon.wire.tlsbinding import bindings, peer_identity
from netdaemon.wire.tlsclient import Trust
from netdaemon.wire.tlscontext import ServerContext, server_context
from netdaemon.wire.tlssession import DirectTLS, tls_factory

__all__ = ["CertificateError", "Certificates", "DirectTLS", "bindings", "tls_factory"]

TICKET_KEY_LIFE = 12 * 3600.0
"""Seconds that one key may encrypt session tickets: whoever steals it reads the TLS 1.2 sessions of that time."""

WARN_BEFORE = 7 * 86400.0
"""Seconds before its end from which a certificate is complained of when it is loaded."""

DEFAULT = "*"
"""The name in `Certificates.expiry` of the certificate that those meet who name no other host."""

_Prints = tuple[tuple[Any, ...], ...]


@implementer(ITLS)
class Certificates:
    """Provides ITLS from the files that ``settings`` names, or from a self-signed pair in ``data``/tls.

    `load` comes first. ``wall`` tells the time of day in Unix seconds.
    """

    _log = Logger()

    def __init__(self, settings: TLSSettings, hostname: str, data: Path, wall: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._hostname = hostname
        self._folder = data / "tls"
        self._wall = wall
        self._kept: _Generation | None = None
        self._prints: _Prints = ()
        """What the files looked like when they were loaded."""
        self._failed: _Prints | None = None
        """What they looked like when loading failed the last time; that has been said."""
        self._creators: dict[tuple[bytes, ...], Server] = {}
        self._trusts: dict[Path | None, Trust] = {}
        self._clock: IReactorTime | None = None
        self._timer: IDelayedCall | None = None
        self._keys_until = 0.0

    # --- contexts --------------------------------------------------------------------------------------------

    def server(self, alpn: Sequence[bytes] = ()) -> Server:
        """The creator of our side for ``alpn``, always the same one; a swap takes place behind it."""
        names = tuple(alpn)
        if names not in self._creators:
            self._creators[names] = Server(self, names)
        return self._creators[names]

    def client(
        self, hostname: str, alpn: Sequence[bytes] = (), verify: bool = True, authorities: Path | None = None
    ) -> Any:
        """See `Trust.client`. ``authorities`` is a PEM file of some that are believed besides the system's."""
        trust = self._trusts.get(authorities)
        if trust is None:
            trust = self._trusts[authorities] = Trust(authorities)
        return trust.client(hostname, alpn, verify)

    def binding(self, connection: SSL.Connection) -> tuple[str, bytes] | None:
        """The best of the connection's `bindings`."""
        return next(iter(bindings(connection).items()), None)

    def peer_identity(self, connection: SSL.Connection) -> str | None:
        """The name in a client's verified certificate, for SASL EXTERNAL; None if it showed none.

        See `tlsbinding.peer_identity` for which name that is.
        """
        return peer_identity(connection, self._hostname)

    @property
    def expiry(self) -> dict[str, float]:
        """When each certificate expires, in Unix seconds, by its server name; `DEFAULT` is one of them."""
        return {name: pair.expiry for name, pair in self._generation.pairs.items()}

    @property
    def _generation(self) -> _Generation:
        assert self._kept is not None, "certificates are loaded before they are used"
        return self._kept

    # --- files -----------------------------------------------------------------------------------------------

    def load(self) -> None:
        """Read every file; the first time a self-signed pair is made if none is set.

        Raises CertificateError; then all stays as it was.
        """
        prints = self._look_at_files()  # before they are read: a change in between is seen the next time
        settings = self._settings
        authorities = read_certificates(settings.client_ca) if settings.client_ca is not None else ()
        pairs = {DEFAULT: self._read_default(), **self._read_named()}
        generation = _Generation(pairs, authorities, settings.minimum)
        for name in pairs:
            generation.context((), name)  # what OpenSSL won't have is found now, not in a handshake
        self._warn(pairs)
        self._kept, self._prints, self._failed = generation, prints, None
        self._renew_keys_later()

    def reload(self) -> None:
        """At SIGHUP: read again what has changed. Raises CertificateError; then all stays as it was."""
        self._trusts.clear()  # the system's authorities may have changed too
        if self._look_at_files() != self._prints or self._is_due():
            self.load()

    def _read_default(self) -> Pair:
        settings = self._settings
        if settings.certificate is None or settings.private_key is None:
            return self_signed(self._folder, self._hostname, self._wall())
        return self._read(settings.certificate, settings.private_key)

    def _read_named(self) -> dict[str, Pair]:
        pairs = {}
        for folder in _folders(self._settings.sni):
            name = folder.name.lower()
            try:
                values.hostname.parse(name.removeprefix("_."), folder)
            except ValueError:
                raise CertificateError(
                    f"{folder} is not named as a host: mail.example.org, or _.example.org for *.example.org"
                ) from None
            if name in pairs:
                raise CertificateError(f"{folder} names a host for which there is another folder")
            pairs[name] = self._read(folder / "chain.pem", folder / "key.pem")
        return pairs

    def _read(self, certificate: Path, key: Path) -> Pair:
        pair = read_pair(certificate, key, self._settings.private_key_password)
        try:
            server_context(pair, minimum=self._settings.minimum)
        except CertificateError as error:
            raise CertificateError(f"{certificate}: {error}") from None
        return pair

    def _look_at_files(self) -> _Prints:
        settings = self._settings
        files = [settings.certificate, settings.private_key, settings.client_ca]
        try:
            folders = _folders(settings.sni)
        except CertificateError as error:
            return ((str(error),),)
        files += [folder / name for folder in folders for name in ("chain.pem", "key.pem")]
        return tuple(_print(file) for file in files if file is not None)

    def _warn(self, pairs: Mapping[str, Pair]) -> None:
        now = self._wall()
        for name, pair in pairs.items():
            if pair.expiry < now + WARN_BEFORE:
                word = "has expired" if pair.expiry <= now else "expires soon"
                until = f"{min(one.not_valid_after_utc for one in pair.chain):%Y-%m-%d %H:%M} UTC"
                self._log.warn("the certificate {name} {word}: {until}", name=name, word=word, until=until)

    # --- watching --------------------------------------------------------------------------------------------

    def watch(self, clock: IReactorTime) -> None:
        """From now on look at the files every ``settings.watch`` seconds and swap in what has changed."""
        if self._timer is None:
            self._clock = clock
            self._renew_keys_later()
            self._timer = clock.callLater(self._settings.watch, self._look)

    def stop(self) -> None:
        """Look no more. Contexts may be used on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        clock = self._clock
        assert clock is not None
        self._timer = clock.callLater(self._settings.watch, self._look)
        try:
            self._swap(self._look_at_files())
        except Exception:  # noqa: BLE001  # a defect here must not end the watching, nor the sessions
            self._log.failure("the certificates could not be looked at")
        if clock.seconds() >= self._keys_until:
            # OpenSSL makes the key with the context, and pyOpenSSL has no call to set another.
            self._generation.forget_contexts()
            self._renew_keys_later()

    def _swap(self, prints: _Prints) -> None:
        due = self._is_due()
        if prints == self._prints and not due:
            self._failed = None
            return
        if prints == self._failed:
            return
        try:
            self.load()
        except CertificateError as error:
            self._failed = prints
            self._log.error("certificates stay as they were: {reason}", reason=str(error))
        else:
            self._log.info("certificates swapped: {why}", why="renewed" if due else "files have changed")

    def _is_due(self) -> bool:
        own = self._settings.certificate is None
        return own and is_due(self._generation.pairs[DEFAULT], self._wall())

    def _renew_keys_later(self) -> None:
        if self._clock is not None:
            self._keys_until = self._clock.seconds() + TICKET_KEY_LIFE


@implementer(IOpenSSLServerConnectionCreator)
class Server:
    """Makes connections of our side with whatever certificates are the newest; `Certificates.server` makes it."""

    def __init__(self, certificates: Certificates, alpn: tuple[bytes, ...]) -> None:
        self._certificates = certificates
        self.alpn = alpn

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        return self.connect(None)

    def connect(self, socket: Any) -> SSL.Connection:
        """A connection on ``socket`` itself; with None, on memory for somebody to carry."""
        return SSL.Connection(self._certificates._generation.context(self.alpn, DEFAULT), socket)


class _Generation:
    """What one loading has read, and the contexts made of it, each when it is first asked for."""

    def __init__(self, pairs: Mapping[str, Pair], authorities: Sequence[x509.Certificate], minimum: str) -> None:
        self.pairs = pairs
        self._authorities = authorities
        self._minimum = minimum
        self._contexts: dict[tuple[tuple[bytes, ...], str], ServerContext] = {}

    def context(self, alpn: tuple[bytes, ...], name: str) -> ServerContext:
        """The context for one of ``pairs``."""
        context = self._contexts.get((alpn, name))
        if context is None:
            choose = self._chooser(alpn) if name == DEFAULT and len(self.pairs) > 1 else None
            context = server_context(self.pairs[name], alpn, self._minimum, self._authorities, choose)
            self._contexts[alpn, name] = context
        return context

    def forget_contexts(self) -> None:
        """The next handshakes make new ones, with new ticket keys."""
        self._contexts.clear()

    def _chooser(self, alpn: tuple[bytes, ...]) -> Callable[[SSL.Connection], None]:
        def choose(connection: SSL.Connection) -> None:
            name = self.named(connection.get_servername() or b"")
            if name != DEFAULT:
                # OpenSSL takes over certificate, authorities and the ALPN callback. What it does not (options,
                # versions, ciphers, whether a certificate is asked for) is the same in all of our contexts.
                connection.set_context(self.context(alpn, name))

        return choose

    def named(self, server_name: bytes) -> str:
        """Which of ``pairs`` a client wants: the host itself, before its _.wildcard, before the default."""
        name = server_name.decode("ascii", "replace").lower().removesuffix(".")
        if name in self.pairs:
            return name
        wildcard = f"_.{name.partition('.')[2]}"  # RFC 6125 6.4.3: an asterisk stands for one label
        return wildcard if wildcard in self.pairs else DEFAULT


def _folders(sni: Path | None) -> list[Path]:
    if sni is None:
        return []
    try:
        return sorted(one for one in sni.iterdir() if one.is_dir() and not one.name.startswith("."))
    except OSError as error:
        raise CertificateError(f"{sni} can't be listed: {error.strerror}") from None


def _print(file: Path) -> tuple[Any, ...]:
    """What changes when a file does."""
    try:
        found = file.stat()
    except OSError as error:
        return (file, error.errno)
    return (file, found.st_mtime_ns, found.st_ino, found.st_size)
