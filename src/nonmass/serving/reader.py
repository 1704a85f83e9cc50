"""A process of its own that reads what strangers made: it may crash, hang or swell, and the page goes on."""

import multiprocessing
import resource
import signal
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np

from nonmass.errors import InputError
from nonmass.geometry import inside_polygon
from nonmass.images import Gray
from nonmass.overlays.removal import cover
from nonmass.screens import read_picture
from nonmass.serving.prepare import Screen, Source, prepare
from nonmass.serving.release import View
from nonmass.serving.upload import NAME, in_memory, refuse

SECONDS = 120  # that a file may take; reading text in a large one takes some
MEMORY = 8 * 2**30  # addresses, bytes


@dataclass(frozen=True, eq=False)
class Looked:
    """What became of a file.

    Attributes:
        screen: As `nonmass predict` sees it.
        size: Of the whole screen, width and height, px.
        field: `(height, width)` uint8, the screen with 0 wherever it is not field of view and where text was covered;
            None where the field is refused or doubtful, as it may then show a name.
    """

    screen: Screen
    size: tuple[int, int]
    field: Gray | None


def look_at(content: bytes, view: View, device: str = "") -> Looked:
    """Read a file from its bytes.

    Raises:
        InputError: It is refused or cannot be read.
    """
    with in_memory(content) as place:
        refuse(content, place)
        screen = prepare(Source(NAME, place), view, device)
        if screen.fov is None:
            raise InputError(screen.fault)
        gray = read_picture(place, name=NAME).gray
    height, width = gray.shape
    return Looked(screen, (width, height), _field_alone(gray, screen))


def _field_alone(gray: Gray, screen: Screen) -> Gray | None:
    fov = screen.fov
    if fov is None or fov.doubts or screen.square is None:
        return None
    field = np.zeros_like(gray)
    field[fov.box.slices] = cover(gray, screen.covered)[fov.box.slices]
    if fov.outline:
        field[~inside_polygon(fov.outline, *gray.shape)] = 0
    return field


class Reader:
    """Reads in a second process, one file after another; not to be shared by threads."""

    def __init__(self, view: View, device: str = "", seconds: float = SECONDS) -> None:
        self._view, self._device, self._seconds = view, device, seconds
        self._start()

    def read(self, content: bytes) -> Looked:
        """As `look_at`.

        Raises:
            InputError: As for `look_at`; or reading took too long, or ended the process.
        """
        try:
            self._pipe.send_bytes(content)
            if not self._pipe.poll(self._seconds):
                self._restart()
                raise InputError(f"{NAME}: takes longer than {self._seconds:g} s to read; export it again")
            found = self._pipe.recv()
        except (EOFError, OSError):
            self._restart()
            raise InputError(f"{NAME}: breaks the program that reads it; export it again") from None
        if isinstance(found, Looked):
            return found
        raise InputError(str(found))

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process in which torch has threads may hang
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_read_all, args=(theirs, self._view, self._device), daemon=True)
        self._process.start()
        theirs.close()

    def _restart(self) -> None:
        self.close()
        self._start()


def _read_all(pipe: Connection, view: View, device: str) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the page ends this process
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a dump would hold the image
    while True:
        try:
            content = pipe.recv_bytes()
        except EOFError:
            return
        try:
            pipe.send(look_at(content, view, device))
        except InputError as error:
            pipe.send(" ".join(str(error).split()))
        except Exception as error:  # its text could quote what the file holds
            pipe.send(f"{NAME}: cannot be read ({type(error).__name__}); export it again")
