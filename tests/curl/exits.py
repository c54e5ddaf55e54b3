"""How an operation ends: curl's exit statuses, and which of them our failures are."""

from __future__ import annotations

from enum import IntEnum

from netdaemon.protocols.ftp.client import NotLoggedIn
from netdaemon.protocols.ftp.client import Refused as FTPRefused
from netdaemon.protocols.http.client import RedirectRefused, TunnelRefused
from netdaemon.protocols.http.client.line import Late
from netdaemon.wire.category import Category
from netdaemon.wire.failures import BadURL, Broken, ConnectFailed, Failed, NoAnswer, NotSpoken, TLSFailed


class Exit(IntEnum):
    """Those of curl's numbers that occur here, by what they mean."""

    OK = 0
    UNSUPPORTED = 1
    FAILED_INIT = 2
    BAD_URL = 3
    NO_PROXY_HOST = 5
    NO_HOST = 6
    NO_CONNECTION = 7
    WEIRD_SERVER = 8
    DENIED = 9
    ACCEPT_FAILED = 10
    WEIRD_PASV = 13
    NO_TYPE = 17
    PARTIAL = 18
    NO_RETR = 19
    QUOTE_FAILED = 21
    HTTP_ERROR = 22
    WRITE_ERROR = 23
    UPLOAD_FAILED = 25
    READ_ERROR = 26
    TOO_LATE = 28
    PORT_FAILED = 30
    NO_REST = 31
    RANGE = 33
    BAD_RESUME = 36
    REDIRECTS = 47
    NOTHING = 52
    TLS = 35
    RECEIVE = 56
    BAD_CODING = 61
    TOO_LARGE = 63
    LOGIN = 67
    NOT_FOUND = 78
    WEIRD_CHUNKS = 56


class Ended(Exception):
    """An operation is over before its time."""

    def __init__(self, status: int, why: str = "") -> None:
        super().__init__(why)
        self.status = status


def status_of(error: Failed, scheme: str) -> int:
    """curl's number for a failure of ours."""
    text = str(error)
    if isinstance(error, Late) or "no answer" in text or "no connection within" in text or "nothing came" in text:
        return Exit.TOO_LATE
    if isinstance(error, NotLoggedIn):
        return Exit.LOGIN
    if isinstance(error, TunnelRefused):
        return Exit.RECEIVE
    if isinstance(error, RedirectRefused):
        return Exit.REDIRECTS if "more than" in text else Exit.UNSUPPORTED if "does not begin" in text else Exit.BAD_URL
    if isinstance(error, FTPRefused):
        return Exit.NOT_FOUND if error.reply.code == 550 else Exit.NO_RETR
    if isinstance(error, BadURL):
        return Exit.UNSUPPORTED if "does not begin with" in text or "only http://" in text else Exit.BAD_URL
    if isinstance(error, ConnectFailed):
        return Exit.NO_HOST if "no such host" in text else Exit.NO_CONNECTION
    if isinstance(error, TLSFailed):
        return Exit.TLS
    if isinstance(error, NoAnswer):
        return Exit.NOTHING if scheme.startswith("http") and "without a response" in text else Exit.RECEIVE
    if isinstance(error, NotSpoken):
        return Exit.UNSUPPORTED if scheme.startswith("http") and "no HTTP/1" in text else Exit.WEIRD_SERVER
    if isinstance(error, Broken):
        if "content coding" in text:
            return Exit.BAD_CODING
        return Exit.WEIRD_CHUNKS if "malformed" in text else Exit.PARTIAL
    return Exit.WRITE_ERROR if error.category is Category.LOCAL else Exit.RECEIVE
