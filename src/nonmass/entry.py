"""How a command starts and how it fails: typer reads the arguments, an `InputError` becomes one line."""

import sys
from collections.abc import Callable
from typing import Any, NoReturn

import typer

from nonmass.errors import InputError


def run_stage(main: Callable[..., Any]) -> NoReturn:
    """Run a stage's `main` with the arguments of the command line, and exit.

    Args:
        main: Function whose annotated parameters are the command-line arguments.

    Raises:
        SystemExit: Always; code 0 after success, 1 after an `InputError`, 2 for a wrong call.
    """
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    run_app(app)


def run_app(app: typer.Typer) -> NoReturn:
    """Run a typer application; an `InputError` is printed as one line on stderr, exit code 1."""
    try:
        app()
    except InputError as error:
        sys.stderr.write(f"error: {' '.join(str(error).split())}\n")
        raise SystemExit(1) from None
    raise SystemExit(0)
