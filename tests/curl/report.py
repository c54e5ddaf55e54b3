"""What is known of a transfer afterwards: -w's variables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from netdaemon.protocols.http.client import Response

_VARIABLE = re.compile(r"%(?:%|\{([^}]*)\})")
_HEADER = re.compile(r"%header\{([^}]*)\}")
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\t": "\t"}


@dataclass
class Report:
    """One transfer."""

    given: str
    """The URL as it was given."""
    url: str = ""
    method: str = "GET"
    octets: int = 0
    requests: int = 0
    request_octets: int = 0
    head_octets: int = 0
    status: int = 0
    connect_status: int = 0
    redirects: int = 0
    redirect_url: str = ""
    version: str = "0"
    kind: str = ""
    file: str = ""
    scheme: str = ""
    resumed: bool = False
    unwanted: bool = False
    """There was a document, or none newer, and it was not to be kept."""
    modified: float | None = None
    exit: int = 0
    error: str = ""
    upload_octets: int = 0
    number: int = 0
    heads: list[bytes] = field(default_factory=list)

    asked: bytes = b""
    """The first word of the last request."""

    def retrying(self, head: bytes) -> bool:
        """A request goes: is it the same once more, because the last one failed for now?"""
        self.asked, before = head.partition(b" ")[0], self.asked
        return bool(before) and self.status in (408, 429, 500, 502, 503, 504) and before == self.asked

    def tunnelling(self, head: bytes) -> bool:
        """Is this head a proxy's, in answer to CONNECT?"""
        if self.asked != b"CONNECT":
            return False
        match = re.match(rb"HTTP/[0-9.]+ ([0-9]{3})", head)
        self.connect_status = int(match[1]) if match is not None else 0
        return True

    def heard(self, head: bytes) -> None:
        self.head_octets += len(head)
        head = re.sub(rb"\r?\n", b"\r\n", head)
        match = re.match(rb"HTTP/[0-9.]+ ([0-9]{3})", head)
        status = int(match[1]) if match is not None else 0
        if status >= 200 and self.asked != b"CONNECT":
            if self.status in (301, 302, 303, 307, 308) and self.heads:
                self.redirects += 1
            self.status = status
            self.heads.append(head)

    def answered(self, response: Response) -> None:
        self.status = response.status
        self.version = response.version.removeprefix("HTTP/")
        self.kind = (response.fields.get(b"content-type") or b"").decode("latin-1")
        location = response.fields.get(b"location")
        if location is not None and 300 <= response.status < 400:
            from urllib.parse import urljoin

            self.redirect_url = urljoin(response.url, location.decode("latin-1"))

    def written(self, form: str) -> str:
        """``form`` with its variables replaced."""
        values = {
            "http_code": f"{self.status:03}", "response_code": f"{self.status:03}",
            "http_connect": f"{self.connect_status:03}", "num_redirects": str(self.redirects),
            "redirect_url": self.redirect_url, "url_effective": self.url or self.given, "url": self.given,
            "size_download": str(self.octets), "size_header": str(self.head_octets),
            "size_request": str(self.request_octets), "size_upload": str(self.upload_octets),
            "content_type": self.kind, "http_version": self.version, "method": self.method,
            "num_connects": "1", "num_headers": str(self._headers()), "filename_effective": self.file,
            "exitcode": str(int(self.exit)), "errormsg": self.error, "scheme": self.scheme, "urlnum": str(self.number),
            "onerror": "", "stdout": "", "stderr": "", "num_retries": "0",
        }  # fmt: skip
        text = _HEADER.sub(lambda match: self._header(match[1]), form)
        text = _VARIABLE.sub(lambda match: "%" if match[1] is None else values.get(match[1], ""), text)
        return re.sub(r"\\[nrt]", lambda match: _ESCAPES[match[0]], text)

    def _headers(self) -> int:
        return self.heads[-1].count(b"\r\n") - 2 if self.heads else 0

    def _header(self, name: str) -> str:
        if not self.heads:
            return ""
        match = re.search(rb"\r\n%b:[ \t]*([^\r]*)" % re.escape(name.encode()), self.heads[-1], re.IGNORECASE)
        return match[1].decode("latin-1").rstrip() if match else ""
