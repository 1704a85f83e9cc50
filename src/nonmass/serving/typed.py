"""What a person types to have new screens answered: `nonmass predict`, `export` and `serve`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nonmass.errors import InputError

if TYPE_CHECKING:
    from nonmass.serving import commands


Models = Annotated[Path, typer.Option(help="Trained networks of the project in this folder.")]
Backbone = Annotated[str | None, typer.Option(help="Default: of each task the one that validated best.")]
Onnx = Annotated[bool, typer.Option("--onnx", help="By an exported release; needs neither torch nor params.")]
ReleaseFolder = Annotated[Path, typer.Option(help="Where `nonmass export` wrote it.")]
Device = Annotated[str, typer.Option(help="The screens' device as the manifest names it, if you know it.")]


def predict(
    source: Annotated[Path, typer.Argument(help="An image, a DICOM file, or a folder of them.")],
    models: Models = Path("models"),
    backbone: Backbone = None,
    onnx: Onnx = False,
    release: ReleaseFolder = Path("release"),
    batch: Annotated[
        int, typer.Option(min=1, max=1024, help="Squares at once; by torch only 32 gives the pipeline's last digits.")
    ] = 32,
    device: Device = "",
    csv: Annotated[Path | None, typer.Option(help="Also write a table.")] = None,
    overlays: Annotated[Path | None, typer.Option(help="Also write Grad-CAM pictures into this folder.")] = None,
) -> None:
    """Answer both questions for new screens, one JSON line each; exit code 1 if a file cannot be read."""
    from nonmass.outputs import check_file, check_folder
    from nonmass.serving import commands
    from nonmass.serving.prepare import sources_of

    sources = sources_of(source)  # before the networks are loaded, which takes a while
    if csv:
        check_file(csv, "--csv")
    if overlays:
        check_folder(overlays, "--overlays")
    answerers = _answerers(models, backbone, onnx, release, batch, device)
    for line in commands.notices(answerers.releases):
        typer.echo(f"note: {line}", err=True)
    explain = commands.explainer(answerers, overlays) if overlays else None
    raise typer.Exit(int(commands.run(sources, answerers, batch, device, typer.echo, csv, explain) > 0))


def export(
    out: Annotated[Path, typer.Option(help="Gets a folder a task; Git and DVC ignore `release`.")] = Path("release"),
    models: Models = Path("models"),
    backbone: Backbone = None,
) -> None:
    """Write the networks of both tasks as ONNX, with all that `predict --onnx` needs, and compare them with torch."""
    from nonmass.serving import commands

    for line in commands.export_all(out, models, backbone):
        typer.echo(line)


def serve(
    host: Annotated[
        str, typer.Option(help="Beyond this machine only if you say so: an address of it, or 0.0.0.0.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: any that is free.")] = 8765,
    models: Models = Path("models"),
    backbone: Backbone = None,
    onnx: Onnx = False,
    release: ReleaseFolder = Path("release"),
    batch: Annotated[
        int, typer.Option(min=1, max=1024, help="By torch only 32 gives the pipeline's last digits; 1 is faster.")
    ] = 32,
    device: Device = "",
) -> None:
    """Serve a page that answers both questions for images dropped on it, and writes none of them anywhere."""
    from nonmass.serving.serve import serve as serve_page

    serve_page(_answerers(models, backbone, onnx, release, batch, device), host, port, device, typer.echo)


def _answerers(
    models: Path, backbone: str | None, onnx: bool, release: Path, batch: int, device: str
) -> "commands.Answerers":
    """The project's networks, or a release's; the device is one that they know."""
    from nonmass.serving import commands

    if onnx and backbone:
        raise InputError("a release holds one backbone; leave out --backbone, or export that one")
    return commands.open_release(release, device) if onnx else commands.open_project(models, backbone, batch, device)
