"""Check the whole of params.yaml before any other stage starts, and clear what it no longer names."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from nonmass.entry import run_stage
from nonmass.files import write_text
from nonmass.params import load
from nonmass.schema import check_params, strangers


def main(
    raw_dir: Path,
    checked_txt: Path,
    cohorts: Annotated[list[Path], typer.Option(help="Folder with a result for each cohort.")],
    backbones: Annotated[list[Path], typer.Option(help="Folder with a result for each backbone.")],
    seeds: Annotated[list[Path], typer.Option(help="Folder with a folder for each backbone, and that for each seed.")],
) -> None:
    """Check every section and the folders it names; remove results of axis members that are gone; write a constant.

    Later stages depend on whole folders of results. What an earlier `params.yaml` left there would
    make their state depend on the past of the checkout.
    """
    params = check_params(load(), raw_dir)
    gone = [*strangers(cohorts, params.cohorts.root), *strangers(backbones, params.backbones)]
    kept = [folder / backbone for folder in seeds for backbone in params.backbones]
    for path in [*gone, *strangers(kept, map(str, params.train.seeds))]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    write_text(checked_txt, "params.yaml is valid\n")


if __name__ == "__main__":
    run_stage(main)
