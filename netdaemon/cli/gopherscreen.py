"""A page on a terminal: drawn, scrolled, with one item marked; and what keys are pressed."""

from __future__ import annotations

import os
import select
import shutil
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.text import Text

from netdaemon.url.gopherpage import LABEL, Page, tame

_SEQUENCES = {
    b"\x1b[A": "up", b"\x1b[B": "down", b"\x1b[C": "right", b"\x1b[D": "left", b"\x1bOA": "up", b"\x1bOB": "down",
    b"\x1bOC": "right", b"\x1bOD": "left", b"\x1b[5~": "pageup", b"\x1b[6~": "pagedown", b"\x1b[H": "home",
    b"\x1b[F": "end", b"\x1b[1~": "home", b"\x1b[4~": "end", b"\x1bOH": "home", b"\x1bOF": "end", b"\x1b": "escape",
    b"\r": "enter", b"\n": "enter", b"\x7f": "backspace", b"\b": "backspace", b" ": "space", b"\x04": "eof",
}  # fmt: skip
ESCAPE = 0.05
"""Seconds within which what belongs to an escape sequence comes."""
_STYLES = {"menu": "bold blue", "search": "bold magenta", "error": "bold red", "text": "green"}


class Screen:
    """The terminal, while it is ours: a context manager."""

    def __init__(self) -> None:
        self._fd = sys.stdin.fileno()
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._saved: list[Any] = []
        self._title = ""
        self._page = Page([])
        self._top = 0
        self._marked = 0
        """The row that is marked, 0 when none can be."""
        self._said = ""

    def __enter__(self) -> Screen:
        self._saved = termios.tcgetattr(self._fd)
        tty.setcbreak(self._fd)
        return self

    def __exit__(self, *ignored: object) -> None:
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)
        print()

    @property
    def width(self) -> int:
        return shutil.get_terminal_size().columns

    @property
    def _height(self) -> int:
        """Rows of a page that fit between title and foot."""
        return max(1, shutil.get_terminal_size().lines - 3)

    @property
    def marked(self) -> int | None:
        """The number of the item that is marked."""
        rows = self._page.rows
        return rows[self._marked].number if self._marked < len(rows) else None

    # --- the page --------------------------------------------------------------------------------------------

    def show(self, title: str, page: Page) -> None:
        """Another page."""
        self._title, self._page, self._top, self._said = title, page, 0, ""
        self._marked = next((at for at, row in enumerate(page.rows) if row.number is not None), 0)

    def say(self, text: str) -> None:
        """One line at the foot, until the next page."""
        self._said = tame(text)
        self.draw()

    def mark(self, step: int) -> None:
        """Mark the next item, or the one before; a text is scrolled by a line."""
        rows = self._page.rows
        if not self._page.items:
            self._scroll_to(self._top + step)
            return
        at = self._marked + step
        while 0 <= at < len(rows) and rows[at].number is None:
            at += step
        if 0 <= at < len(rows):
            self._marked = at
            if not self._top <= at < self._top + self._height:
                self._scroll_to(at - (self._height - 1 if step > 0 else 0))
        else:
            self._scroll_to(self._top + step)

    def scroll(self, pages: int) -> None:
        """So many pages down, or up."""
        self._scroll_to(self._top + pages * self._height)
        self._mark_first_seen()

    def to_end(self, last: bool) -> None:
        """To the beginning, or to the end."""
        self._scroll_to(len(self._page.rows) if last else 0)
        self._mark_first_seen()

    def _scroll_to(self, top: int) -> None:
        self._top = max(0, min(top, len(self._page.rows) - self._height))

    def _mark_first_seen(self) -> None:
        if not self._top <= self._marked < self._top + self._height:
            seen = range(self._top, min(len(self._page.rows), self._top + self._height))
            self._marked = next((at for at in seen if self._page.rows[at].number is not None), self._marked)

    def draw(self, digits: str = "") -> None:
        """All of it, anew."""
        width, rows = self.width, self._page.rows
        lines = [Text(tame(self._title)[:width], style="bold reverse")]
        numbers = len(str(len(self._page.items))) if self._page.items else 0
        for at in range(self._top, min(len(rows), self._top + self._height)):
            row = rows[at]
            text = row.text
            if numbers:
                number = "" if row.number is None else str(row.number)
                marked = "> " if at == self._marked and row.number is not None else "  "
                text = f"{marked}{number:>{numbers}} {row.label:<{LABEL}}{text}"
            lines.append(Text(text[: width - 1], style=_STYLES.get(row.label, "")))
        end = self._top + self._height >= len(rows)
        foot = f"open {digits}_" if digits else self._said or f"{'the end' if end else 'space for more'}, ? for help"
        sys.stdout.write("\x1b[2J\x1b[H")
        for line in lines:
            self._console.print(line, soft_wrap=True)
        self._console.print(Text(foot[: width - 1], style="dim"), soft_wrap=True, end="")
        sys.stdout.flush()

    # --- the keyboard ----------------------------------------------------------------------------------------

    def key(self) -> str:
        """The next key: a character, or a name such as ``up``. What is typed ahead stays for `ask` too."""
        while True:
            try:
                pressed = self._pressed()
            except KeyboardInterrupt:
                return "q"
            if not pressed:
                return "eof"
            name = _SEQUENCES.get(pressed) or pressed.decode("utf-8", "ignore")
            if len(name) > 1 or name.isprintable():
                return name

    def _pressed(self) -> bytes:
        """The octets of one key."""
        pressed = os.read(self._fd, 1)
        if pressed == b"\x1b":
            # a sequence comes at once and ends in a letter or a tilde; the escape key alone is followed by nothing
            while len(pressed) < 8 and select.select([self._fd], [], [], ESCAPE)[0]:
                pressed += os.read(self._fd, 1)
                if len(pressed) > 2 and (pressed[-1:].isalpha() or pressed.endswith(b"~")):
                    break
        elif pressed >= b"\xc0":
            pressed += os.read(self._fd, 1 + (pressed >= b"\xe0") + (pressed >= b"\xf0"))
        return pressed

    def ask(self, question: str, default: str = "") -> str:
        """One line of text, with the terminal's own editing; empty when the user thinks better of it."""
        with self.away():
            hint = f"[{tame(default)}] " if default else ""
            try:
                return input(f"\n{question}{hint}").strip() or default
            except (EOFError, KeyboardInterrupt):
                return ""

    @contextmanager
    def away(self) -> Iterator[None]:
        """The terminal as it was, for a while."""
        termios.tcsetattr(self._fd, termios.TCSADRAIN, self._saved)
        try:
            yield
        finally:
            tty.setcbreak(self._fd)
