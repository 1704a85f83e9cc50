"""entry: one line for the user's mistakes, a traceback for ours."""

import pytest
import typer

from nonmass import entry
from nonmass.errors import InputError

PROGRAM = """
from pathlib import Path
from nonmass.entry import run_stage
from nonmass.errors import InputError

def main(kind: str, path: Path = Path("x")) -> None:
    if kind == "input":
        raise InputError("a.csv: wrong\\n\\tin two\\r\\nlines;\\u2028 mend   it")
    if kind == "defect":
        raise RuntimeError("our own")
    if kind == "chained":
        try:
            int("x")
        except ValueError as error:
            raise InputError("chained") from error
    print(kind, type(path).__name__)

run_stage(main)
"""


@pytest.fixture
def program(tmp_path, python):
    (tmp_path / "stage.py").write_text(PROGRAM)
    return lambda *arguments: python("stage.py", *arguments)


def test_an_input_error_is_one_line_and_exit_code_1(program):
    done = program("input")
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "error: a.csv: wrong in two lines; mend it\n"


def test_a_chained_input_error_shows_no_traceback(program):
    done = program("chained")
    assert (done.returncode, done.stderr) == (1, "error: chained\n")


def test_a_defect_keeps_its_plain_traceback(program):
    done = program("defect")
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert 'raise RuntimeError("our own")' in done.stderr
    assert done.stderr.endswith("RuntimeError: our own\n")


def test_success_and_wrong_calls(program):
    done = program("fine", "--path", "y")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("fine ")
    assert "Path" in done.stdout
    assert program().returncode == 2
    assert program("fine", "--unknown").returncode == 2
    assert program("--help").returncode == 0


def test_an_application_of_several_commands(capsys, monkeypatch):
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise InputError("two\nlines")

    @app.command()
    def leave() -> None:
        raise typer.Exit(3)

    for command, code, text in [("fail", 1, "error: two lines\n"), ("leave", 3, "")]:
        monkeypatch.setattr("sys.argv", ["nonmass", command])
        with pytest.raises(SystemExit) as stop:
            entry.run_app(app)
        assert (stop.value.code, capsys.readouterr().err) == (code, text)
