"""What `twistd netdaemon` calls: its options, and the service made of them."""

# mypy: disable-error-code="no-untyped-call"
# Twisted's services and options have no types.

from __future__ import annotations

import os
import pwd
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

from twisted.application.service import IService
from twisted.python import usage

from netdaemon.config.problems import ConfigError
from netdaemon.config.read import Config, read
from netdaemon.kinds import Kinds

# Only what `-c` needs is imported up here: a mistake in the INI is told before the daemon's rooms are loaded, and
# twistd's --reactor comes first in any case.


class Options(usage.Options):
    """`twistd netdaemon -c FILE`: problems of the INI are listed on stderr and end it with exit status 2."""

    optParameters = [["config", "c", None, "The INI file to serve (see `netdaemon config`)."]]
    compData = usage.Completions(optActions={"config": usage.CompleteFiles("*.ini")})

    def postOptions(self) -> None:
        if self["config"] is None:
            _say("which configuration? twistd netdaemon -c FILE.ini")
            raise SystemExit(2)
        self.kinds = Kinds()
        # twistd may change to another directory before SIGHUP has it read again.
        file = Path(self["config"]).absolute()
        try:
            self.config: Config = read(file, self.kinds)
        except ConfigError as error:
            for problem in error.problems:
                print(problem, file=sys.stderr)  # noqa: T201  # this is a command's front end
            raise SystemExit(2) from None


def makeService(options: Options) -> IService:
    """The root service. Whatever fails from here on is one line on stderr and exit status 1."""
    from twisted.internet import reactor

    from netdaemon.run.clock import make_monotonic
    from netdaemon.run.daemon import Daemon
    from netdaemon.run.reactor import make_lean

    sys.excepthook = _one_line
    make_monotonic(reactor)
    twistd: Any = options.parent if options.parent is not None else {}
    if not twistd.get("reactor"):  # who names one gets it as it is
        make_lean(reactor)
    return Daemon(options.config, options.kinds, reactor, _log(options.config, twistd), _heir(twistd))


def _log(config: Config, twistd: Any) -> Any:
    """Our log; None when twistd was told to log in a way of its own."""
    from netdaemon.run.logs import Log

    if twistd.get("logger") or twistd.get("syslog"):
        return None
    return Log(config.log, _log_file(twistd))


def _heir(twistd: Any) -> tuple[int, int] | None:
    """Whom twistd becomes after the privileged start, None for nobody else."""
    uid, gid = twistd.get("uid"), twistd.get("gid")
    if uid is None and gid is None:
        return None
    if uid is None:
        return os.getuid(), gid
    return uid, gid if gid is not None else pwd.getpwuid(uid).pw_gid


def _log_file(twistd: Any) -> Path | None:
    """Where to log when [log] names no file: twistd's --logfile, or its habit when there is no standard output."""
    asked = twistd.get("logfile")
    if asked and asked != "-":
        return Path(asked).absolute()
    if twistd and not twistd.get("nodaemon") and not twistd.get("debug"):
        return Path(twistd.get("rundir") or ".").absolute() / "twistd.log"
    return None


def _say(message: str) -> None:
    assert sys.__stderr__ is not None  # sys.stderr goes to the log once that is begun
    sys.__stderr__.write(f"netdaemon: {message}\n")


def _one_line(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The interpreter's last words: a failed start is no defect, and gets no traceback."""
    from netdaemon.run.errors import StartFailed
    from netdaemon.wire.escape import escape

    if isinstance(error, StartFailed):
        _say(escape(str(error)))
    else:
        sys.__excepthook__(kind, error, trace)
