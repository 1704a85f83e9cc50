"""The page over HTTP: who may ask, how much at once, and nothing kept of it."""

import asyncio
import ipaddress
import json
import sys
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from nonmass.errors import InputError
from nonmass.serving.page import Page
from nonmass.serving.upload import MAX_BYTES, NAME

WAITING = 4  # images in memory at a time, the one that is looked at included
SECONDS = 60  # in which an image must have arrived
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]


def make_site(page: Page, consult: Callable[[bytes], bytes], host: str, thread: ThreadPoolExecutor) -> "Guard":
    """The page at `/`, and answers at `/answer`.

    Args:
        page: The page.
        consult: From the bytes of a file to a reply in JSON; raises `InputError` for what cannot be answered.
        host: The name or address that the program listens at.
        thread: One thread, in which `consult` runs.
    """

    async def show(_: Request) -> Response:
        return Response(page.content, media_type="text/html", headers={"Content-Security-Policy": page.policy})

    counter = Answering(consult, thread)
    routes = [Route("/", show, methods=["GET"]), Route("/answer", counter.answer, methods=["POST"])]
    return Guard(Starlette(routes=routes), host)


class Guard:
    """Turns away who did not come by this program's own address, and puts `HEADERS` on every reply.

    A page of somebody else's that has its name resolve to this machine (DNS rebinding) sends its own name as the host.
    """

    def __init__(self, site: Starlette, host: str) -> None:
        self._site, self._host = site, host

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """As ASGI has it."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if scope["type"] == "http" and not is_own_name(Headers(scope=scope).get("host", ""), self._host):
            refusal = PlainTextResponse(
                "wrong host name; use the address that was printed", HTTPStatus.MISDIRECTED_REQUEST
            )
            await refusal(scope, receive, send_with_headers)
        else:
            await self._site(scope, receive, send_with_headers)


class Answering:
    """Answers one image after another, a few of which may wait."""

    def __init__(self, consult: Callable[[bytes], bytes], thread: ThreadPoolExecutor) -> None:
        self._consult, self._thread, self._waiting = consult, thread, 0

    async def answer(self, request: Request) -> Response:
        """The reply to the bytes of a file, sent as the body itself: forms would be spooled to a file on disk."""
        if not is_same_origin(request.headers):
            return _fault(HTTPStatus.FORBIDDEN, "only this program's own page may ask")
        if self._waiting >= WAITING:
            return _fault(HTTPStatus.SERVICE_UNAVAILABLE, f"{WAITING} images are being looked at; try again in a while")
        self._waiting += 1
        try:
            return await self._answer(request)
        finally:
            self._waiting -= 1

    async def _answer(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(SECONDS):
                content = await _body(request)
        except TimeoutError:
            return _fault(HTTPStatus.REQUEST_TIMEOUT, f"{NAME}: did not arrive within {SECONDS} s; try again")
        except ClientDisconnect:
            return Response(status_code=HTTPStatus.BAD_REQUEST)
        if content is None:
            what = f"{NAME}: has more than {MAX_BYTES // 2**20} MB; export a smaller one"
            return _fault(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, what)
        try:
            reply = await asyncio.get_running_loop().run_in_executor(self._thread, self._consult, content)
        except InputError as error:
            return _fault(HTTPStatus.UNPROCESSABLE_ENTITY, " ".join(str(error).split()))
        except Exception as error:
            _say(error)
            return _fault(HTTPStatus.INTERNAL_SERVER_ERROR, "a defect of this program; see where it was started")
        return Response(reply, media_type="application/json")


def is_own_name(host: str, listening_at: str) -> bool:
    """Whether a Host header can only have come from somebody who typed this program's address.

    Args:
        host: The header.
        listening_at: Where the program listens. Beyond this machine's own addresses any address will do, since a
            name is what is needed to mislead a browser.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in ("localhost", listening_at.lower()):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or not is_loopback(listening_at)


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def is_same_origin(headers: Headers) -> bool:
    """Whether a browser says that our own page asks; other programs have to say so, too."""
    asked_by = headers.get("sec-fetch-site", "same-origin")
    return asked_by == "same-origin" and headers.get("origin") == f"http://{headers.get('host')}"


async def _body(request: Request) -> bytes | None:
    """What was sent, in memory; None where it is too much, as soon as that is known."""
    if int(request.headers.get("content-length") or 0) > MAX_BYTES:
        return None
    content = bytearray()
    async for chunk in request.stream():
        if len(content) + len(chunk) > MAX_BYTES:
            return None
        content += chunk
    return bytes(content)


def _fault(status: HTTPStatus, message: str) -> Response:
    return Response(json.dumps({"error": message}), status, media_type="application/json")


def _say(error: Exception) -> None:
    """Where a defect lies, without its message, which may quote what the image's file holds."""
    where = "".join(traceback.format_tb(error.__traceback__))
    sys.stderr.write(f"defect: {type(error).__name__}\n{where}")
