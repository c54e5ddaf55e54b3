"""http and https, with the HTTP client."""

from __future__ import annotations

import calendar
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from netdaemon.protocols.http.client import URL, Client, Jar, Response, Timeouts, Upload, parse_url
from netdaemon.protocols.http.client import Login as HTTPLogin
from netdaemon.protocols.http.client.proxies import Proxies
from netdaemon.protocols.http.client.retry import Retry
from netdaemon.protocols.http.grammar.dates import format_date
from netdaemon.url.logins import Login, netrc_login
from netdaemon.wire.failures import Failed, LocalTrouble, NoAnswer
from tests.curl import cookiefile, sending
from tests.curl.exits import Ended, Exit
from tests.curl.keeping import Heads, Sink
from tests.curl.options import Operation
from tests.curl.report import Report

Fields = list[tuple[str, str]]


_FRAMING = {"transfer-encoding", "content-length", "expect"}
_DATES = (
    "%b %d %Y %H:%M:%S", "%d %b %Y %H:%M:%S", "%b %d %H:%M:%S %Y", "%Y-%m-%d", "%d %B %Y", "%Y%m%d", "%d %b %Y",
    "%Y %b %d %H:%M:%S UTC", "%b %d %H:%M:%S GMT %Y", "%a %b %d %H:%M:%S %Y", "%a, %d %b %Y %H:%M:%S",
)  # fmt: skip


class Web:
    """The client of one operation, for all of its URLs."""

    def __init__(self, reactor: Any, operation: Operation, agent: str) -> None:
        self._operation = operation
        self._agent = agent
        self._head: Callable[[str, bytes], None] = lambda direction, head: None
        self.jar = self._made_jar()
        follows = operation["location"]
        most = operation.number("max-redirs")
        times = Timeouts(operation.number("connect-timeout") or 30.0, 60.0, 60.0)
        self._client = Client(
            reactor,
            verify=not operation["insecure"],
            timeouts=times,
            trace=lambda direction, head: self._head(direction, head),
            ask=self._ask,
            basic=not (operation["digest"] or operation["anyauth"]),
            proxy_for=self._proxy_for,
            jar=self.jar,
            max_redirects=(50 if most is None else 1_000_000 if most < 0 else int(most)) if follows else 0,
            decode=operation["compressed"],
            http2=False,
            tunnelled=operation["proxytunnel"],
            connect_headers=self._connect_headers(),
            lenient=True,
            retry=_retry(operation),
        )
        self._follows_none = follows and most == 0

    async def close(self) -> None:
        await self._client.close()
        path = self._operation.get("cookie-jar")
        if path is not None and self.jar is not None:
            try:
                cookiefile.save(self.jar, path)
            except OSError:
                pass  # curl says so and is content

    # --- one URL ---------------------------------------------------------------------------------------------

    async def fetch(self, text: str, upload: str | None, sink: Sink, heads: Heads, report: Report) -> None:
        """Ask for ``text``. Raises Ended and Failed."""
        operation = self._operation
        url = self._with_login(parse_url(text, by_proxy=not text.startswith("http")))
        method, body, fields = self._request(upload, sink)
        fields = self._headers(url, fields, sink)

        def head(direction: str, raw: bytes) -> None:
            if direction == ">":
                if report.retrying(raw):
                    sink.again()
                report.requests += 1
                report.request_octets += len(raw) + 4
                return
            is_tunnel = report.tunnelling(raw)
            raw += b"\r\n\r\n" if is_tunnel else blank_line(raw)
            report.heard(raw)
            if not (is_tunnel and operation["suppress-connect-headers"]):
                if sink.wants_name:
                    sink.named(raw)
                if operation["include"] or operation["head"]:
                    sink.write(raw)
                heads.write(raw)

        self._head = head
        try:
            response = await self._client.request(method, url, fields, body)
        except NoAnswer as error:
            if not report.status and "within the response's head" in str(error):
                raise Ended(Exit.NOTHING, "Empty reply from server") from None
            raise
        except Failed:
            raise
        except ValueError as error:
            raise Ended(Exit.FAILED_INIT, str(error)) from None
        report.url = response.url
        report.answered(response)
        await self._keep(response, sink, report)

    async def _keep(self, response: Response, sink: Sink, report: Report) -> None:
        operation = self._operation
        self._save_etag(response)
        status = response.status
        if self._follows_none and report.redirect_url:
            response.close()
            raise Ended(Exit.REDIRECTS, "Maximum (0) redirects followed")
        if status >= 400 and operation["fail"] and not (report.resumed and status == 416):
            response.close()
            raise Ended(Exit.HTTP_ERROR, f"The requested URL returned error: {status}")
        if report.resumed and status == 416:
            response.close()
            return
        is_part = status == 206 or b"content-range" in response.fields
        if report.resumed and method_is_get(operation) and not is_part:
            response.close()
            raise Ended(Exit.RANGE, "HTTP server does not seem to support byte ranges. Cannot resume.")
        report.modified = _modified(response)
        if self._is_unwanted(response, report.modified) or status == 304:
            report.unwanted = True
            response.close()
            return
        most = operation.number("max-filesize")
        length = response.fields.get(b"content-length")
        if most is not None and length is not None and int(length) > most:
            response.close()
            raise Ended(Exit.TOO_LARGE, "too large")
        async for chunk in response.body:
            report.octets += len(chunk)
            if most is not None and report.octets > most:
                response.close()
                raise Ended(Exit.TOO_LARGE, "too large")
            sink.write(chunk)
        if status >= 400 and operation["fail-with-body"]:
            raise Ended(Exit.HTTP_ERROR, f"The requested URL returned error: {status}")

    def _is_unwanted(self, response: Response, then: float | None) -> bool:
        """-z: a document that is too old, or too new, is not kept."""
        wanted = self._condition()
        if wanted is None or then is None or response.status != 200:
            return False
        newer, moment = wanted
        return then <= moment if newer else then > moment

    # --- what is asked ---------------------------------------------------------------------------------------

    def _request(self, upload: str | None, sink: Sink) -> tuple[str, bytes | Upload, Fields]:
        operation = self._operation
        fields: Fields = []
        method = "GET"
        body: bytes | Upload = b""
        if operation["fail"] and operation["fail-with-body"]:
            raise Ended(Exit.FAILED_INIT, "you must select either --fail or --fail-with-body, not both.")
        form, data = sending.form_of(operation), sending.data_of(operation)
        if sum((form is not None, data is not None and not operation["get"], upload is not None)) > 1:
            raise Ended(Exit.FAILED_INIT, "you can only select one HTTP request method")
        if operation["head"]:
            if form is not None or (data is not None and not operation["get"]):
                raise Ended(Exit.FAILED_INIT, "you can only select one HTTP request method")
            method = "HEAD"
        elif upload is not None:
            method = "PUT"
            offset = 0 if operation.get("continue-at") in (None, "-") else int(operation.get("continue-at") or 0)
            body = sending.upload_of(upload, offset)
            if operation.get("continue-at") is not None and body.length is not None:
                whole = offset + body.length
                fields.append(("Content-Range", f"bytes {offset}-{whole - 1}/{whole}"))
        elif form is not None:
            method, body = "POST", form
        elif data is not None and not operation["get"]:
            if operation.get("continue-at") is not None:
                raise Ended(Exit.FAILED_INIT, "cannot use --data and --continue-at together")
            method = "POST"
            kind = None if sending.is_json(operation) else b"application/x-www-form-urlencoded"
            piece = data
            body = Upload(lambda: iter((piece,)), len(piece), True, kind)
        return operation.get("request") or method, self._framed(body), fields

    def _framed(self, body: bytes | Upload) -> bytes | Upload:
        """-H may say how a body is framed, which is the client's own business: it is told in its own words."""
        if not isinstance(body, Upload):
            return body
        for name, value in self._given():
            if name.lower() == "transfer-encoding" and (value or "").lower() == "chunked":
                body = replace(body, length=None)
            elif name.lower() == "content-length" and value is not None and value.isdigit():
                body = replace(body, length=int(value))
        return body

    def _given(self) -> list[tuple[str, str | None]]:
        return [field for text in self._operation.all("header") for field in _field_lines(text)]

    def _headers(self, url: URL, more: Fields, sink: Sink) -> Fields:
        """All fields in curl's order: its own, then those of -H, which replace or remove them."""
        operation = self._operation
        own: Fields = []
        has_range = any(name == "Content-Range" for name, _ in more)
        if not has_range and (asked := self._range(sink)) is not None:
            own.append(("Range", asked))
        own += more
        agent = operation.get("user-agent")
        own.append(("User-Agent", self._agent if agent is None else agent))
        own.append(("Accept", "*/*"))
        referer = (operation.get("referer") or "").removesuffix(";auto")
        if referer:
            own.append(("Referer", referer))
        if (proxy := self._proxy_for(url)) is not None and url.scheme != "https" and not operation["proxytunnel"]:
            own.append(("Proxy-Connection", "Keep-Alive"))
        if cookies := self._given_cookies():
            own.append(("Cookie", cookies))
        given = [field for field in self._given() if field[0].lower() not in _FRAMING]
        if sending.is_json(operation):
            named = {name.lower() for name, _ in given}
            json = [("Content-Type", "application/json"), ("Accept", "application/json")]
            given += [field for field in json if field[0].lower() not in named]
        if proxy is not None and not operation["proxytunnel"]:
            given += [field for text in operation.all("proxy-header") for field in _field_lines(text)]
        condition = self._condition()
        last: Fields = []
        if condition is not None:
            name = "If-Modified-Since" if condition[0] else "If-Unmodified-Since"
            last.append((name, format_date(condition[1]).decode("ascii")))
        if (etag := operation.get("etag-compare")) is not None:
            last.append(("If-None-Match", _etag_in(etag)))
        replaced = {name.lower() for name, _ in given}
        # What is removed of the client's own is sent empty to it, which leaves it out.
        gone = [(name, "") for name, value in given if value is None and name.lower() in ("user-agent", "accept")]
        said = [(name, value) for name, value in given if value is not None]
        return [*_left(own, replaced), *gone, *said, *_left(last, replaced)]

    def _given_cookies(self) -> str:
        return ";".join(text for text in self._operation.all("cookie") if "=" in text)

    def _connect_headers(self) -> Fields:
        operation = self._operation
        agent = operation.get("user-agent")
        own = [("User-Agent", agent or self._agent)] if agent is None or agent else []
        own.append(("Proxy-Connection", "Keep-Alive"))
        given = [field for text in operation.all("proxy-header") for field in _field_lines(text)]
        replaced = {name.lower() for name, _ in given}
        return [*_left(own, replaced), *((name, value) for name, value in given if value is not None)]

    def _range(self, sink: Sink) -> str | None:
        operation = self._operation
        if (asked := operation.get("range")) is not None:
            return f"bytes={asked}" if "-" in asked else f"bytes={asked}-"
        offset = resume_offset(operation, sink)
        return f"bytes={offset}-" if offset else None

    def _condition(self) -> tuple[bool, float] | None:
        """-z: (newer than?, Unix seconds)."""
        text = self._operation.get("time-cond")
        if text is None:
            return None
        newer = not text.startswith("-")
        text = text.lstrip("-+=")
        moment = moment_of(text)
        return None if moment is None else (newer, moment)

    def _save_etag(self, response: Response) -> None:
        path = self._operation.get("etag-save")
        if path is not None and response.status < 400:
            etag = response.fields.get(b"etag")
            if etag:
                Path(path).write_bytes(etag + b"\n")

    # --- who asks, and by whom -------------------------------------------------------------------------------

    def _with_login(self, url: URL) -> URL:
        operation = self._operation
        if url.userinfo is not None and operation["disallow-username-in-url"]:
            raise Ended(Exit.LOGIN, "no user name may be in a URL")
        user, password = login_of(operation, url.host, url.userinfo)
        if user is None and password is None:
            return url
        return url._replace(userinfo=sending.octets(f"{user or ''}:{password or ''}"))

    def _ask(self, url: URL, user: bytes | None, realm: str) -> HTTPLogin | None:
        found = netrc_of(self._operation, url.host, None if user is None else user.decode("utf-8", "surrogateescape"))
        return None if found is None else HTTPLogin(sending.octets(found.user), sending.octets(found.password))

    def _proxy_for(self, url: URL) -> URL | None:
        return proxy_for(self._operation, url.scheme, url.host, url.port)

    def _made_jar(self) -> Jar | None:
        operation = self._operation
        files = [text for text in operation.all("cookie") if "=" not in text]
        if not files and operation.get("cookie-jar") is None:
            return None
        first = next((target.url for target in operation.targets if target.url), None)
        url = None
        if first is not None and first.startswith("http"):
            url = parse_url(first)
        return cookiefile.loaded(files, url, new_session=operation["junk-session-cookies"])


def _retry(operation: Operation) -> Retry | None:
    times = operation.number("retry")
    return Retry(int(times), time.time, patience=operation.number("retry-max-time") or 300.0) if times else None


def _modified(response: Response) -> float | None:
    value = response.fields.get(b"last-modified")
    try:
        return None if value is None else parsedate_to_datetime(value.decode("latin-1")).timestamp()
    except ValueError:
        return None


def proxy_for(operation: Operation, scheme: str, host: str, port: int) -> URL | None:
    """The proxy that the command line or the environment says."""
    set_one = operation.get("proxy")
    found = Proxies(set_one, operation.get("noproxy"), os.environ).proxy_for(scheme, host, port)
    if found is None:
        return None
    user = operation.get("proxy-user")
    url = found.url if user is None else found.url._replace(userinfo=sending.octets(user))
    # curl's proxies are at port 1080 unless they are said to be elsewhere
    says_port = set_one is None or re.search(r":[0-9]+(?:/.*)?$", set_one) is not None
    return url if says_port else url._replace(port=1080)


def method_is_get(operation: Operation) -> bool:
    return operation.get("request") is None and not any(target.upload for target in operation.targets)


def resume_offset(operation: Operation, sink: Sink) -> int:
    """-C: how much is there already."""
    wanted = operation.get("continue-at")
    if wanted is None:
        return 0
    if wanted == "-":
        place = sink.place
        return place.stat().st_size if place is not None and place.exists() else 0
    return int(wanted)


def login_of(operation: Operation, host: str, userinfo: bytes | None) -> tuple[str | None, str | None]:
    """Who asks: the URL, -u, and the netrc, which comes first where --netrc says so."""
    user = password = None
    if (given := operation.get("user")) is not None:
        user, _, password = given.partition(":")
    elif userinfo is not None:
        name, colon, rest = userinfo.decode("utf-8", "surrogateescape").partition(":")
        user, password = name, rest if colon else None
    if password is None or (operation["netrc"] and operation.get("user") is None):
        found = netrc_of(operation, host, user or None)
        if found is not None:
            return found.user, found.password
    return user, password


def netrc_of(operation: Operation, host: str, user: str | None) -> Login | None:
    """What the netrc says, where it may be asked."""
    path = operation.get("netrc-file")
    if path is None and not (operation["netrc"] or operation["netrc-optional"]):
        return None
    home = Path(os.environ.get("HOME", "."), ".netrc")
    file = home if path is None else Path(path)
    if not file.exists() and not operation["netrc-optional"]:
        raise Ended(Exit.READ_ERROR, f"{file}: no such file")
    try:
        return netrc_login(file, host, user)
    except LocalTrouble as error:
        raise Ended(Exit.READ_ERROR, str(error)) from None


def moment_of(text: str) -> float | None:
    """A date, or the time of a file."""
    if Path(text).exists():
        return Path(text).stat().st_mtime
    try:
        return parsedate_to_datetime(text).timestamp()
    except ValueError:
        pass
    for form in _DATES:
        try:
            return float(calendar.timegm(time.strptime(text.strip(), form)))
        except ValueError:
            continue
    return None


def _field_lines(text: str) -> list[tuple[str, str | None]]:
    if text.startswith("@"):
        lines = sending.read(text[1:]).decode("latin-1").splitlines()
        return [field for line in lines if line.strip() for field in _field_lines(line)]
    name, colon, value = text.partition(":")
    if colon:
        value = value.lstrip(" \t")
        return [(name, value.encode("utf-8", "surrogateescape").decode("latin-1") if value else None)]
    name, semicolon, rest = text.partition(";")
    return [(name, "")] if semicolon and not rest.strip() else []


def blank_line(head: bytes) -> bytes:
    """What ended a head, as far as its lines tell: a line alone tells nothing, and the suite ends those with LF."""
    last = head.rfind(b"\n")
    return b"\n\n" if last < 0 or head[last - 1 : last] != b"\r" else b"\r\n\r\n"


def _left(fields: Fields, replaced: set[str]) -> Fields:
    return [field for field in fields if field[0].lower() not in replaced]


def _etag_in(path: str) -> str:
    try:
        text = Path(path).read_text().strip()
    except OSError:
        text = ""
    return text or '""'
