"""The door to R: what crosses it, and what is said when R is not there. Without R these tests fail; none is skipped."""

import logging
import os
import subprocess
import sys

import pytest

from nonmass.errors import InputError
from nonmass.roc import bridge

TIES = {"truth": [0, 0, 1, 1], "score": [1.0, 2.0, 2.0, 3.0]}
CALL = (
    "from nonmass.errors import InputError\n"
    "from nonmass.roc import bridge\n"
    "try:\n"
    "    print(bridge.call('components', truth=[0, 0, 1, 1], score=[1.0, 2.5, 2.5, 3.0]))\n"
    "except InputError as error:\n"
    "    print(f'InputError: {error}')\n"
)


def in_a_fresh_process(folder, **environment):
    """R can be started once a process, so what happens at its start is seen from outside."""
    variables = {name: value for name, value in os.environ.items() if name not in ("R_HOME", "LD_LIBRARY_PATH")}
    return subprocess.run(
        [sys.executable, "-c", CALL],
        cwd=folder,
        env=variables | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_numbers_and_names_cross_unharmed():
    assert bridge.call("components", **TIES) == [1.0, 0.75, 0.75, 1.0]
    assert bridge.call("bounds", lo=-1e-300, hi=0.1 + 0.2) == {
        "lo": -1e-300,
        "hi": 0.1 + 0.2,
        "p": pytest.approx(float("nan"), nan_ok=True),
        "note": "",
    }
    frame = bridge.call(
        "points_of",
        curve={"thresholds": [-1e400, 1.5, 1e400], "specificities": [0, 1, 1], "sensitivities": [1, 0.5, 0]},
    )
    assert frame["threshold"] == [float("inf"), 1.5, float("-inf")]
    assert frame["point"] == [0, 1, 2]


def test_a_value_without_an_r_vector_is_refused():
    with pytest.raises(TypeError, match="NoneType"):
        bridge.call("components", truth=[0, 1], score=[1.0, None])


def test_an_error_of_r_becomes_one_exception_with_r_s_words():
    with pytest.raises(bridge.RError, match=r"^R: analyse\(\): lengths\(scores\) == length\(truth\) is not TRUE$"):
        bridge.call(
            "analyse",
            truth=[0, 1],
            patient=[1, 2],
            cluster=[1, 2],
            part=["test"] * 2,
            scores={"a": [1.0]},
            level=0.95,
            rule="youden",
            sensitivity=0.95,
        )


def test_a_warning_of_r_reaches_the_log(caplog):
    with caplog.at_level(logging.WARNING, logger="nonmass.roc.bridge"):
        bridge.call("curve_of", truth=[0, 1, 0, 1], score=[0.0, 1.0, 2.0, float("inf")])
    assert "R: curve_of(): " in caplog.text
    assert "nfinite" in caplog.text


def test_no_r_is_said_in_one_line_with_the_cure(tmp_path):
    done = in_a_fresh_process(tmp_path, PATH=str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.startswith("InputError: R is not installed")
    assert "apt-get install r-base-core r-cran-proc" in done.stdout


def test_a_wrong_r_home_is_said_and_does_not_end_the_process(tmp_path):
    done = in_a_fresh_process(tmp_path, R_HOME=str(tmp_path))
    assert done.returncode == 0
    assert done.stdout.startswith(f"InputError: R_HOME is {tmp_path}, which holds no R")


def test_r_without_proc_is_said_in_one_line_with_the_cure(tmp_path):
    done = in_a_fresh_process(tmp_path, R_LIBS_SITE=str(tmp_path), R_LIBS_USER=str(tmp_path), R_LIBS="")
    assert done.stdout.startswith("InputError: R has no package pROC")
    assert "r-cran-proc" in done.stdout


@pytest.mark.parametrize(("name", "words"), [("OLDEST_R", "R"), ("OLDEST_PROC", "R's package pROC")])
def test_an_old_r_or_proc_is_refused_in_one_line(monkeypatch, name, words):
    bridge.call("components", **TIES)
    from rpy2 import rinterface

    monkeypatch.setattr(bridge, name, "99.0")
    with pytest.raises(InputError, match=rf"^{words} is \d+\.\d+.*too old; 99\.0 or later[^\n]*$"):
        bridge._check_versions(rinterface.baseenv)


def test_nobody_s_r_profile_is_read(tmp_path):
    (tmp_path / ".Rprofile").write_text(
        'options(OutDec = ","); rank <- function(...) stop("masked"); stop("profile")\n'
    )
    (tmp_path / ".Renviron").write_text("R_DEFAULT_PACKAGES=NULL\n")
    profile = str(tmp_path / ".Rprofile")
    done = in_a_fresh_process(tmp_path, R_PROFILE_USER=profile, R_PROFILE=profile, HOME=str(tmp_path), LC_ALL="C")
    assert done.stdout == "[1.0, 0.75, 0.75, 1.0]\n"
    assert done.stderr == ""


@pytest.mark.parametrize(("value", "text"), [(0.1, "0.10000000000000001"), (1.0, "1"), (float("nan"), "")])
def test_digits_give_a_number_back_and_leave_out_what_is_undefined(value, text):
    assert bridge.digits(value) == text
