"""The root service: an ordered start, a reload that keeps the old on any error, a stop in three phases.

Start: data folder, keys, addresses bound | root's rights given up | documents, accounts, kinds, doors open, and once
the reactor runs the ready-file. Stop: doors stop listening | sessions are told and get their grace | what they stood
on is closed.
"""

# mypy: disable-error-code="no-untyped-call"
# Twisted's services and options have no types.

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import Config, Kinds, read
from netdaemon.run.datafolder import DataFolder
from netdaemon.run.errors import StartFailed, explain, reason
from netdaemon.run.estate import Estate
from netdaemon.run.house import certificates
from netdaemon.run.inherited import Inherited
from netdaemon.run.logs import Log
from netdaemon.run.measure import Measure
from netdaemon.run.notify import Notify
from netdaemon.run.openfiles import raise_open_files
from netdaemon.run.privileges import become, give_away, identity
from netdaemon.run.readyfile import ReadyFile
from netdaemon.run.signals import Signals
from netdaemon.run.workers import Workforce, count
from netdaemon.wire.tls import Certificates


class Daemon(Service):
    """netdaemon as twistd runs it. ``log`` is None when twistd's own logging was asked for."""

    _log = Logger()

    def __init__(
        self, config: Config, kinds: Kinds, reactor: Any, log: Log | None, heir: tuple[int, int] | None = None
    ) -> None:
        """``heir``: uid and gid of the user that twistd (--uid, --gid) becomes once the privileged start is over."""
        self._config = config
        self._kinds = kinds
        self._reactor = reactor
        self._own_log = log
        self._heir = heir
        self._measure = Measure(reactor)
        workers = count(config.netdaemon)
        self._estate: Estate | Workforce = (
            Estate(reactor, self._measure) if workers == 1 else Workforce(reactor, self._measure, workers, log)
        )
        self._notify = Notify()
        self._data = DataFolder(config.netdaemon.data)
        self._ready_file = ReadyFile(config.netdaemon.ready_file)
        self._certificates: Certificates | None = None
        self._watchdog: Any = None
        self._stopping = False
        self._busy = True
        """Starting, or reading the INI again: what comes in now has to wait."""
        self._asked_to_reload = False
        self._hurry: Deferred[None] = Deferred()
        """Fires at the second signal to stop."""
        if log is not None:
            log.failures = self._measure.failed

    def setServiceParent(self, parent: Any) -> None:
        super().setServiceParent(parent)
        if self._own_log is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._own_log)

    # --- start -----------------------------------------------------------------------------------------------

    def privilegedStartService(self) -> None:
        """As root, if we are: what only root may do; then become the user that `[netdaemon] user` names."""
        super().privilegedStartService()
        self._or_fail(self._start_privileged)

    def startService(self) -> None:
        super().startService()
        self._or_fail(self._start)

    def _or_fail(self, step: Callable[[], object]) -> None:
        """Run one step of the start; whatever goes wrong becomes a StartFailed that leaves nothing behind."""
        try:
            step()
        except BaseException as error:
            self._undo_start()
            if not isinstance(error, Exception):
                raise
            failed = explain(error)
            if self._own_log is not None and self._own_log.to_file:
                self._log.critical("not started: {error}", error=str(failed))
            raise failed from None

    def _start_privileged(self) -> None:
        config = self._config
        # First of all: a signal that comes during the start waits, and finds a daemon that can stop in good order.
        Signals(self._reactor, self._stop_reactor, self._stop_at_once, self.reload).install()
        raise_open_files(config.netdaemon.open_files)
        inherited = Inherited.take()
        who = identity(config.netdaemon.user, config.netdaemon.group)
        if who is not None and self._heir is not None:
            raise StartFailed("[netdaemon] user and twistd's --uid or --gid are both given: keep one")
        self._data.take()
        self._certificates = certificates(config)
        self._estate.bind(config, inherited)
        heir = (who.uid, who.gid) if who is not None else self._heir
        if heir is not None:
            give_away(self._data.path, *heir)
            if self._own_log is not None:
                self._own_log.give_to(*heir)
        if who is not None:
            become(who)
            self._log.info("became {user}", user=who.user)

    def _start(self) -> None:
        assert self._certificates is not None
        self._ready_file.clear()  # now, not before: it is the user we have become who must be able to write it
        self._estate.open(self._config, self._certificates)
        self._measure.watch_doors(self._estate.connections, self._estate.expiry, self._estate.queue)
        self._measure.start(self._config.netdaemon.metrics_file)
        self._reactor.callWhenRunning(lambda: Deferred.fromCoroutine(self._get_ready()))

    def _undo_start(self) -> None:
        self._estate.abandon()
        self._measure.stop()
        if self._certificates is not None:
            self._certificates.stop()
        self._ready_file.remove()
        self._data.release()

    async def _get_ready(self) -> None:
        try:
            await self._estate.ready()
        except StartFailed as error:
            if not self._stopping:
                self._fail(str(error))
            return
        if not self._stopping:
            self._ready()
            self._busy = False
            if self._asked_to_reload:
                self.reload()

    def _ready(self) -> None:
        addresses = self._estate.addresses()
        try:
            self._ready_file.write(addresses)
        except OSError as error:
            self._fail(f"[netdaemon] ready-file can't be written: {reason(error)}")
            return
        for section, bound in addresses.items():
            self._log.info("[{section}] listens on {addresses}", section=section, addresses=" ".join(bound))
        self._log.info("ready")
        self._notify.ready(f"serving {' '.join(addresses)}")
        if self._notify.watchdog:
            self._keep_alive()

    def _keep_alive(self) -> None:
        self._notify.alive()
        self._watchdog = self._reactor.callLater(self._notify.watchdog, self._keep_alive)

    def _fail(self, message: str) -> None:
        """The reactor runs already, and twistd would exit with 0: say why in one line, stop, exit with 1."""
        assert sys.__stderr__ is not None
        sys.__stderr__.write(f"netdaemon: {message}\n")
        self._log.critical("{message}", message=message)
        atexit.register(_exit_with_failure)
        self._stop_reactor()

    # --- reload ----------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Read the INI again and take it on whole, or keep what is and log why.

        Reloads never overlap: all that are asked for during one are one more, behind it. Sessions under way stay on
        the settings they began with.
        """
        self._asked_to_reload = True
        if not self._busy:
            Deferred.fromCoroutine(self._reload_while_asked())

    async def _reload_while_asked(self) -> None:
        self._busy = True
        while self._asked_to_reload and not self._stopping:
            self._asked_to_reload = False
            await self._reload_once()
        self._busy = False

    async def _reload_once(self) -> None:
        self._notify.reloading()
        try:
            await self._reload()
        except ConfigError as error:
            for problem in error.problems:
                self._log.error("{problem}", problem=str(problem))
            self._not_reloaded("the configuration has problems")
        except Exception as error:  # noqa: BLE001  # whatever it is, the daemon goes on as it was
            if not self._stopping:
                self._not_reloaded(str(explain(error)))
        else:
            self._measure.reloaded(True)
            self._log.info("reloaded {file}", file=str(self._config.file))
            self._notify.ready(f"serving {' '.join(self._estate.addresses())}")

    def _not_reloaded(self, why: str) -> None:
        self._measure.reloaded(False)
        self._log.error("not reloaded, going on as before: {why}", why=why)
        self._notify.ready(f"the last reload failed: {why}")

    async def _reload(self) -> None:
        config = self._keep_fixed(read(self._config.file, self._kinds))
        if self._own_log is None:
            await self._estate.exchange(config)
        else:
            descriptor = self._own_log.open(config.log)
            try:
                await self._estate.exchange(config)
            except BaseException:
                self._own_log.discard(descriptor)
                raise
            self._own_log.change(config.log, descriptor)
        self._config = config
        self._measure.reopen()
        self._measure.write_to(config.netdaemon.metrics_file)
        raise_open_files(config.netdaemon.open_files)
        try:
            if config.netdaemon.ready_file != self._ready_file.path:
                self._ready_file.remove()
                self._ready_file = ReadyFile(config.netdaemon.ready_file)
            if not self._stopping:
                self._ready_file.write(self._estate.addresses())
        except OSError as error:
            self._log.error("[netdaemon] ready-file can't be written: {error}", error=reason(error))

    def _keep_fixed(self, config: Config) -> Config:
        """What only a restart can change stays; the log says so."""
        fixed = {}
        for name in ("data", "user", "group", "workers"):
            before = getattr(self._config.netdaemon, name)
            if getattr(config.netdaemon, name) != before:
                self._log.warn("[netdaemon] {key} has changed: that needs a restart", key=name)
                fixed[name] = before
        return replace(config, netdaemon=replace(config.netdaemon, **fixed))

    # --- stop ------------------------------------------------------------------------------------------------

    def stopService(self) -> Deferred[None]:
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _stop_reactor(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._reactor.stop()  # which calls stopService, and waits for it

    def _stop_at_once(self) -> None:
        if not self._hurry.called:
            self._hurry.callback(None)

    async def _stop(self) -> None:
        self._notify.stopping("finishing sessions")
        try:
            self._ready_file.remove()
            await self._estate.close_doors()
            await self._estate.drain(self._config.netdaemon.grace, self._hurry)
        except Exception:  # noqa: BLE001  # the stores must be closed whatever happened before
            self._log.failure("the stop is not in good order")
        if self._watchdog is not None and self._watchdog.active():
            self._watchdog.cancel()
        self._measure.stop()
        self._estate.close()
        self._data.release()
        self._log.info("stopped")


def _exit_with_failure() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)
