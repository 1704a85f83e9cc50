"""`nonmass bench`: what a person types to measure speed."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from nonmass.errors import InputError

bench = typer.Typer(no_args_is_help=True, help="Measure speed beside what limits it, all in one run.")


@bench.command(name="data")
def data(
    sizes: Annotated[str, typer.Option(help="Numbers of screens.")] = "1000,5000,15120",
    folder: Annotated[Path | None, typer.Option(help="Where the screens go and stay; default a temporary one.")] = None,
) -> None:
    """Time and memory of the stages from ingest to split on phantom screens."""
    from nonmass.bench.data import bench_data

    if not all(size.isdigit() and int(size) for size in sizes.split(",")):
        raise InputError(f"bench data: --sizes {sizes} are no numbers of screens; write --sizes 1000,5000")
    with TemporaryDirectory() as temporary:
        table = bench_data(Path.cwd(), folder or Path(temporary), tuple(map(int, sizes.split(","))))
    typer.echo(table.to_string(index=False, float_format="%.2f"))


@bench.command(name="crop")
def crop(
    screens: Annotated[int, typer.Option(min=1, help="Number of screens.")] = 100,
) -> None:
    """Time from a 1024 x 768 JPEG to a 448-pixel PNG on one core, beside decoding, resizing and encoding alone."""
    from nonmass.bench.crop import bench_crop
    from nonmass.fov.finder import FindParams
    from nonmass.params import read_section

    table = bench_crop(screens, read_section("fov", FindParams))
    typer.echo(table.to_string(index=False, float_format="%.2f"))


@bench.command(name="train")
def train(
    side: Annotated[int, typer.Option(min=32, help="Side of the images, px: 128, 224, 448.")] = 224,
    batch: Annotated[int, typer.Option(min=2, help="Images a step.")] = 16,
    steps: Annotated[int, typer.Option(min=1, help="Steps a round; few make saved states weigh more.")] = 100,
    rounds: Annotated[int, typer.Option(min=1, help="Of all three ways in turns.")] = 3,
) -> None:
    """Images a second of each backbone: a plain loop, ours, and the limit; start-up and memory of the train stage."""
    from nonmass.bench.train import Plan, bench_train, machine
    from nonmass.params import load

    plan = Plan(load(), side, batch, steps, rounds)
    typer.echo(machine(plan))
    with TemporaryDirectory() as folder:
        table = bench_train(Path.cwd(), Path(folder), plan)
    typer.echo(table.to_string(index=False, float_format="%.2f"))


@bench.command(name="explain")
def explain(
    images: Annotated[int, typer.Option(min=1, help="Number of images.")] = 128,
    side: Annotated[int, typer.Option(min=64, help="Side of the images, px.")] = 128,
) -> None:
    """Time of heat maps and their numbers beside a forward and a backward pass on the same images; peak of memory."""
    from nonmass.bench.explain import bench_explain
    from nonmass.params import load

    with TemporaryDirectory() as folder:
        table = bench_explain(load(), Path(folder), images, side)
    typer.echo(table.to_string(index=False, float_format="%.2f"))


@bench.command(name="predict")
def predict(
    screens: Annotated[int, typer.Option(min=1, help="In the folder.")] = 1000,
    batch: Annotated[int, typer.Option(min=1, max=1024, help="Squares at once.")] = 32,
    side: Annotated[int, typer.Option(min=32, help="Side of the squares, px: 128, 224, 448.")] = 448,
) -> None:
    """Time a screen takes from its file to both answers, beside the networks alone, for each backbone."""
    from nonmass.bench.predict import Plan, bench_predict

    with TemporaryDirectory() as folder:
        table = bench_predict(Path(folder), Plan(screens, batch, side))
    typer.echo(table.to_string(index=False, float_format="%.2f"))
