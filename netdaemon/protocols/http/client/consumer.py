"""Documents handed to consumers: objects with three methods, as the asynchronous clients of old had them.

    class Printer:
        def http_header(self, client):
            print(client.host, client.status)    # ("HTTP/1.1", 200, "OK"), None when there is no connection

        def feed(self, octets):
            print(client.host, len(octets))

        def close(self):
            print(client.host, "CLOSE")

    do_request("http://www.example.org/", Printer(), reactor)

A consumer that is told of a redirection may make the next request itself: `RedirectingConsumer` does.
"""

from __future__ import annotations

from collections.abc import Callable
from email.message import Message
from typing import Any, Protocol

from twisted.internet.defer import Deferred

from netdaemon.protocols.http.client.agent import Client
from netdaemon.protocols.http.client.url import join, parse_url
from netdaemon.wire.failures import BadURL, Broken, Failed


class Consumer(Protocol):
    """What a document is handed to."""

    def http_header(self, client: Request) -> object:
        """The header has come, or will not: ``client.status`` is None then, and ``client.error`` says why."""

    def feed(self, octets: bytes) -> object:
        """A piece of the body, as it comes."""

    def close(self) -> object:
        """There is no more; ``client.error`` is set when that was not all."""


class Request:
    """One request on its way, which its consumer is told of."""

    def __init__(self, url: str, consumer: Consumer, client: Client) -> None:
        parsed = parse_url(url)
        self.url = str(parsed)
        self.host = parsed.host
        self.port = parsed.port
        self.path = parsed.target.decode("ascii")
        self.status: tuple[str, int, str] | None = None
        """(version, status, reason)"""
        self.header: Message | None = None
        self.error: Failed | None = None
        self._asked = url
        self._consumer = consumer
        self._client = client
        self._closed = False
        self._telling = False
        self.done: Deferred[None] = Deferred.fromCoroutine(self._run())
        """Fires behind `Consumer.close`; what the consumer raises it fails with."""

    def close(self) -> None:
        """No more of it is wanted: the consumer is called no more."""
        self._closed = True
        if not self._telling:  # else it ends by itself when the consumer is done
            self.done.addErrback(lambda failure: None)
            self.done.cancel()

    async def _run(self) -> None:
        try:
            response = await self._client.get(self._asked)
        except Failed as error:
            self.error = error
            self._tell(self._consumer.http_header, self)
            return
        self.status = (response.version, response.status, response.reason)
        self.header = Message()
        for name, value in response.fields:
            self.header[name.decode("latin-1")] = value.decode("latin-1")
        async with response:
            self._tell(self._consumer.http_header, self)
            try:
                async for octets in response.body:
                    self._tell(self._consumer.feed, octets)
                    if self._closed:
                        return
            except Broken as error:
                self.error = error
        self._tell(self._consumer.close)

    def _tell(self, method: Callable[..., object], *arguments: object) -> None:
        if not self._closed:
            self._telling = True
            try:
                method(*arguments)
            finally:
                self._telling = False


def do_request(url: str, consumer: Consumer, reactor: Any, *, client: Client | None = None) -> Request:
    """Ask for ``url``, and hand what comes to ``consumer``. Raises BadURL.

    Redirections are the consumer's to follow: `RedirectingConsumer`. One ``client`` for many requests, made with
    ``max_redirects=0``, keeps connections.
    """
    own = Client(reactor, max_redirects=0) if client is None else None
    request = Request(url, consumer, own or client or Client(reactor))
    if own is not None:
        request.done.addBoth(lambda result: Deferred.fromCoroutine(own.close()).addCallback(lambda closed: result))
    return request


class RedirectingConsumer:
    """Follows redirections, at most ``most`` of them, and hands what they lead to to ``consumer``."""

    def __init__(self, consumer: Consumer, reactor: Any, *, client: Client | None = None, most: int = 10) -> None:
        self._consumer = consumer
        self._reactor = reactor
        self._client = client
        self._left = most
        self._away = False
        self.done: Deferred[None] = Deferred()
        """Fires when there is no more."""

    def http_header(self, client: Request) -> None:
        location = client.header.get("Location") if client.header is not None else None
        if client.status is not None and client.status[1] in (301, 302, 303, 307, 308) and location and self._left:
            self._left -= 1
            try:
                target = join(parse_url(client.url), location.encode("latin-1", "replace"))
                do_request(str(target), self, self._reactor, client=self._client)
            except BadURL:
                pass  # the consumer has what there is
            else:
                self._away = True
                client.close()
                return
        self._away = False
        self._consumer.http_header(client)
        if client.status is None:
            self.done.callback(None)

    def feed(self, octets: bytes) -> None:
        self._consumer.feed(octets)

    def close(self) -> None:
        self._consumer.close()
        self.done.callback(None)
