"""The shim: what a command line of curl's says, done with our clients, ended with curl's exit status."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, TimeoutError

from netdaemon.cli.terminal import run_async
from netdaemon.protocols.gopher.client import Client as GopherClient
from netdaemon.wire.failures import Failed
from tests.curl import sending
from tests.curl.exits import Ended, Exit, status_of
from tests.curl.files import Files
from tests.curl.globbing import expand, filled
from tests.curl.keeping import Heads, Sink, remote_name
from tests.curl.names import Named
from tests.curl.options import Operation, Target, parse
from tests.curl.report import Report
from tests.curl.web import Web, proxy_for, resume_offset

VERSION = "NETDAEMON_CURL_VERSION"
"""The variable that names a file with what `curl --version` is to say."""

SCHEMES = ("http", "https", "ftp", "ftps", "gopher", "gophers")


def main() -> int:
    """Do what the command line says; curl's exit status."""
    try:
        operations = parse(sys.argv[1:])
        if any(operation["version"] for operation in operations):
            sys.stdout.write(version())
            return Exit.OK
        if not operations:
            raise Ended(Exit.FAILED_INIT, "no URL specified")
    except Ended as error:
        return _complain(error)
    error_file = next((one.get("stderr") for one in operations if one.get("stderr")), None)
    if error_file == "-":
        sys.stderr = sys.stdout
    elif error_file is not None:
        sys.stderr = open(error_file, "w")  # noqa: SIM115  # it is open to the end
    status = run_async(lambda reactor: Run(reactor, operations).run())
    sys.stdout.flush()
    return status


def version() -> str:
    path = os.environ.get(VERSION)
    return Path(path).read_text() if path else "curl 0\nProtocols: ftp gopher http https\nFeatures: IPv6\n"


def _agent() -> str:
    return "/".join(version().split()[:2])


class Run:
    """All operations of a command line, one after the other."""

    def __init__(self, reactor: Any, operations: list[Operation]) -> None:
        self._reactor = reactor
        self._operations = operations
        self._files = Files(reactor)
        self._number = 0

    async def run(self) -> int:
        resolves = [text for operation in self._operations for text in operation.all("resolve")]
        self._reactor.installNameResolver(Named(self._reactor.nameResolver, resolves))
        status = 0
        for operation in self._operations:
            try:
                status = await self._operation(operation)
            except Ended as error:
                status = _complain(error)
            if status and operation["fail-early"]:
                break
        await self._files.close()
        return status

    async def _operation(self, operation: Operation) -> int:
        web = Web(self._reactor, operation, _agent())
        heads = Heads(_head_file(operation))
        status = 0
        try:
            for target in operation.targets:
                if target.url is None:
                    if len(operation.targets) == 1 or target.upload:
                        raise Ended(Exit.FAILED_INIT, "no URL specified")
                    continue
                urls = [(target.url, list[str]())] if operation["globoff"] else list(expand(target.url))
                uploads = [None] if target.upload is None else [one for one, _ in expand(target.upload)]
                if operation["globoff"] and target.upload is not None:
                    uploads = [target.upload]
                for upload in uploads:
                    for url, globs in urls:
                        status = await self._one(web, heads, operation, target, url, upload or None, globs)
                        if status and operation["fail-early"]:
                            return status
        finally:
            await web.close()
        return status

    async def _one(
        self, web: Web, heads: Heads, operation: Operation, target: Target, url: str, upload: str | None,
        globs: list[str],
    ) -> int:  # fmt: skip
        report = Report(url, number=self._number)
        self._number += 1
        sink: Sink | None = None
        try:
            url = completed(url, operation)
            scheme = url.partition(":")[0]
            report.scheme, report.url = scheme, url
            if upload not in (None, "-", ".") and scheme in SCHEMES and not re.search(r"\?", url):
                path = re.sub(r"^[a-z]+://[^/]*", "", url)
                if not path or path.endswith("/"):
                    url += ("" if path else "/") + sending.quoted_name(upload or "")
            sink = self._sink(operation, target, url, globs)
            if operation["skip-existing"] and sink.place is not None and sink.place.exists():
                return 0
            report.resumed = bool(resume_offset(operation, sink))
            await self._within(operation, self._fetch(web, heads, operation, url, upload, sink, report))
            if report.octets == 0 and not report.unwanted:
                sink.touch()
        except Ended as error:
            report.exit, report.error = error.status, str(error)
        except Failed as error:
            report.exit, report.error = status_of(error, report.scheme), str(error)
        except TimeoutError:
            report.exit, report.error = Exit.TOO_LATE, "operation timed out"
        if sink is not None:
            sink.close()
            if operation["remote-time"] and report.modified is not None and sink.path is not None:
                os.utime(sink.path, (report.modified, report.modified))
            report.file = str(sink.path or "")
            if report.exit and operation["remove-on-error"]:
                sink.drop()
        if report.exit and (not operation["silent"] or operation["show-error"]):
            print(f"curl: ({int(report.exit)}) {report.error}", file=sys.stderr)
        if (form := operation.get("write-out")) is not None:
            self._write_out(form, report)
        return report.exit

    async def _within(self, operation: Operation, work: Any) -> None:
        seconds = operation.number("max-time")
        working = Deferred.fromCoroutine(work)
        if seconds:
            working.addTimeout(seconds, self._reactor)
        await working

    async def _fetch(
        self, web: Web, heads: Heads, operation: Operation, url: str, upload: str | None, sink: Sink, report: Report
    ) -> None:
        scheme = url.partition(":")[0]
        if (scheme.startswith("ftp") and self._by_proxy(operation, url)) or scheme.startswith("http"):
            await web.fetch(url, upload, sink, heads, report)
        elif scheme.startswith("ftp"):
            await self._files.fetch(operation, url, upload, sink, heads, report)
        else:
            answer = await GopherClient(self._reactor, verify=not operation["insecure"]).open(url)
            async for chunk in answer:
                report.octets += len(chunk)
                sink.write(chunk)

    def _by_proxy(self, operation: Operation, url: str) -> bool:
        host = re.sub(r"^[a-z]+://(?:[^/@]*@)?([^/:]*).*", r"\1", url)
        return proxy_for(operation, url.partition(":")[0], host, 21) is not None

    def _sink(self, operation: Operation, target: Target, url: str, globs: list[str]) -> Sink:
        name = target.output
        if name is not None:
            name = filled(name, globs)
        elif target.remote_name or (operation["remote-name-all"] and not target.placed):
            name = remote_name(url)
        sink = Sink(operation, target, name)
        return Sink(operation, target, name, append=True) if resume_offset(operation, sink) else sink

    def _write_out(self, form: str, report: Report) -> None:
        if form.startswith("@"):
            form = sending.read(form[1:]).decode("utf-8", "surrogateescape").rstrip("\n")
        sys.stdout.buffer.write(sending.octets(report.written(form)))
        sys.stdout.buffer.flush()


def _head_file(operation: Operation) -> str | None:
    name, folder = operation.get("dump-header"), operation.get("output-dir")
    if name is None or folder is None or name == "-" or "/" in name:
        return name
    if operation["create-dirs"]:
        Path(folder).mkdir(parents=True, exist_ok=True)
    return str(Path(folder, name))


def completed(url: str, operation: Operation) -> str:
    """A URL as curl understands one: a scheme guessed, dots taken out, --url-query and -G added. Raises Ended."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):/{1,3}(?!/)", url)
    if match is None:
        guessed = re.match(r"(?:[^@/]*@)?(ftp|gopher)\.", url, re.IGNORECASE)
        default = operation.get("proto-default") or (guessed[1].lower() if guessed else "http")
        url = f"{default}://{url}"
    else:
        url = f"{match[1].lower()}://{url[match.end() :]}"
    scheme = url.partition(":")[0]
    if scheme not in SCHEMES:
        raise Ended(Exit.UNSUPPORTED, f"protocol {scheme} not supported")
    if scheme.startswith("http"):
        queries = [_query(text) for text in operation.all("url-query")]
        if operation["get"] and (data := sending.data_of(operation)) is not None:
            queries.append(sending.lower_hex(data.decode("utf-8", "surrogateescape")))
        if queries:
            url, hash_, fragment = url.partition("#")
            url += ("&" if "?" in url else "/?" if url.count("/") < 3 else "?") + "&".join(queries) + hash_ + fragment
        if not operation["path-as-is"]:
            url = without_dots(url)
    elif not operation["path-as-is"]:
        url = without_dots(url)
    return url


def _query(text: str) -> str:
    return text[1:] if text.startswith("+") else sending.lower_hex(sending.urlencoded(text).decode("utf-8"))


def without_dots(url: str) -> str:
    """RFC 3986 5.2.4: remove_dot_segments."""
    match = re.match(r"([a-z]+://[^/?#]*)(/[^?#]*)(.*)", url, re.DOTALL)
    if match is None:
        return url
    kept: list[str] = []
    segments = match[2].split("/")
    for place, segment in enumerate(segments):
        plain = re.sub("%2e", ".", segment, flags=re.IGNORECASE)
        last = place == len(segments) - 1
        if plain == "..":
            if len(kept) > 1:
                kept.pop()
            if last:
                kept.append("")
        elif plain == ".":
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return match[1] + "/".join(kept) + match[3]


def _complain(error: Ended) -> int:
    print(f"curl: ({int(error.status)}) {error}", file=sys.stderr)
    return int(error.status)
