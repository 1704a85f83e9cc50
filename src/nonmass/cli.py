"""`nonmass`: what a person types beside `dvc`."""

import json
import re
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
    for file in (params.PARAMS_FILE, source):
        params.load(file)  # says clearly what is wrong with a file that is no YAML
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.representer.add_representer(
        type(None), lambda dumper, _: dumper.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(params.PARAMS_FILE.read_text(encoding="utf-8"))
    changes = apply_profile(content, yaml.load(source.read_text(encoding="utf-8")), name)
    for key, (before, now) in changes.items():
        typer.echo(f"{key}: {_shown(before)} -> {_shown(now)}")
    if not changes:
        typer.echo(f"params.yaml has the values of profile {name} already")
    elif not dry_run:
        with whole_file(params.PARAMS_FILE) as temporary:
            yaml.dump(content, temporary)


@app.command()
def doctor(
    data: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="A cohort's folder, such as data/raw/clinic.")
    ],
    as_document: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
    show_names: Annotated[
        bool, typer.Option("--show-names", help="Show names of files that may tell who a patient is.")
    ] = False,
) -> None:
    """Say what is wrong with a folder of data before anything runs; exit code 1 if images would be lost."""
    from nonmass.doctor.diagnosis import as_json, as_text
    from nonmass.doctor.examination import examine, find_place

    diagnosis = examine(find_place(data), show_names)
    typer.echo(as_json(diagnosis) if as_document else as_text(diagnosis))
    raise typer.Exit(diagnosis.exit_code)


@app.command()
def freeze() -> None:
    """Keep the parts of the finished splits: writes splits/<task>.csv, to be committed."""
    from nonmass.frozen import freeze as keep

    for path in keep(Path("data/splits"), Path("splits"), ("detect", "classify")):
        typer.echo(f"wrote {path}; set split.assignment to frozen and commit it")


@app.command(name="bench")
def bench_command(
    what: Annotated[str, typer.Argument(help="data: ingest, manifest, crop and split on phantom screens.")],
    sizes: Annotated[str, typer.Option(help="Numbers of screens.")] = "1000,5000,15120",
    folder: Annotated[Path | None, typer.Option(help="Where the screens go and stay; default a temporary one.")] = None,
) -> None:
    """Measure time and memory beside what limits them, all in one run."""
    from tempfile import TemporaryDirectory

    from nonmass.bench import bench_data

    if what != "data" or not all(size.isdigit() and int(size) for size in sizes.split(",")):
        raise InputError("bench: call it as `nonmass bench data --sizes 1000,5000`")
    with TemporaryDirectory() as temporary:
        table = bench_data(Path.cwd(), folder or Path(temporary), tuple(map(int, sizes.split(","))))
    typer.echo(table.to_string(index=False, float_format="%.2f"))


def _shown(value: object) -> str:
    """A value as params.yaml would hold it, on one line."""
    return re.sub(r'"([A-Za-z_][^"]*)"', r"\1", json.dumps(value))  # quotes stay where YAML needs them: "0"


def run() -> None:
    """Entry point of the console script."""
    run_app(app)
