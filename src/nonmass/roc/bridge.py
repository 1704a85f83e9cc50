"""The only door to R: checks the installation, calls a function of the R files beside it, brings plain Python back.

Numbers and texts cross as explicit vectors, never through a converter: those turn missing integers
into -2147483648 and text into factors, depending on what else is loaded.
"""

import functools
import logging
import math
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nonmass.errors import InputError

SCRIPTS = sorted(Path(__file__).parent.glob("*.R"))
OLDEST_R = "4.0.0"  # the first whose data frames keep texts as texts
OLDEST_PROC = "1.18.0"  # the first with an interval for a paired difference
INSTALL = (
    "install them with `apt-get install r-base-core r-cran-proc` (Debian, Ubuntu), or R and its package pROC elsewhere"
)

_log = logging.getLogger(__name__)


class RError(Exception):
    """R stopped with an error; carries R's own message. A defect, as input is checked before R is called."""


def call(function: str, **arguments: Any) -> Any:
    """Call a function of the R files. Main thread only, as R knows no other.

    Args:
        function: Its name there.
        arguments: Numbers, texts, flat sequences of one of them, or mappings of such (a named list).

    Returns:
        R's value: a named list as a dict, a data frame as a dict of lists, any other vector as a
        scalar if it is one long and a list if not. NA is NaN in numbers.

    Raises:
        InputError: R or pROC is missing or too old.
        RError: R's function stopped.
    """
    environment = _start()
    converted = {name: _to_r(value) for name, value in arguments.items()}
    outcome = environment["guarded"](environment[function], **converted)
    value, warnings, error = (outcome[i] for i in range(3))
    for warning in warnings:
        _log.warning("R: %s(): %s", function, warning)
    if len(error):
        raise RError(f"R: {function}(): {error[0]}")
    return _from_r(value)


def digits(value: float) -> str:
    """17 digits, which give R's number back exactly; nothing for NA."""
    return "" if math.isnan(value) else format(value, ".17g")


@functools.cache
def _start() -> Any:
    """Start R without anybody's profile and source the R files; returns the R environment that holds them.

    R cannot be restarted within a process.
    """
    os.environ["R_HOME"] = str(_r_home())
    os.environ["LANGUAGE"] = "en"  # R's messages read alike everywhere
    # rpy2 asks an Rscript for paths when it is imported, and that one reads profiles, also ./.Rprofile.
    os.environ.update(dict.fromkeys(("R_PROFILE", "R_PROFILE_USER", "R_ENVIRON_USER"), os.devnull))
    os.environ.setdefault("RPY2_CFFI_MODE", "ABI")  # needs no compiler at installation
    libraries = os.environ.get("LD_LIBRARY_PATH")
    from rpy2.rinterface_lib import embedded

    # A profile may change anything, even the decimal point.
    embedded.set_initoptions(("rpy2", "--quiet", "--vanilla", "--no-save"))
    from rpy2 import rinterface

    # Not `initr`, which overwrites os.environ with that of one more Rscript.
    rinterface.initr_simple()
    # rpy2 has set R's library path for all children of this process, which may load other libraries by it.
    os.environ.pop("LD_LIBRARY_PATH", None)
    if libraries is not None:
        os.environ["LD_LIBRARY_PATH"] = libraries
    _check_versions(rinterface.baseenv)
    environment = rinterface.baseenv["new.env"](parent=rinterface.globalenv)
    for script in SCRIPTS:
        rinterface.baseenv["sys.source"](_to_r(str(script)), envir=environment, **{"keep.source": _to_r(False)})
    return environment


def _r_home() -> Path:
    """R's folder. Checked here because R itself ends the process, without an exception, when it is wrong."""
    home = os.environ.get("R_HOME", "")
    if not home:
        executable = shutil.which("R")
        if executable is None:
            raise InputError(f"R is not installed (no `R` on the PATH); {INSTALL}")
        home = subprocess.run([executable, "RHOME"], capture_output=True, text=True).stdout.strip()
    if not (Path(home) / "library" / "base").is_dir():
        raise InputError(f"R_HOME is {home or 'empty'}, which holds no R; unset it, or {INSTALL}")
    return Path(home)


def _check_versions(base: Any) -> None:
    _check_age("R", base["as.character"](base["getRversion"]())[0], OLDEST_R)
    if not base["requireNamespace"](_to_r("pROC"), quietly=_to_r(True))[0]:
        raise InputError(f"R has no package pROC; {INSTALL}")
    _check_age("R's package pROC", base["as.character"](base["getNamespaceVersion"](_to_r("pROC")))[0], OLDEST_PROC)


def _check_age(what: str, found: str, oldest: str) -> None:
    if [*map(int, found.replace("-", ".").split("."))] < [*map(int, oldest.split("."))]:
        raise InputError(f"{what} is {found}, too old; {oldest} or later is needed; {INSTALL}")


def _to_r(value: Any) -> Any:
    from rpy2 import rinterface

    if isinstance(value, Mapping):
        return rinterface.baseenv["list"](**{name: _to_r(item) for name, item in value.items()})
    items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if all(isinstance(item, bool) for item in items):
        return rinterface.BoolSexpVector(items)
    if all(isinstance(item, int) for item in items):
        return rinterface.IntSexpVector(items)
    if all(isinstance(item, int | float) for item in items):
        return rinterface.FloatSexpVector(items)
    if all(isinstance(item, str) for item in items):
        return rinterface.StrSexpVector(items)
    raise TypeError(f"no R vector for {sorted({type(item).__name__ for item in items})}")


def _from_r(value: Any) -> Any:
    from rpy2 import rinterface

    if value is rinterface.NULL:
        return None
    if isinstance(value, rinterface.ListSexpVector):
        is_frame = "data.frame" in value.rclass
        return {name: list(item) if is_frame else _from_r(item) for name, item in zip(value.names, value, strict=True)}
    return value[0] if len(value) == 1 else list(value)
