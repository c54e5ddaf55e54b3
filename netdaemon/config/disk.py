"""What the disk says about paths that the INI names: None when all is well, else a message for the operator."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path


def unreadable(path: Path) -> str | None:
    """Is it a file (or a pipe) that can be read? It is not opened for long, and nothing is read from it."""
    try:
        # O_NONBLOCK: opening a pipe that nobody writes to would wait.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return f"{path} does not exist"
    except (OSError, ValueError) as error:
        return f"{path} cannot be read: {_reason(error)}"
    try:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    finally:
        os.close(descriptor)
    return f"{path} is a folder, a file is wanted" if is_folder else None


def a_folder(path: Path) -> str | None:
    """Does a folder stand where a file is to be written?"""
    try:
        return f"{path} is a folder, a file is wanted" if path.is_dir() else None
    except OSError:
        return None  # whoever writes there will tell


def no_folder(path: Path) -> str | None:
    """Is it a folder whose entries can be listed?"""
    try:
        with os.scandir(path):
            return None
    except FileNotFoundError:
        return f"{path} does not exist; make it with: mkdir -p {shlex.quote(str(path))}"
    except NotADirectoryError:
        return f"{path} is not a folder"
    except (OSError, ValueError) as error:
        return f"{path} cannot be read: {_reason(error)}"


def not_to_become_folder(path: Path) -> str | None:
    """Is it a folder, or nothing yet, so that it can be made?"""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return f"{path} can't be made: a folder above it is a file"
    except (OSError, ValueError) as error:
        return f"{path} cannot be used: {_reason(error)}"
    return None if stat.S_ISDIR(found.st_mode) else f"{path} is not a folder"


def first_line(path: Path, most: int = 4096) -> str:
    """The first line of a small text file, without its line end. Raises ValueError with the message."""
    try:
        with path.open("rb") as file:
            line = file.readline(most + 1)
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {_reason(error)}") from None
    if len(line) > most:
        raise ValueError(f"the first line of {path} is longer than {most} bytes")
    try:
        text = line.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError(f"the first line of {path} is not UTF-8") from None
    if not text:
        raise ValueError(f"the first line of {path} is empty")
    return text


def _reason(error: OSError | ValueError) -> str:
    """ValueError is what a name raises that the system's encoding can't say."""
    return str(error.strerror) if isinstance(error, OSError) else "this system can't have such a name"
