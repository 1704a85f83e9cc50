"""Whether the results that documents tell of were made with the parameters that they tell."""

from pathlib import Path

from nonmass.errors import InputError
from nonmass.lineage.graph import behind, read_graph
from nonmass.lineage.lock import LOCK_FILE, other_params, read_lock
from nonmass.lineage.revisions import WORKING_TREE, Revision
from nonmass.params import PARAMS_FILE

STAGE = "checklists"


def check_made_with_these_params(root: Path) -> None:
    """Hold dvc.lock against params.yaml, for every stage behind the one that writes the documents.

    `dvc repro` writes what a stage was made with before it starts the next, so this stops it only where somebody left
    stages out. Without a dvc.lock nobody knows.

    Args:
        root: The project's folder.

    Raises:
        InputError: A parameter has another value since.
    """
    lock_file = root / LOCK_FILE
    if not lock_file.exists() or not lock_file.stat().st_size:
        return
    tree = Revision(WORKING_TREE, root)
    made, needed = read_lock(tree), behind(read_graph(tree), [STAGE])
    for name in (name for name in needed if name in made and name != STAGE):
        for key, then, now in other_params(made[name], tree.params):
            raise InputError(
                f"{PARAMS_FILE}: {key} is {now}, but {LOCK_FILE} has {name} made with {then}, so what is told would be "
                "false; run `dvc repro`, which makes it anew"
            )
