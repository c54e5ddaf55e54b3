"""What the bench ran on."""

from __future__ import annotations

import os
import platform
import re
import shutil
import ssl
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("Twisted", "pyOpenSSL", "cryptography")
PROGRAMS: Sequence[tuple[str, tuple[str, ...], str]] = (
    ("nginx", ("-v",), r"nginx/([0-9.]+)"),
    ("lighttpd", ("-v",), r"lighttpd/([0-9.]+)"),
    ("xinetd", ("-version",), r"([0-9]+(?:\.[0-9]+)+)"),
    ("wrk", ("-v",), r"wrk (\S+)"),
)
"""Name, how to ask for its version, and where it stands in the answer."""


def describe() -> list[tuple[str, str]]:
    """Pairs for the page's table. They are the same for every run on one machine until something is exchanged."""
    return [
        ("CPU", f"{_cpu()}, {os.cpu_count()} cores, of which servers get one and load generators another"),
        ("memory", _memory()),
        ("system", f"{_system()}, Linux {platform.release()}"),
        ("Python", f"{platform.python_implementation()} {platform.python_version()}, {ssl.OPENSSL_VERSION}"),
        ("libraries", ", ".join(f"{name} {_package(name)}" for name in PACKAGES)),
        ("peers", ", ".join(_program(*program) for program in PROGRAMS)),
    ]


def load_average() -> float:
    """Processes that ran or waited, over the last minute."""
    return os.getloadavg()[0]


def _cpu() -> str:
    match = re.search(r"^model name\s*:\s*(.+)$", _read("/proc/cpuinfo"), re.MULTILINE)
    return match[1].strip() if match else platform.machine()


def _memory() -> str:
    match = re.search(r"^MemTotal:\s*(\d+) kB", _read("/proc/meminfo"), re.MULTILINE)
    return f"{round(int(match[1]) / 1024**2)} GiB" if match else "unknown"


def _system() -> str:
    match = re.search(r'^PRETTY_NAME="?([^"\n]+)', _read("/etc/os-release"), re.MULTILINE)
    return match[1] if match else platform.system()


def _read(path: str) -> str:
    try:
        return Path(path).read_text("utf-8", "replace")
    except OSError:
        return ""


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _program(name: str, arguments: tuple[str, ...], pattern: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    if path is None:
        return f"{name} missing"
    said = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=10)
    match = re.search(pattern, said.stdout + said.stderr)
    return f"{name} {match[1]}" if match else name
