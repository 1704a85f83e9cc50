"""What `nonmass serve` does between the command line and the page."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from nonmass.errors import InputError
from nonmass.serving.commands import Answerers, notices
from nonmass.serving.release import RESEARCH_USE, Release, learnt_from

CONNECTIONS = 64  # at a time
GRACE_S = 5  # for what is being answered when the program is ended
# No line a request; what is wrong with one goes to whoever sent it.
QUIET: dict[str, Any] = {
    **{"log_level": "error", "access_log": False, "server_header": False},
    **{"lifespan": "off", "ws": "none"},
}
OPEN = (
    "anybody who reaches this machine over the network can send images and read answers: there is no password, and "
    "nothing is encrypted"
)


def serve(answerers: Answerers, host: str, port: int, device: str, say: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C; `say` gets its address, once it can be opened.

    Args:
        answerers: What answers.
        host: Where to listen; beyond loopback only where somebody asked for it.
        port: 0 for any that is free.
        device: As for `prepare.prepare`.
        say: Prints a line.

    Raises:
        InputError: A package is missing, or the address is not to be had.
    """
    try:
        import uvicorn

        from nonmass.serving.consult import Desk
        from nonmass.serving.page import make_page
        from nonmass.serving.reader import Reader
        from nonmass.serving.site import is_loopback, make_site
    except ImportError as error:
        raise InputError(f"serve: {error.name} is not installed; pip install 'nonmass[serve]'") from None
    listening = _listen(host, port)
    reader = Reader(answerers.view, device)
    with ThreadPoolExecutor(1) as thread, contextlib.closing(reader), listening:
        desk = Desk(answerers.releases, answerers.scorers, reader)
        site = make_site(
            make_page(about(answerers.releases), learnt_from(answerers.releases)), desk.consult, host, thread
        )
        config = uvicorn.Config(site, limit_concurrency=CONNECTIONS, timeout_graceful_shutdown=GRACE_S, **QUIET)
        if not is_loopback(host):
            say(f"warning: {OPEN}")
        say(f"{address_of(listening)} ({RESEARCH_USE}; Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listening])


def about(releases: dict[str, Release]) -> Iterator[str]:
    """What answers, and what a person should know before reading answers."""
    for task, release in releases.items():
        asked = f"{release.positive} or {release.negative}".replace("_", " ")
        yield f"{task} ({asked}): {release.backbone}, {len(release.seeds)} network(s), {release.side_px} px"
    yield from notices(releases)


def address_of(listening: socket.socket) -> str:
    """What to open in a browser."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, *_, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Already listens, so that who is told the address may come at once.
        return socket.create_server((str(place[0]), port), family=family)
    except (OSError, UnicodeError) as error:  # a name such as `a..b` is refused before anybody is asked
        why = getattr(error, "strerror", None) or "no name of a host"
        raise InputError(f"serve: cannot listen at {host}:{port} ({why}); choose another --host or --port") from None
