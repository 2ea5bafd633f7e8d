"""Requests over HTTP: who may ask, how much, and how the answer is told while the dub is made."""

# SPDX-FileCopyrightText: 2026 The FlowDubber-HF team
# SPDX-License-Identifier: Apache-2.0

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty
from threading import BoundedSemaphore
from typing import Any

from ..dubbing.jobs import BadJobs
from ..version import __version__
from .dubs import Busy, Dubs, Ticket
from .protocol import (
    DUB,
    HEALTH,
    HOST,
    MAX_REQUEST_BYTES,
    MAX_WAITING,
    NAMES,
    PULSE_SECONDS,
    Event,
    error_event,
    read_request,
)
from .token import same_token


MAX_CONNECTIONS = 2 * MAX_WAITING
READING_SECONDS = 10.0  # for a request; one that comes drop by drop is given up


class Refused(Exception):
    """A request that is not answered, and the status that says why."""

    def __init__(self, status: HTTPStatus, message: str):
        super().__init__(message)
        self.status = status


class Listener(ThreadingHTTPServer):
    """Listens on the loopback address; nothing is answered before [`open`].

    Args:
        port: 0 takes a free one.

    Raises:
        OSError: the port is taken.
    """

    daemon_threads, block_on_close = False, True  # who waits is told of the end before the process ends
    allow_reuse_address = os.name == "posix"  # elsewhere it would let another program take the port
    request_queue_size = MAX_CONNECTIONS

    def __init__(self, port: int):
        super().__init__((HOST, port), _Handler)
        self.port = self.server_address[1]
        self.hosts = {f"{name}:{self.port}" for name in NAMES}
        self.dubs: Dubs | None = None
        self.token = ""
        self._free = BoundedSemaphore(MAX_CONNECTIONS)

    def open(self, dubs: Dubs, token: str) -> None:
        """From now on requests with the token are answered."""
        self.dubs, self.token = dubs, token

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A connection that broke is nobody's fault here; what fails in a dub is told where it is made."""


class _Handler(BaseHTTPRequestHandler):
    """One request, one answer, one connection."""

    server: Listener
    timeout = READING_SECONDS
    server_version, sys_version = f"flowdubber/{__version__}", ""

    def do_GET(self) -> None:
        self._answer(self._health)

    def do_POST(self) -> None:
        self._answer(self._dub)

    def log_message(self, *_: Any) -> None:
        """Nothing: a header may hold the token."""

    def _answer(self, work: Any) -> None:
        try:
            self._admit()
            work()
        except Refused as refused:
            self._send(refused.status, {"error": error_event("bad_input", refused)})
        except Busy as error:
            self._send(HTTPStatus.TOO_MANY_REQUESTS, {"error": error_event("bad_input", error)})
        except (BadJobs, ValueError) as error:
            self._send(HTTPStatus.BAD_REQUEST, {"error": error_event("bad_input", error)})

    def _admit(self) -> None:
        """Who may ask: a program that calls this machine by its name and knows the token, and no web page.

        A page of another site that has the browser come here gives itself away by its origin, or by the name it had resolved to
        this address, and it cannot know the token.

        Raises:
            Refused: anybody else.
        """
        headers = self.headers
        if headers.get_all("Host", []) not in [[host] for host in self.server.hosts]:
            raise Refused(HTTPStatus.MISDIRECTED_REQUEST, "call the server by the address that it printed.")
        if "Origin" in headers or "Sec-Fetch-Site" in headers:
            raise Refused(HTTPStatus.FORBIDDEN, "web pages are not answered.")
        given = headers.get("Authorization", "").encode("latin-1", "replace")
        if not self.server.token or not same_token(given, f"Bearer {self.server.token}"):
            raise Refused(HTTPStatus.UNAUTHORIZED, "the token is missing or wrong; it is in the server's token file.")

    def _health(self) -> None:
        if self.path != HEALTH:
            raise Refused(HTTPStatus.NOT_FOUND, f"there are only GET {HEALTH} and POST {DUB}.")
        self._send(HTTPStatus.OK, {"flowdubber": __version__, **self.server.dubs.state()})

    def _dub(self) -> None:
        if self.path != DUB:
            raise Refused(HTTPStatus.NOT_FOUND, f"there are only GET {HEALTH} and POST {DUB}.")
        dubs = self.server.dubs
        ticket = dubs.enter(read_request(self._body(), dubs.model_id))
        try:
            self._begin(HTTPStatus.OK, "application/x-ndjson")
            for event in _events(dubs, ticket):
                self._line(event)
        finally:
            dubs.leave(ticket)

    def _body(self) -> bytes:
        """Raises `Refused` where it is not JSON of a length that is told and bounded."""
        headers = self.headers
        if headers.get_content_type() != "application/json" or len(headers.get_all("Content-Type", [])) != 1:
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the request must be application/json.")
        lengths = headers.get_all("Content-Length", [])
        if len(lengths) != 1 or not (lengths[0].isascii() and lengths[0].isdigit()) or "Transfer-Encoding" in headers:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "the request must tell its length.")
        if len(lengths[0]) > 9 or int(lengths[0]) > MAX_REQUEST_BYTES:
            raise Refused(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a request has at most {MAX_REQUEST_BYTES // 1024} KiB."
            )
        body = self.rfile.read(int(lengths[0]))
        if len(body) < int(lengths[0]):
            raise Refused(HTTPStatus.BAD_REQUEST, "the request ended early.")
        return body

    def _begin(self, status: HTTPStatus, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()

    def _line(self, value: Event) -> None:
        self.wfile.write(json.dumps(value).encode() + b"\n")

    def _send(self, status: HTTPStatus, value: dict[str, Any]) -> None:
        with suppress(OSError):  # who asked is gone
            self._begin(status, "application/json")
            self._line(value)


def _events(dubs: Dubs, ticket: Ticket) -> Iterator[Event]:
    """What is told of a dub until its end, with a pulse in between."""
    while True:
        try:
            event = ticket.events.get(timeout=PULSE_SECONDS)
        except Empty:
            ahead = dubs.ahead(ticket)
            event = {"event": "working"} if ahead is None else {"event": "waiting", "ahead": ahead}
        yield event
        if event["event"] in ("done", "failed"):
            return
