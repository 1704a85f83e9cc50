"""Stage `checklists`: parameters, metrics and hashes -> reporting checklists, a model card and the methods in words."""

from pathlib import Path

from nonmass.checklists.facts import read_facts
from nonmass.checklists.filling import fill, write_methods
from nonmass.checklists.items import CHECKLISTS, read_checklist, read_groups, read_methods
from nonmass.checklists.made_with import check_made_with_these_params
from nonmass.checklists.pages import Documents, write_documents
from nonmass.entry import run_stage
from nonmass.params import load


def main(
    metrics_dir: Path, models_dir: Path, measures_dir: Path, subgroups_dir: Path, manifest_csv: Path, out_dir: Path
) -> None:
    """Fill every checklist as far as results go, and say what is left to the author.

    Args:
        metrics_dir: Holds `<name>.json`.
        models_dir: Holds `<task>/<backbone>/<seed>/`.
        measures_dir: Holds `<task>.csv`.
        subgroups_dir: Likewise.
        manifest_csv: Stands for the data; its hash is told.
        out_dir: Gets index.html, methods.md, and a .md and a .csv of each checklist.
    """
    check_made_with_these_params(Path())
    facts = read_facts(load(), metrics_dir, models_dir, measures_dir, subgroups_dir, (manifest_csv,))
    groups = read_groups()
    checklists = {name: read_checklist(name) for name in CHECKLISTS}
    answers = {name: (checklist, fill(checklist, groups, facts)) for name, checklist in checklists.items()}
    write_documents(Documents(write_methods(read_methods(), facts), answers), out_dir)


if __name__ == "__main__":
    run_stage(main)
