"""Running programs for peers: streamed both ways, bounded in everything, ended together with what they started.

A program is started by vfork(2): a fork would copy the page tables of the whole daemon (24 ms at 500 MB where this
takes 0.1). What can only be done between fork and exec is therefore done otherwise:

- Its limits are set on it by prlimit(2) as soon as it runs, and on whatever it has started by then: on a busy machine
  it may be some milliseconds old. (A program in between that sets them would cost as much as a small script does.)
  Only the number of processes can't wait, for what multiplies gets away: so it is our own while the program is started,
  and inherited.
- To run as another user takes setpriv(1) in between; and then prlimit(1) as well, since not every root may limit what
  has become somebody else's.

Each program leads a session and process group of its own. Its end is the end of its group: of a program that is
killed, and of one that ends and leaves others behind. Only those who make themselves a session of their own stay.
"""

from __future__ import annotations

import errno
import os
import pwd
import resource
import shutil
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from twisted.internet.defer import DeferredSemaphore, TimeoutError

from netdaemon.interfaces import IDeadlines
from netdaemon.wire.complaints import Allowance
from netdaemon.wire.executable import Executable
from netdaemon.wire.program import CHUNK, Busy, Limits, NotRun, Program, Source
from netdaemon.wire.programsettings import ProgramSettings
from netdaemon.wire.spawn import spawn

_NO_ROOM = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN))
QUEUE_SECONDS = 10.0
"""How long one who wants a program waits for another to end."""
PATH = "/usr/local/bin:/usr/bin:/bin"
"""Where programs find others: the only thing of an environment that all of them get."""
UMASK = 0o022


class Programs:
    """The programs of one service: so many at one time, within these limits, as this user.

    ``user`` is a name, empty for the daemon's own; another can only be had by root. Raises KeyError for a user whom
    nobody knows, and ValueError where a program is missing that it takes.
    """

    @classmethod
    def of(cls, settings: ProgramSettings, reactor: Any, deadlines: IDeadlines) -> Programs:
        """Those of a section."""
        limits = Limits(
            patience=settings.cgi_timeout,
            lifetime=settings.cgi_lifetime,
            output=settings.cgi_output,
            memory=settings.cgi_memory,
            cpu=settings.cgi_cpu,
            processes=settings.cgi_children,
        )
        return cls(reactor, deadlines, limits, settings.cgi_processes, settings.cgi_user)

    def __init__(self, reactor: Any, deadlines: IDeadlines, limits: Limits, at_most: int, user: str = "") -> None:
        self.reactor = reactor
        self.deadlines = deadlines
        self.limits = limits
        self.allowance = Allowance(reactor)
        self._resources = [_within_ours(*limit) for limit in limits.resources()]
        self._launcher = _launcher(user, self._resources)
        self._at_most = at_most
        self._places = DeferredSemaphore(at_most)
        self._running: set[Program] = set()
        self._trigger: object = None

    async def run(
        self,
        executable: Executable,
        arguments: Sequence[bytes],
        environment: Mapping[bytes, bytes],
        body: Source | int | None = None,
    ) -> Program:
        """Start a program, as soon as there is a place for it.

        It gets ``environment`` and nothing else, and ``body`` as its standard input: what a source gives, what stands
        in an open file, or nothing. Raises Busy and NotRun.
        """
        await self._place()
        try:
            program = self._start(executable, arguments, environment, body)
        except BaseException:
            self._places.release()
            raise
        self._running.add(program)
        if self._trigger is None:
            self._trigger = self.reactor.addSystemEventTrigger("during", "shutdown", self.stop)
        program.begin(body if callable(body) else None)
        return program

    def ended(self, program: Program) -> None:
        """A program is gone, and its place is free."""
        self._running.discard(program)
        self._places.release()
        if not self._running and self._trigger is not None:
            trigger, self._trigger = self._trigger, None
            self.reactor.removeSystemEventTrigger(trigger)

    def stop(self) -> None:
        """End them all: the daemon stops."""
        self._trigger = None
        for program in tuple(self._running):
            program.kill()

    async def _place(self) -> None:
        if not self._places.tokens and len(self._places.waiting) >= self._at_most:
            raise Busy("as many as may do wait for a place already")
        place = self._places.acquire()
        if not place.called:
            place.addTimeout(QUEUE_SECONDS, self.reactor)
        try:
            await place
        except TimeoutError:
            raise Busy("no other program has ended in time") from None

    def _start(
        self,
        executable: Executable,
        arguments: Sequence[bytes],
        environment: Mapping[bytes, bytes],
        body: Source | int | None,
    ) -> Program:
        own = b"./" + executable.name
        argv = [*self._launcher, own, *arguments]
        ours: list[int] = []
        theirs: list[int] = []
        try:
            output, errors = _pipe(ours, theirs), _pipe(ours, theirs)
            if callable(body):
                stdin = _pipe(ours, theirs, inwards=True)
            elif body is not None:
                stdin = body
            else:
                stdin = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
                theirs.append(stdin)
            with self._few_processes():
                pid = spawn(argv, environment, executable.folder, stdin, output, errors, UMASK)
        except (OSError, ValueError) as error:
            _close(*ours)
            raise (Busy if getattr(error, "errno", 0) in _NO_ROOM else NotRun)(str(error)) from error
        finally:
            _close(*theirs)
        try:
            if not self._launcher:
                for member in _family(pid):
                    self._limit(member)
        except OSError as error:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            _close(*ours)
            # It became another user's by its set-user-ID bit, and would be without limits.
            raise NotRun(str(error)) from error
        return Program(self, executable.path, pid, *ours)

    @contextmanager
    def _few_processes(self) -> Iterator[None]:
        """Meanwhile this process may start no more than programs may. None of its threads does: they are started by the
        thread that we are in."""
        own = soft, hard = resource.getrlimit(resource.RLIMIT_NPROC)
        most = self.limits.processes
        if not most or 0 <= soft <= most:
            yield
            return
        resource.setrlimit(resource.RLIMIT_NPROC, (most, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_NPROC, own)

    def _limit(self, pid: int) -> None:
        for limit, soft, hard in self._resources:
            try:
                resource.prlimit(pid, limit, (soft, hard))
            except ProcessLookupError:
                return  # it has ended already


def _family(pid: int) -> Iterator[int]:
    """A process, and those that it has started by the time its own turn is over. Whoever limits each as it comes has
    limited all: what is started later inherits it."""
    yield pid
    try:
        listed = os.open(f"/proc/{pid}/task/{pid}/children", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return  # it has ended
    try:
        children = os.read(listed, CHUNK)
    except OSError:
        return
    finally:
        os.close(listed)
    for child in children.split():
        yield from _family(int(child))


def _within_ours(limit: int, soft: int, hard: int) -> tuple[int, int, int]:
    """No more than we may give."""
    most = resource.getrlimit(limit)[1]
    return (limit, soft, hard) if most == resource.RLIM_INFINITY else (limit, min(soft, most), min(hard, most))


def cannot_run_as(user: str) -> str | None:
    """Why `Programs` can't be made for a user, None when they can; whether we are root, who may, is not asked."""
    try:
        _launcher(user, ())
    except KeyError:
        return f"there is no user {user} on this system"
    except ValueError as error:
        return str(error)
    return None


_OPTIONS = {
    resource.RLIMIT_AS: "as",
    resource.RLIMIT_CORE: "core",
    resource.RLIMIT_CPU: "cpu",
    resource.RLIMIT_NOFILE: "nofile",
    resource.RLIMIT_NPROC: "nproc",
}


def _launcher(user: str, limits: Sequence[tuple[int, int, int]]) -> list[bytes]:
    """The beginning of a command line that is run as ``user`` within ``limits``; empty where nobody has to change."""
    if not user:
        return []
    account = pwd.getpwnam(user)
    if account.pw_uid == os.geteuid():
        return []
    groups = ",".join(map(str, sorted(set(os.getgrouplist(user, account.pw_gid)))))
    options = [f"--{_OPTIONS[limit]}={soft}:{hard}" for limit, soft, hard in limits]
    become = f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", f"--groups={groups}"
    words = [_program("prlimit"), *options, "--", _program("setpriv"), *become, "--"]
    return [word.encode() for word in words]


def _program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        raise ValueError(f"{name} is not installed (it is a part of util-linux)")
    return found


def _pipe(ours: list[int], theirs: list[int], *, inwards: bool = False) -> int:
    """A pipe that leads to us, or ``inwards`` to them; each end is noted with its owner. Gives theirs."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    own, other = (writing, reading) if inwards else (reading, writing)
    ours.append(own)
    theirs.append(other)
    os.set_blocking(own, False)
    return other


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
