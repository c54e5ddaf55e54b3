"""Programs: what they get, what they give, their limits and their end."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any
from unittest import mock

from twisted.internet import reactor as _reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from netdaemon.interfaces import Forbidden, IsFolder, NotFolder, NotFound
from netdaemon.wire.deadlines import Wheel
from netdaemon.wire.executable import find
from netdaemon.wire.program import Busy, Killed, Limits, NotRun, Program, TimedOut, TooMuch
from netdaemon.wire.programs import Programs, cannot_run_as
from tests.kit.scripts import PATIENCE, PYTHON, SH, Scripts, alive, reactor

LIMITS = Limits(patience=PATIENCE, lifetime=PATIENCE)


class ProgramTests(TestCase):
    def setUp(self) -> None:
        self.scripts = Scripts(self)
        self.tree = self.scripts.tree()
        self.clock = Clock()
        self.deadlines = Wheel(self.clock)
        self.started: list[Program] = []
        self.addCleanup(self.end)

    async def end(self) -> None:
        for program in self.started:
            program.kill()
            await program.ends_within(PATIENCE)

    def programs(self, limits: Limits = LIMITS, at_most: int = 8, user: str = "") -> Programs:
        return Programs(reactor, self.deadlines, limits, at_most, user)

    async def start(
        self, text: str, *arguments: bytes, programs: Programs | None = None, body: Any = None, **environment: str
    ) -> Program:
        name = f"bin/script{len(self.started)}"  # a new one each time: sh reads its script while it runs
        self.scripts.add(name, text)
        variables = {name.encode(): value.encode() for name, value in environment.items()}
        with find(self.tree, b"/" + name.encode()) as executable:
            program = await (programs or self.programs()).run(executable, arguments, variables, body)
        self.started.append(program)
        return program

    async def output(self, program: Program) -> bytes:
        output = b""
        while data := await program.read():
            output += data
        return output

    async def output_of_the_dead(self, program: Program) -> bytes:
        """The same where others hold its output when it has ended: that is seen when it is a second old."""
        output = Deferred.fromCoroutine(self.output(program))
        await self.scripts.gone(program.pid)
        self.clock.pump([1] * 2)
        return await output

    async def fails(self, kind: type[Exception], program: Program) -> None:
        await self.assertFailure(Deferred.fromCoroutine(self.output(program)), kind)

    # --- what it gets and gives ------------------------------------------------------------------------------

    async def test_what_it_gets(self) -> None:
        """Its arguments, its environment and nothing else, its folder, no descriptors, a session of its own."""
        program = await self.start(
            SH + 'echo "$0" "$@"; env | sort; pwd; ls /proc/self/fd; umask; grep Sig[BI] /proc/self/status; '
            "ps -o sess=,pgid= $$; cat; exit 3",
            b"a b",
            b"$(id)",
            ONE="1",
        )
        lines = (await self.output(program)).decode().split("\n")
        self.assertEqual(lines[0], "./script0 a b $(id)")
        self.assertEqual([line for line in lines[1:3] if not line.startswith("PWD=")], ["ONE=1"])  # PWD is sh's own
        self.assertIn(str(self.scripts.top / "bin"), lines)
        at = lines.index("0")
        self.assertEqual(lines[at : at + 4], ["0", "1", "2", "3"])  # 3 is the folder that ls reads
        self.assertEqual(lines[at + 4], "0022")
        # Python ignores SIGPIPE; what we start must not. (32 and 33 are glibc's own.)
        masks = [int(line.split()[1], 16) & 0x7FFFFFFF for line in lines[at + 5 : at + 7]]
        self.assertEqual(masks, [0, 0])
        self.assertEqual(lines[at + 7].split(), [str(program.pid)] * 2)
        self.assertTrue(await program.ends_within(PATIENCE))
        self.assertEqual(program.status, 3)
        self.assertTrue(program.finished)

    async def test_input_from_a_source(self) -> None:
        """1 MiB goes in while as much comes out; each waits for the other."""
        pieces = [os.urandom(70_000) for _ in range(15)]
        waiting = list(pieces)

        async def source() -> bytes:
            return waiting.pop(0) if waiting else b""

        program = await self.start(SH + "cat; echo end", body=source)
        self.assertEqual(await self.output(program), b"".join(pieces) + b"end\n")

    async def test_input_from_a_file(self) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(b"from a file")
            file.seek(0)
            program = await self.start(SH + "cat", body=file.fileno())
        self.assertEqual(await self.output(program), b"from a file")

    async def test_it_is_read_no_faster_than_asked(self) -> None:
        program = await self.start(SH + "head -c 3000000 /dev/zero; echo >done")
        first = await program.read()
        # What it has in its pipe and what we hold is far from all of it: it can't be done.
        for _ in range(5):
            await self.turn()
        self.assertFalse((self.scripts.top / "bin" / "done").exists())
        self.assertEqual(len(first) + len(await self.output(program)), 3_000_000)

    async def test_a_program_that_takes_no_input(self) -> None:
        asked = 0

        async def source() -> bytes:
            nonlocal asked
            asked += 1
            return bytes(65536)

        program = await self.start(SH + "exec <&-; echo done", body=source)
        self.assertEqual(await self.output(program), b"done\n")
        self.assertTrue(await program.ends_within(PATIENCE))
        self.assertLess(asked, 10)

    async def test_a_source_that_waits_is_left_when_the_program_ends(self) -> None:
        left = []
        program = await self.start(SH + "echo done", body=lambda: Deferred(left.append))
        self.assertEqual(await self.output(program), b"done\n")
        self.assertTrue(await program.ends_within(PATIENCE))
        self.assertEqual(len(left), 1)

    async def test_a_source_that_fails(self) -> None:
        """Its reader hears of it, and the program is gone."""

        async def source() -> bytes:
            raise ValueError("half a body")

        program = await self.start(SH + "cat; sleep 1000", body=source)
        await self.fails(ValueError, program)
        await self.scripts.gone(program.pid)

    async def turn(self) -> None:
        done = Deferred[None]()
        reactor.callLater(0, done.callback, None)
        await done

    # --- its limits ------------------------------------------------------------------------------------------

    async def test_resources(self) -> None:
        limits = Limits(PATIENCE, PATIENCE, memory=700 << 20, cpu=7.5, processes=4000)
        program = await self.start(
            SH + "while ! grep -q 'processes *4000 *4000' /proc/$$/limits; do :; done; "
            "grep -E 'cpu|core|process|open|address' /proc/$$/limits",
            programs=self.programs(limits),
        )
        lines = [line.split() for line in (await self.output(program)).decode().splitlines()]
        self.assertEqual(
            [(line[1], line[-3], line[-2]) for line in lines],
            [
                ("cpu", "8", "9"),
                ("core", "0", "0"),
                ("processes", "4000", "4000"),
                ("open", "1024", "1024"),
                ("address", str(700 << 20), str(700 << 20)),
            ],
        )

    async def test_the_number_of_processes_is_limited_before_it_runs(self) -> None:
        programs = self.programs(Limits(PATIENCE, PATIENCE, processes=4000))
        own = resource.getrlimit(resource.RLIMIT_NPROC)
        with mock.patch.object(programs, "_limit"):
            program = await self.start(SH + "grep processes /proc/self/limits", programs=programs)
        self.assertIn(b" 4000 ", await self.output(program))
        self.assertEqual(resource.getrlimit(resource.RLIMIT_NPROC), own)

    async def test_what_it_started_before_its_limits_came_has_them_too(self) -> None:
        """A program that is quicker than we are: its children are found and limited."""
        programs = self.programs(Limits(PATIENCE, PATIENCE, memory=700 << 20))
        limit, late = programs._limit, []

        def limit_late(pid: int) -> None:
            if not late:
                # It has a child and a grandchild by now, all of them without limits.
                while not (self.scripts.top / "bin" / "ready").exists():
                    pass
            late.append(pid)
            limit(pid)

        with mock.patch.object(programs, "_limit", limit_late):
            program = await self.start(
                SH + "sh -c '(grep address /proc/self/limits; echo >ready; "
                "while [ ! -e go ]; do sleep 0.01; done; grep address /proc/self/limits); :'",
                programs=programs,
            )
        first = await program.read()
        self.assertIn(b"unlimited", first)
        (self.scripts.top / "bin" / "go").touch()
        self.assertIn(b" %d " % (700 << 20), await self.output(program))
        self.assertGreaterEqual(len(late), 3)
        self.assertEqual(late[0], program.pid)

    async def test_output(self) -> None:
        for size, fits in ((100_000, True), (100_001, False)):
            limits = Limits(PATIENCE, PATIENCE, output=100_000)
            program = await self.start(SH + f"head -c {size} /dev/zero", programs=self.programs(limits))
            if fits:
                self.assertEqual(len(await self.output(program)), size)
            else:
                await self.fails(TooMuch, program)

    async def test_events_that_were_anothers(self) -> None:
        """A reactor may take the hang-up of a closed descriptor for one of its successor with the same number."""
        program = await self.start(SH + "read line; head -c 200000 /dev/zero; echo >&2", body=self.later())
        output = Deferred.fromCoroutine(self.output(program))
        for end in (program._output, program._errors):
            reactor.removeReader(end)
            end.connectionLost(Failure(ConnectionDone()))
        self.clock.pump([1] * 2)  # from now on its end is watched, too
        assert program._exit is not None
        program._exit.doRead()
        program._exit.connectionLost(Failure(ConnectionDone()))
        self.assertIsNone(program.status)
        self.go.callback(None)
        self.assertEqual(len(await output), 200_000)
        self.assertTrue(await program.ends_within(PATIENCE))
        self.assertEqual(program.status, 0)

    def later(self) -> Any:
        """A source that gives a line when ``self.go`` fires."""
        self.go: Deferred[None] = Deferred()
        lines = [b"", b"go\n"]

        async def source() -> bytes:
            if len(lines) == 2:
                await self.go
            return lines.pop()

        return source

    async def test_errors_count_as_output(self) -> None:
        limits = Limits(PATIENCE, PATIENCE, output=1_000_000)
        program = await self.start(SH + "cat /dev/zero >&2", programs=self.programs(limits))
        await self.fails(TooMuch, program)
        await self.scripts.gone(program.pid)

    async def test_patience(self) -> None:
        limits = Limits(patience=5, lifetime=1000)
        program = await self.start(SH + "echo one; sleep 1000", programs=self.programs(limits))
        self.clock.pump([1] * 10)  # nobody waits for it
        self.assertEqual(await program.read(), b"one\n")
        self.clock.pump([1] * 10)
        silent = self.assertFailure(Deferred.fromCoroutine(program.read()), TimedOut)
        self.clock.pump([1] * 4)
        self.assertTrue(alive(program.pid))
        self.clock.pump([1] * 2)
        await silent
        await self.scripts.gone(program.pid)

    async def test_no_patience_is_needed_while_it_waits_for_us(self) -> None:
        limits = Limits(patience=5, lifetime=1000)
        coming = [Deferred[bytes]() for _ in range(2)]
        asked = iter(coming)
        program = await self.start(SH + "cat", programs=self.programs(limits), body=lambda: next(asked))
        output = Deferred.fromCoroutine(self.output(program))
        self.clock.pump([1] * 10)
        coming[0].callback(b"at last")
        coming[1].callback(b"")
        self.assertEqual(await output, b"at last")

    async def test_lifetime(self) -> None:
        limits = Limits(patience=1000, lifetime=100)
        program = await self.start(SH + "while :; do echo; done", programs=self.programs(limits))
        self.clock.pump([1] * 99)
        self.assertNotEqual(await program.read(), b"")
        self.clock.pump([1] * 2)
        await self.fails(TimedOut, program)
        await self.scripts.gone(program.pid)

    async def test_lifetime_of_one_that_has_closed_its_output(self) -> None:
        limits = Limits(patience=1000, lifetime=100)
        program = await self.start(SH + "echo done; exec >&- 2>&-; sleep 1000", programs=self.programs(limits))
        self.assertEqual(await self.output(program), b"done\n")
        program.close()
        self.clock.pump([1] * 99)
        self.assertFalse(await program.ends_within(0))
        self.clock.pump([1] * 2)
        self.assertTrue(await program.ends_within(PATIENCE))
        self.assertEqual(program.status, -signal.SIGKILL)

    async def test_places(self) -> None:
        """Two may run, two may wait, the fifth is sent away; who goes makes room."""
        programs = self.programs(at_most=2)
        running = [await self.start(SH + "sleep 1000", programs=programs) for _ in range(2)]
        waiting = [Deferred.fromCoroutine(self.start(SH + "echo hi", programs=programs)) for _ in range(2)]
        with self.assertRaises(Busy):
            await self.start(SH + "echo hi", programs=programs)
        waiting[0].cancel()
        await self.assertFailure(waiting[0], CancelledError)
        running[0].kill()
        self.assertEqual(await self.output(await waiting[1]), b"hi\n")
        running[1].kill()
        for program in self.started:
            self.assertTrue(await program.ends_within(PATIENCE))
        self.assertEqual(programs._places.tokens, 2)

    async def test_who_waits_too_long(self) -> None:
        programs = self.programs(at_most=1)
        await self.start(SH + "sleep 1000", programs=programs)
        with mock.patch("netdaemon.wire.programs.QUEUE_SECONDS", 0.01), self.assertRaises(Busy):
            await self.start(SH + "echo hi", programs=programs)

    # --- its end ---------------------------------------------------------------------------------------------

    async def test_kill_takes_its_children_along(self) -> None:
        program = await self.start(
            SH
            + "trap '' TERM HUP INT; echo $$ >>pids; (trap '' TERM; echo $(sh -c 'echo $PPID') >>pids; sleep 1000) & "
            "sleep 1000"
        )
        pids = await self.scripts.pids("bin/pids", 2)
        self.assertTrue(all(map(alive, pids)))
        program.kill()
        await self.fails(Killed, program)
        await self.scripts.gone(*pids)
        self.assertTrue(await program.ends_within(PATIENCE))
        self.assertEqual(program.status, -signal.SIGKILL)

    async def test_its_end_is_that_of_its_children(self) -> None:
        """One that it leaves behind, with its output still open, is ended; what was written is read."""
        program = await self.start(SH + "sleep 1000 & echo $! >pids; echo said")
        self.assertEqual(await self.output_of_the_dead(program), b"said\n")
        await self.scripts.gone(*await self.scripts.pids("bin/pids"))
        self.assertEqual(program.status, 0)

    async def test_one_that_got_away_does_not_hold_the_output(self) -> None:
        """A child in a session of its own is not ours to end, and goes on to hold the pipe."""
        program = await self.start(
            PYTHON + "import os, time\n"
            "print('said', flush=True)\n"
            "if os.fork() == 0:\n"
            "    os.setsid()\n"
            "    if os.fork(): os._exit(0)\n"
            "    open('pids', 'w').write(f'{os.getpid()}\\n')\n"
            "    time.sleep(1000)\n"
            "while not os.path.exists('pids') or not open('pids').read(): time.sleep(0.01)\n"
        )
        self.assertEqual(await self.output_of_the_dead(program), b"said\n")
        (pid,) = await self.scripts.pids("bin/pids")
        self.assertTrue(alive(pid))
        os.kill(pid, signal.SIGKILL)

    async def test_a_reader_that_is_cancelled(self) -> None:
        program = await self.start(SH + "sleep 1000")
        reading = Deferred.fromCoroutine(program.read())
        reading.cancel()
        await self.assertFailure(reading, CancelledError)
        program.close()
        await self.scripts.gone(program.pid)

    async def test_stop(self) -> None:
        """When the daemon stops, all that run are ended."""
        programs = self.programs()
        one = await self.start(SH + "exec >&-; sleep 1000", programs=programs)
        self.assertEqual(await self.output(one), b"")
        other = await self.start(SH + "sleep 1000", programs=programs)
        triggers = _triggers()
        self.assertIn(programs.stop, triggers)
        programs.stop()
        await self.scripts.gone(one.pid, other.pid)
        await one.ends_within(PATIENCE)
        await other.ends_within(PATIENCE)

    async def test_no_trigger_stays(self) -> None:
        programs = self.programs()
        program = await self.start(SH + "echo", programs=programs)
        await self.output(program)
        self.assertTrue(await program.ends_within(PATIENCE))
        self.assertNotIn(programs.stop, _triggers())

    async def test_no_descriptor_stays(self) -> None:
        await self.turn()
        programs = self.programs()
        before = self.scripts.descriptors()

        async def source() -> bytes:
            return b""

        for body in (None, source):
            program = await self.start(SH + "echo said; echo failed >&2", programs=programs, body=body)
            await self.output(program)
            self.assertTrue(await program.ends_within(PATIENCE))
        killed = await self.start(SH + "sleep 1000", programs=programs, body=lambda: Deferred())
        killed.kill()
        self.assertTrue(await killed.ends_within(PATIENCE))
        self.assertEqual(self.scripts.descriptors() - before, set())

    # --- what can't be run -----------------------------------------------------------------------------------

    async def test_not_run(self) -> None:
        for text in ("#!/no/such/interpreter\n", "neither a script nor a program"):
            programs = self.programs(at_most=1)
            for _ in range(2):  # and its place is free again
                with self.assertRaises(NotRun):
                    await self.start(text, programs=programs)

    async def test_no_room(self) -> None:
        for error in (BlockingIOError(11, "fork"), OSError(24, "pipes")):
            with mock.patch("netdaemon.wire.programs.spawn", side_effect=error), self.assertRaises(Busy):
                await self.start(SH)

    async def test_no_descriptor_is_free_to_watch_its_end(self) -> None:
        """Then it is tried again later, and its end is heard of all the same."""
        program = await self.start(SH + "exec >&- 2>&-; cat go; exit 5", body=lambda: Deferred())
        with mock.patch("os.pidfd_open", side_effect=OSError(24, "pidfd")):
            self.assertEqual(await self.output(program), b"")
        program._stop_feeding()
        self.clock.pump([1] * 2)
        self.assertTrue(await program.ends_within(PATIENCE))
        self.assertEqual(program.status, 5)

    async def test_find(self) -> None:
        scripts, tree = self.scripts, self.tree
        scripts.add("bin/data", "text", 0o644)
        scripts.add("bin/script", SH)
        (scripts.top / "bin" / "link").symlink_to("script")
        (scripts.top / "other").symlink_to("bin")
        (scripts.top / "bin" / "out").symlink_to("/bin/sh")
        os.mkfifo(scripts.top / "bin" / "fifo", 0o755)
        for path, error in (
            (b"/bin/data", Forbidden),
            (b"/bin/link", Forbidden),
            (b"/other/script", Forbidden),
            (b"/bin/fifo", Forbidden),
            (b"/bin/out", NotFound),
            (b"/bin/none", NotFound),
            (b"/bin/.hidden", NotFound),
            (b"/bin/../bin/script", Forbidden),
            (b"/bin", IsFolder),
            (b"/bin/script/", NotFolder),
        ):
            with self.assertRaises(error, msg=path):
                find(tree, path)
        with find(tree, b"/bin/script") as found:
            self.assertEqual((found.name, found.root), (b"script", bytes(scripts.top)))
        self.assertEqual(found.folder, -1)

    def test_find_what_was_exchanged(self) -> None:
        """What was checked is what is run, or nothing is."""
        self.scripts.add("bin/script", SH)
        self.scripts.add("bin/other", SH)
        stat = os.stat

        def exchanged(name: Any, **options: Any) -> os.stat_result:
            return stat(b"other" if name == b"script" else name, **options)

        with mock.patch("netdaemon.wire.executable.os.stat", exchanged), self.assertRaises(NotFound):
            find(self.tree, b"/bin/script")

    # --- as another user -------------------------------------------------------------------------------------

    async def test_user(self) -> None:
        if os.geteuid() != 0:
            self.skipTest("only root can run programs as others")
        self.scripts = Scripts(self, public=True)
        self.tree = self.scripts.tree()
        programs = self.programs(Limits(PATIENCE, PATIENCE, memory=700 << 20), user="nobody")
        program = await self.start(
            SH + "id -un; id -Gn; grep address /proc/self/limits; grep Cap[EP] /proc/self/status", programs=programs
        )
        lines = (await self.output(program)).decode().splitlines()
        self.assertEqual(lines[:2], ["nobody", "nogroup"])
        self.assertIn(str(700 << 20), lines[2])
        self.assertEqual({line.split()[1] for line in lines[3:]}, {"0" * 16})

    async def test_what_cannot_be_limited_is_not_run(self) -> None:
        with mock.patch("resource.prlimit", side_effect=PermissionError(1, "no")), self.assertRaises(NotRun):
            await self.start(SH + "sleep 1000")

    def test_nobody_of_that_name(self) -> None:
        with self.assertRaises(KeyError):
            self.programs(user="no such user")

    def test_no_setpriv(self) -> None:
        without, other = mock.patch("shutil.which", return_value=None), mock.patch("os.geteuid", return_value=1)
        with without, other, self.assertRaises(ValueError):
            self.programs(user="root")

    def test_who_programs_can_run_as(self) -> None:
        self.assertEqual(cannot_run_as("no such user"), "there is no user no such user on this system")
        self.assertIsNone(cannot_run_as("nobody"))
        self.assertIsNone(cannot_run_as(""))

    def test_limits_are_within_ours(self) -> None:
        with mock.patch("resource.getrlimit", return_value=(100, 200)):
            programs = self.programs(Limits(PATIENCE, PATIENCE, memory=1000, cpu=5))
        self.assertEqual([limit[1:] for limit in programs._resources], [(0, 0), (200, 200), (200, 200), (5, 6)])


def _triggers() -> list[Callable[[], Awaitable[None] | None]]:
    """What the reactor has to do when it stops."""
    real: Any = _reactor
    return [call for call, _, _ in real._eventTriggers["shutdown"].during]
