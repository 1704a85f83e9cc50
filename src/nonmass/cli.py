"""`nonmass`: what a person types beside `dvc`."""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from nonmass.bench.commands import bench
from nonmass.entry import run_app
from nonmass.errors import InputError
from nonmass.serving.typed import export, predict, serve

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Detection and classification of non-mass lesions on breast ultrasound. Research use only.",
)


class Form(StrEnum):
    """Who reads what the gate prints."""

    text = "text"
    markdown = "markdown"
    json = "json"
    github = "github"


app.add_typer(bench, name="bench")


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


@app.command(name="check-claims")
def check_claims(
    table: Annotated[Path, typer.Argument(help="CSV of published results, as docs/statistics.md describes it.")],
    as_document: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
) -> None:
    """Say whether printed results are possible; exit code 1 if some contradict each other, 2 if unreadable."""
    from nonmass.claims import listing
    from nonmass.claims.findings import examine
    from nonmass.claims.table import read_claims

    try:
        findings = examine(read_claims(table))
    except InputError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    typer.echo(listing.as_json(findings) if as_document else listing.as_text(findings))
    raise typer.Exit(int(listing.n_of(findings, "contradiction") > 0))


@app.command(name="roc")
def roc_command(
    table: Annotated[Path, typer.Argument(help="CSV with a heading row: comma, semicolon or tab.")],
    truth: Annotated[str, typer.Option(help="Column of the truth: 0 and 1, or two words.")],
    score: Annotated[list[str], typer.Option(help="Column of scores, higher is more likely positive; repeat it.")],
    patient: Annotated[str | None, typer.Option(help="Column that says whom a row shows.")] = None,
    part: Annotated[str | None, typer.Option(help="Column that holds val, test or external.")] = None,
    positive: Annotated[str | None, typer.Option(help="The word of the positive rows in the truth column.")] = None,
    as_document: Annotated[bool, typer.Option("--json", help="One JSON document instead of text.")] = False,
) -> None:
    """Judge any table of scores as the stage `eval` judges a network, by `roc` of params.yaml."""
    from nonmass.params import read_section
    from nonmass.roc import score_table
    from nonmass.roc.analysis import RocParams, evaluate

    columns = score_table.Columns(truth, tuple(score), patient, part, positive)
    evaluation = evaluate(score_table.read_scores(table, columns), read_section("roc", RocParams), str(table))
    remarks = [] if patient else [score_table.INDEPENDENT]
    typer.echo((score_table.as_json if as_document else score_table.as_text)(evaluation, remarks))


@app.command(name="fov")
def fov_command(
    source: Annotated[Path, typer.Argument(help="An image, a DICOM file, or a folder of them.")],
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a page to look at; it shows whole screens, so keep it to yourself.")
    ] = None,
) -> None:
    """Print where the field of view lies, one JSON line a screen; of a clip, on its first frame.

    In a folder, screens of one device and size tell more about each other. A doubt or a refusal is an answer: exit
    code 1 only if a file cannot be read.
    """
    from nonmass.fov.preview import find_fields, json_line, params_here

    if sheet:
        from nonmass.review.sheet import check_page

        check_page(sheet)
    found = []
    for one in find_fields(source, params_here()):
        typer.echo(json_line(one) if one.fov else f"error: {one.fault}", err=not one.fov)
        found.append(one)
    if sheet:
        from nonmass.review.commands import write_folder_sheet

        write_folder_sheet(sheet, found)
        typer.echo(f"wrote {sheet}; it shows whole screens, which may tell who a patient is", err=True)
    raise typer.Exit(int(not all(one.fov for one in found)))


@app.command()
def review(
    is_all: Annotated[bool, typer.Option("--all", help="Accepted screens, too.")] = False,
    out: Annotated[Path, typer.Option(help="Folder; Git and DVC ignore `review`.")] = Path("review"),
) -> None:
    """Write a page to check fields of view by eye and to decide the doubtful ones (data/fov_overrides.csv)."""
    from nonmass.review.commands import write_project_sheet

    page = write_project_sheet(Path(), out, is_all)
    typer.echo(f"wrote {page}; it shows whole screens, which may tell who a patient is: do not pass it on")


@app.command()
def gate(
    base: Annotated[str, typer.Option(help="Revision to compare with, committed: main, a tag, a hash.")],
    head: Annotated[str | None, typer.Option(help="Revision to judge; default the working tree.")] = None,
    release: Annotated[bool, typer.Option("--release", help="Judge test and external parts, doubts included.")] = False,
    form: Annotated[Form, typer.Option("--format", help="What is printed.")] = Form.text,
    html: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Also write a page, with pictures of crops.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(dir_okay=False, help="Also write the Markdown to a file.")] = None,
) -> None:
    """Are the models worse than in another revision? Exit code 0 no, 1 yes or not comparable, 2 cannot tell."""
    from nonmass.gate.gate import both_sides, run_gate
    from nonmass.gate.page import FORMATS, as_html, as_markdown
    from nonmass.gate.verdicts import CANNOT_TELL
    from nonmass.outputs import check_file, write

    try:
        for page, option in ((html, "--html"), (markdown, "--markdown")):
            if page:
                check_file(page, option, makes_folder=True)
        with both_sides(Path.cwd(), base, head) as sides:
            found = run_gate(*sides, is_release=release)
        typer.echo(FORMATS[form.value](found))
        if html:
            write(html, as_html(found, Path("data/fov/images")), "--html")
        if markdown:
            write(markdown, as_markdown(found), "--markdown")
    except InputError as error:
        typer.echo(f"error: {' '.join(str(error).split())}", err=True)
        raise typer.Exit(CANNOT_TELL) from None
    raise typer.Exit(found.exit_code)


@app.command()
def verify(
    deep: Annotated[bool, typer.Option("--deep", help="Also run a stage again elsewhere and compare bytes.")] = False,
    stage: Annotated[str | None, typer.Option(help="Which, for --deep; default report.")] = None,
) -> None:
    """Is dvc.lock true? Says which stage is stale and why; exit code 1 if any is, or gives other bytes."""
    from nonmass.gate.verify import differing_outs, other_versions, stale_stages

    if stage and not deep:
        raise InputError("--stage: says what --deep runs again; give --deep, too")
    stage = stage or "report"
    stale = stale_stages(Path.cwd())
    for name, reasons in stale.items():
        typer.echo(f"{name}: stale: {'; '.join(reasons)}")
    for line in other_versions(Path.cwd()):
        typer.echo(f"note: {line}")
    others = differing_outs(Path.cwd(), stage) if deep and not stale else []
    for path in others:
        typer.echo(f"{stage}: {path} comes out otherwise when it is run again")
    if not stale and not others:
        typer.echo("up to date" + (f"; {stage} gives the same bytes again" if deep else ""))
    raise typer.Exit(int(bool(stale or others)))


for command in (predict, export, serve):
    app.command()(command)


def _shown(value: object) -> str:
    """A value as params.yaml would hold it, on one line."""
    return re.sub(r'"([A-Za-z_][^"]*)"', r"\1", json.dumps(value))  # quotes stay where YAML needs them: "0"


def run() -> None:
    """Entry point of the console script."""
    run_app(app)
