"""`netdaemon browse`: walk through Gopher on a terminal."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from netdaemon.cli.time import seconds

if TYPE_CHECKING:
    from netdaemon.cli.gopherscreen import Screen
    from netdaemon.cli.gopherwalk import Walk
    from netdaemon.protocols.gopher.client import GopherURL

HELP = """\
Keys

  number Enter   open that item            Enter, right    open the marked item
  down j, up k   mark the next, the last   left, b         back
  space, PgDn    a page down               f               forward
  -, PgUp        a page up                 u               up, to the folder above
  Home g, End G  to the beginning, the end r               load it again
  o              open a URL                d               download the marked item, or this
  h              where you have been       q               quit
  a              bookmark this             m               the bookmarks
"""


def add(groups: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = groups.add_parser(
        "browse",
        help="walk through Gopher",
        description="Walk through Gopher, menu by menu (? shows the keys); without a terminal, print the page.",
    )
    parser.add_argument("url", metavar="URL", help="gopher://... or gophers://...")
    parser.add_argument("-k", "--insecure", action="store_true", help="accept any certificate")
    parser.add_argument("--timeout", metavar="TIME", type=seconds, default=30.0, help="give a page so long (30s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from netdaemon.cli.gopherwalk import Elsewhere, Failed, Walk, WantsFile, WantsWords, loader
    from netdaemon.cli.terminal import complain
    from netdaemon.url.gopherpage import printed

    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    walk = Walk(loader(not args.insecure, args.timeout))
    url = args.url if "://" in args.url else f"gopher://{args.url}"
    try:
        walk.open(url)
    except WantsWords:
        if not interactive:
            complain(f"{url}: a search wants words: %09WORDS behind the URL")
            return 2
    except (Elsewhere, WantsFile) as error:
        complain(f"{url}: {error}; netdaemon get fetches it")
        return 2
    except Failed as error:
        complain(str(error))
        return error.category
    if not interactive:
        page = walk.here.page
        if page.items or walk.here.url.type in "17":
            print(printed(page, walk.here.url), end="")
        else:
            print("\n".join(row.text for row in page.rows))
        return 0
    from netdaemon.cli.gopherscreen import Screen

    with Screen() as screen:
        Session(walk, screen, url).run()
    return 0


class Session:
    """The walk on a screen: what each key does."""

    def __init__(self, walk: Walk, screen: Screen, url: str) -> None:
        from netdaemon.cli.gopherwalk import Bookmarks

        self._walk = walk
        self._screen = screen
        self._first = url
        self._digits = ""
        data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
        self._bookmarks = Bookmarks(Path(data) / "netdaemon" / "gopher-bookmarks")

    def run(self) -> None:
        """Until somebody quits."""
        screen, walk = self._screen, self._walk
        walk.width = min(screen.width, 100)
        if not walk.stops:
            self._try(lambda: walk.open(self._first))
            if not walk.stops:
                return
        self._arrived()
        while True:
            screen.draw(self._digits)
            key = screen.key()
            if key in ("q", "eof"):
                return
            if key.isdigit():
                self._digits = (self._digits + key)[-6:]
                continue
            digits, self._digits = self._digits, ""
            if key == "enter" and digits:
                self._try(lambda digits=digits: walk.choose(int(digits)))  # type: ignore[misc]  # mypy infers no default of a lambda
            elif key in _KEYS:
                _KEYS[key](self)
            else:
                screen.say("? shows the keys" if key != "escape" else "")

    def _arrived(self) -> None:
        here = self._walk.here
        self._screen.show(here.title, here.page)

    def _try(self, step: Callable[[], object]) -> None:
        """Go somewhere; what comes between is asked for, what goes wrong is said."""
        from netdaemon.cli.gopherwalk import Elsewhere, Failed, WantsFile, WantsWords

        self._screen.say("...")
        try:
            step()
        except WantsWords as wants:
            url, words = wants.url, self._screen.ask("Search for: ")
            if words:
                self._try(lambda: self._walk.open(str(url._replace(search=words.encode("utf-8", "replace"))), words))
            return
        except WantsFile as wants:
            self._download(wants.url)
            return
        except Elsewhere as elsewhere:
            self._hand_over(elsewhere)
            return
        except Failed as error:
            self._screen.say(str(error))
            return
        except KeyboardInterrupt:
            self._screen.say("given up")
            return
        self._arrived()

    def _hand_over(self, elsewhere: Exception) -> None:
        from netdaemon.cli.gopherwalk import Elsewhere

        assert isinstance(elsewhere, Elsewhere)
        if not elsewhere.is_web:
            self._screen.say(str(elsewhere))
            return
        import webbrowser

        with self._screen.away():
            opened = webbrowser.open(elsewhere.url)
        self._screen.say(f"{'opened' if opened else 'no web browser ($BROWSER) for'} {elsewhere.url}")

    def _download(self, url: GopherURL) -> None:
        from netdaemon.cli.get import name_of
        from netdaemon.cli.gopherwalk import Failed

        name = self._screen.ask("Save as: ", name_of(str(url)))
        if not name:
            return
        try:
            self._screen.say(f"{url} ...")
            data = self._walk.load(url)
            with open(name, "xb") as file:  # never over what is there
                file.write(data)
        except (Failed, OSError) as error:
            self._screen.say(str(error))
        except KeyboardInterrupt:
            self._screen.say("given up")
        else:
            self._screen.say(f"{len(data)} octets are in {name}")

    # --- the keys --------------------------------------------------------------------------------------------

    def _open_marked(self) -> None:
        number = self._screen.marked
        if number is not None:
            self._try(lambda: self._walk.choose(number))

    def _back(self) -> None:
        if self._walk.back():
            self._arrived()
        else:
            self._screen.say("this is where you began")

    def _forward(self) -> None:
        if self._walk.forward():
            self._arrived()

    def _up(self) -> None:
        self._try(self._walk.up)

    def _reload(self) -> None:
        self._try(self._walk.reload)

    def _open_url(self) -> None:
        url = self._screen.ask("URL: ")
        if url:
            self._try(lambda: self._walk.open(url if "://" in url else f"gopher://{url}"))

    def _save(self) -> None:
        from netdaemon.protocols.gopher.client import Failed, parse_url
        from netdaemon.url.gopherpage import link

        number = self._screen.marked
        url = self._walk.here.url
        try:
            if number is not None:
                url = parse_url(link(self._walk.item(number), url))
        except (Failed, ValueError):
            self._screen.say("that can't be downloaded")
            return
        self._download(url)

    def _history(self) -> None:
        self._walk.show("Where you have been", self._walk.history())
        self._arrived()

    def _bookmark(self) -> None:
        try:
            self._bookmarks.add(self._walk.here.title, self._walk.here.url)
        except OSError as error:
            self._screen.say(f"it can't be kept: {error.strerror}")
        else:
            self._screen.say("kept")

    def _show_bookmarks(self) -> None:
        from netdaemon.cli.gopherwalk import places

        try:
            found = self._bookmarks.all()
        except OSError as error:
            self._screen.say(f"they can't be read: {error.strerror}")
            return
        self._walk.show("Bookmarks", places(found))
        self._arrived()

    def _help(self) -> None:
        from netdaemon.url.gopherpage import text_page

        self._walk.show("Help", text_page(HELP.encode(), 100))
        self._arrived()

    def _move(self, rows: int) -> None:
        self._screen.mark(rows)

    def _page(self, pages: int) -> None:
        self._screen.scroll(pages)

    def _end(self, last: bool) -> None:
        self._screen.to_end(last)


_KEYS: dict[str, Callable[[Session], object]] = {
    "enter": Session._open_marked, "right": Session._open_marked, "l": Session._open_marked,
    "left": Session._back, "b": Session._back, "backspace": Session._back,
    "f": Session._forward, "u": Session._up, "r": Session._reload, "o": Session._open_url,
    "d": Session._save, "h": Session._history, "a": Session._bookmark, "m": Session._show_bookmarks,
    "?": Session._help,
    "down": lambda session: session._move(1), "j": lambda session: session._move(1),
    "up": lambda session: session._move(-1), "k": lambda session: session._move(-1),
    "space": lambda session: session._page(1), "pagedown": lambda session: session._page(1),
    "-": lambda session: session._page(-1), "pageup": lambda session: session._page(-1),
    "home": lambda session: session._end(False), "g": lambda session: session._end(False),
    "end": lambda session: session._end(True), "G": lambda session: session._end(True),
}  # fmt: skip
