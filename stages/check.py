"""Check the whole of params.yaml before any other stage starts."""

from pathlib import Path

from nonmass.entry import run_stage
from nonmass.files import write_text
from nonmass.params import load
from nonmass.schema import check_params


def main(raw_dir: Path, checked_txt: Path) -> None:
    """Read params.yaml, check every section and the folders it names, write a constant."""
    check_params(load(), raw_dir)
    write_text(checked_txt, "params.yaml is valid\n")


if __name__ == "__main__":
    run_stage(main)
