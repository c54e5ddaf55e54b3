"""One program that a peer has run, under way: its output, its input, its end. `programs` starts it."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import struct
import termios
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

from twisted.internet.defer import CancelledError, Deferred, TimeoutError
from twisted.internet.interfaces import IReadWriteDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

from netdaemon.interfaces import IDeadline
from netdaemon.wire.complaints import Complaints

if TYPE_CHECKING:
    from netdaemon.wire.programs import Programs

CHUNK = 64 * 1024
"""Octets read of a program's output at one time; no more is held."""
OPEN_FILES = 1024
"""Descriptors of one program (RLIMIT_NOFILE)."""
YOUTH = 1.0
"""Seconds after which a program is watched in another way: see `Program._watch_exit`."""

Source = Callable[[], Awaitable[bytes]]
"""A program's input: the next octets, empty at the end."""


class ProgramFailed(Exception):
    """The program did not do what it was run for."""


class NotRun(ProgramFailed):
    """It could not be started: a fault of its own, such as a missing interpreter."""


class Busy(ProgramFailed):
    """It could not be started now: too many run already, or the system has no room."""


class TimedOut(ProgramFailed):
    """It was silent for too long, or ran for too long."""


class TooMuch(ProgramFailed):
    """It said more than it may."""


class Killed(ProgramFailed):
    """Somebody ended it."""


@dataclass(frozen=True)
class Limits:
    """What one program may take. Seconds and octets; 0 is no limit but for ``patience`` and ``lifetime``."""

    patience: float
    """How long it may neither say something nor take input, while that is what is waited for."""
    lifetime: float
    output: int = 0
    """Octets of output and of error messages together."""
    memory: int = 0
    cpu: float = 0.0
    processes: int = 0
    """Of its user, this one included."""

    def resources(self) -> Iterator[tuple[int, int, int]]:
        """What the kernel is told: (limit, soft, hard)."""
        yield resource.RLIMIT_CORE, 0, 0
        yield resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES
        if self.memory:
            yield resource.RLIMIT_AS, self.memory, self.memory
        if self.cpu:
            seconds = ceil(self.cpu)
            yield resource.RLIMIT_CPU, seconds, seconds + 1  # SIGXCPU first, then SIGKILL
        if self.processes:
            yield resource.RLIMIT_NPROC, self.processes, self.processes


class Program:
    """One program under way, as `Programs.run` gives it. Whoever has it calls `close` in the end."""

    def __init__(
        self,
        programs: Programs,
        path: bytes,
        pid: int,
        output: int,
        errors: int,
        stdin: int = -1,
    ) -> None:
        self.pid = pid
        self.status: int | None = None
        """Its exit status, minus the signal that killed it; None while it runs."""
        self.finished = False
        """Has its output come to its end?"""
        self._programs = programs
        self._limits = programs.limits
        self._exit: _End | None = None  # its pidfd, once it is watched
        self._output = _End(programs.reactor, output, self._readable)
        self._errors = _End(programs.reactor, errors, self._complains)
        self._stdin = _End(programs.reactor, stdin, self._writable) if stdin >= 0 else None
        self._complaints = Complaints(path, programs.allowance)
        self._held = b""  # a chunk that nobody has asked for
        self._left = -1  # octets that were in its pipe when it ended; -1 while it runs
        self._said = 0
        self._failure: Exception | None = None
        self._waiting: Deferred[None] | None = None  # for output
        self._taking: Deferred[None] | None = None  # for room in its input
        self._excused = False  # it waits for us
        self._feeding: Deferred[None] | None = None
        self._watchers: list[Deferred[None]] = []
        self._lifetime = programs.deadlines.after(YOUTH, self._too_old)
        self._young = True
        self._patience: IDeadline | None = None

    def begin(self, source: Source | None) -> None:
        """Watch it; once, by who started it."""
        self._errors.watch()
        if source is not None:
            self._feeding = Deferred.fromCoroutine(self._feed(source))

    # --- for whoever runs it ---------------------------------------------------------------------------------

    async def read(self) -> bytes:
        """The next octets of its output, empty at the end. It is read no faster than that.

        Raises what ended it before its time (TimedOut, TooMuch, Killed), and what its input's source has raised.
        """
        while (data := self._at_hand()) is None:
            await self._more()
        return data

    async def read_within(self, seconds: float) -> bytes | None:
        """The same; None when there is nothing so soon."""
        data = self._at_hand()
        if data is None:
            try:
                await self._more(seconds)
            except TimeoutError:
                return None
            data = self._at_hand()
        return data

    async def ends_within(self, seconds: float) -> bool:
        """Wait for its end. False if that takes longer."""
        if self.status is None:
            watcher = Deferred[None]()
            self._watchers.append(watcher)
            try:
                await watcher.addTimeout(seconds, self._programs.reactor)
            except TimeoutError:
                return False
            finally:
                if watcher in self._watchers:
                    self._watchers.remove(watcher)
        return True

    def close(self) -> None:
        """It is not wanted any more. One whose output has come to its end may go on with what it does, for as long as
        it may live; any other is killed."""
        if not self.finished:
            self.kill()

    def kill(self) -> None:
        """End it, and all that it has started. `read` raises Killed then."""
        self._fail(Killed("the program was ended"))

    # --- time ------------------------------------------------------------------------------------------------

    def _expect(self) -> None:
        """Its patience begins anew; none is needed while it waits for us."""
        if self._waiting is None or self._excused:
            if self._patience is not None:
                self._patience.cancel()
        elif self._patience is None:
            self._patience = self._programs.deadlines.after(self._limits.patience, self._too_slow)
        else:
            self._patience.postpone(self._limits.patience)

    def _too_slow(self) -> None:
        self._fail(TimedOut("the program was silent for too long"))

    def _too_old(self) -> None:
        if self._young:
            self._young = False
            self._lifetime.postpone(max(0.0, self._limits.lifetime - YOUTH))
            self._watch_exit()
            return
        self._fail(TimedOut("the program ran for too long"))

    # --- its output ------------------------------------------------------------------------------------------

    def _at_hand(self) -> bytes | None:
        """What `read` gives without waiting; None when it has to wait."""
        if self._left >= 0 and not self._held and not self.finished:
            self._take_rest()
        if self._failure is not None:
            raise self._failure
        if self._held:
            data, self._held = self._held, b""
            return data
        return b"" if self.finished else None

    async def _more(self, seconds: float | None = None) -> None:
        if self._waiting is not None:
            raise RuntimeError("a program's output has one reader")
        self._waiting = waiting = Deferred[None]()
        if seconds is not None:
            waiting.addTimeout(seconds, self._programs.reactor)
        self._output.watch()
        self._expect()
        try:
            await waiting
        finally:
            self._waiting = None
            self._expect()

    def _readable(self) -> None:
        if self._held:
            self._output.rest()  # its reader has enough for now, so it may wait
            return
        data = _read(self._output.fd)
        if data is None:
            self._output.watch()  # what came was another's: see `_End.connectionLost`
            return
        ended = not data
        if 0 < len(data) < CHUNK:  # most say all they have to say at once: then their end is there, too
            more = _read(self._output.fd)
            ended = more == b""
            data += more or b""
        if data:
            self._held = data
            self._count(data)
        if ended and not self.finished:
            self._finish()
            self._watch_exit()
        self._wake()

    def _take_rest(self) -> None:
        """What was in the pipe when it ended is all there is, whoever may still hold the other end."""
        data = os.read(self._output.fd, min(CHUNK, self._left)) if self._left else b""
        self._left -= len(data)
        if data:
            self._count(data)
            self._held = data
        else:
            self._finish()

    def _count(self, data: bytes) -> None:
        self._said += len(data)
        if self._limits.output and self._said > self._limits.output:
            self._fail(TooMuch("the program says more than it may"))

    def _finish(self) -> None:
        self.finished = True
        self._output.close()

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.called:
            self._waiting.callback(None)

    def _complains(self) -> None:
        data = _read(self._errors.fd)
        if data is None:
            self._errors.watch()
            return
        if data:
            self._complaints.add(data)
            self._count(data)
        else:
            self._errors.close()

    # --- its input -------------------------------------------------------------------------------------------

    async def _feed(self, source: Source) -> None:
        assert self._stdin is not None
        try:
            while True:
                self._excused = True
                self._expect()
                data = await source()
                self._excused = False
                self._expect()
                if not data or not await self._give(memoryview(data)):
                    break
        except CancelledError:
            pass
        except Exception as error:  # noqa: BLE001 - it is the reader's: see `read`
            self._feeding = None
            self._fail(error)
        finally:
            self._excused = False
            self._feeding = None
            self._stdin.close()

    async def _give(self, data: memoryview) -> bool:
        """False when it takes no more."""
        assert self._stdin is not None
        while data:
            try:
                data = data[os.write(self._stdin.fd, data) :]
            except BlockingIOError:
                self._taking = taking = Deferred[None]()
                self._stdin.watch(writing=True)
                await taking
            except OSError:
                return False  # it has closed its input, or is gone
            self._expect()
        return True

    def _writable(self) -> None:
        assert self._stdin is not None
        self._stdin.rest()
        if self._taking is not None and not self._taking.called:
            self._taking.callback(None)

    # --- its end ---------------------------------------------------------------------------------------------

    def _fail(self, why: Exception) -> None:
        if self._failure is None and not (self.finished and self.status is not None):
            self._failure = why
        if self.status is None:
            self._kill_group()
            self._watch_exit()
        self._stop_feeding()
        self._finish()
        self._wake()

    def _kill_group(self) -> None:
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # gone, or all of them have become somebody else's

    def _watch_exit(self) -> None:
        """Hear of its end from now on, which may have been.

        Most programs are over when their output is, so no pidfd is made for them. Whose output goes on without them,
        in the hands of others, is found out when it is a second old.
        """
        if self.status is not None or self._exit is not None:
            return
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            self._exited()
            return
        try:
            pidfd = os.pidfd_open(self.pid)
        except OSError:  # no descriptor is free: try again a little later
            self._young = True
            self._lifetime.postpone(YOUTH)
            return
        self._exit = _End(self._programs.reactor, pidfd, self._perhaps_exited)
        self._exit.watch()

    def _perhaps_exited(self) -> None:
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
            self._exited()
        elif self._exit is not None:
            self._exit.watch()

    def _exited(self) -> None:
        self._kill_group()  # before it is reaped: until then its number is nobody else's
        self.status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        if self._exit is not None:
            self._exit.close()
        self._lifetime.cancel()
        if self._patience is not None:
            self._patience.cancel()
        self._stop_feeding()
        if not self._errors.closed:
            self._complains()
            self._errors.close()
        self._complaints.end()
        if not self.finished:
            self._left = _in_pipe(self._output.fd)
            self._output.rest()
        self._programs.ended(self)
        self._wake()
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            watcher.callback(None)

    def _stop_feeding(self) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
        if self._stdin is not None:
            self._stdin.close()


@implementer(IReadWriteDescriptor)
class _End:
    """Our end of a pipe, or a pidfd, as reactors want them. ``ready`` is called for whatever there is."""

    __slots__ = ("_reactor", "_ready", "_watched", "fd")

    def __init__(self, reactor: Any, fd: int, ready: Callable[[], object]) -> None:
        self.fd = fd
        self._reactor = reactor
        self._ready = ready
        self._watched = False

    @property
    def closed(self) -> bool:
        return self.fd < 0

    def watch(self, writing: bool = False) -> None:
        if not self._watched and self.fd >= 0:
            self._watched = True
            (self._reactor.addWriter if writing else self._reactor.addReader)(self)

    def rest(self) -> None:
        if self._watched:
            self._watched = False
            self._reactor.removeReader(self)
            self._reactor.removeWriter(self)

    def close(self) -> None:
        """Close it; a second close does nothing."""
        if self.fd >= 0:
            self.rest()
            fd, self.fd = self.fd, -1
            os.close(fd)
            self._ready = _nothing  # whose method it was is free to go, without the collector of cycles

    def fileno(self) -> int:
        return self.fd

    def logPrefix(self) -> str:
        return "program"

    def doRead(self) -> None:
        if self.fd >= 0:
            self._ready()

    doWrite = doRead

    def connectionLost(self, reason: Failure) -> None:
        """The other end hung up, and the reactor has let go of us; reading or writing shows the rest.

        Or it did not: of several events that come at once, one may close a descriptor and let the next be meant for us,
        who got its number.
        """
        self._watched = False
        self.doRead()


def _nothing() -> None:
    pass


def _read(descriptor: int) -> bytes | None:
    """The next octets, empty at the end, None when there are none yet."""
    try:
        return os.read(descriptor, CHUNK)
    except BlockingIOError:
        return None


def _in_pipe(descriptor: int) -> int:
    """Octets that wait in a pipe."""
    (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)))
    return int(count)
