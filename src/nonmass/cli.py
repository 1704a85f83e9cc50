"""`nonmass`: what a person types beside `dvc`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from nonmass.entry import run_app
from nonmass.errors import InputError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Detection and classification of non-mass lesions on breast ultrasound. Research use only.",
)


@app.command()
def check() -> None:
    """Say what is wrong with params.yaml, if anything is."""
    from nonmass.params import load
    from nonmass.schema import check_params

    check_params(load(), Path("data/raw"))
    typer.echo("params.yaml is valid")


@app.command()
def profile(
    name: Annotated[str, typer.Argument(help="A file of profiles/ without its suffix: demo, paper, public.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change, change nothing.")] = False,
) -> None:
    """Apply a profile to params.yaml and show what it changed."""
    from ruamel.yaml import YAML

    from nonmass import params
    from nonmass.files import whole_file
    from nonmass.profile import apply_profile

    source = Path("profiles") / f"{name}.yaml"
    if not source.is_file():
        known = ", ".join(sorted(path.stem for path in Path("profiles").glob("*.yaml"))) or "none here"
        raise InputError(f"profile {name}: not found; there are: {known}")
    params.load()  # says clearly what is wrong with a params.yaml that is no YAML
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(params.PARAMS_FILE.read_text(encoding="utf-8"))
    changes = apply_profile(content, params.load(source), name)
    for key, (before, now) in changes.items():
        typer.echo(f"{key}: {_shown(before)} -> {_shown(now)}")
    if not changes:
        typer.echo(f"params.yaml has the values of profile {name} already")
    elif not dry_run:
        with whole_file(params.PARAMS_FILE) as temporary:
            yaml.dump(content, temporary)


def _shown(value: object) -> str:
    """A value as params.yaml would hold it, on one line."""
    return json.dumps(value).replace('"', "")


def run() -> None:
    """Entry point of the console script."""
    run_app(app)
