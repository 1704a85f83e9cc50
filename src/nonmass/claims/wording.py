"""How findings read: names of figures, lists, runs of integers."""

from collections.abc import Iterable, Sequence
from itertools import groupby

from nonmass.claims.printed import Printed

# A list with more runs than this is told by its ends.
MOST_RUNS = 6

_WORDS = {"auc": "AUC", "ppv": "PPV", "npv": "NPV", "tp": "TP", "fp": "FP", "tn": "TN", "fn": "FN"}


def figure_name(column: str) -> str:
    """`auc_lo` -> "lower limit of the AUC"."""
    name, _, end = column.rpartition("_") if column.endswith(("_lo", "_hi")) else (column, "", "")
    word = _WORDS.get(name, name.replace("_", " "))
    return {"lo": f"lower limit of the {word}", "hi": f"upper limit of the {word}"}.get(end, word)


def listed(words: Sequence[str], joint: str = "and") -> str:
    """`a, b and c`."""
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else "".join(words)


def figures_in_words(figures: Iterable[tuple[str, Printed]]) -> str:
    """`sensitivity 96.9 % and accuracy 96.5 %`."""
    return listed([f"{figure_name(name)} {figure.text}" for name, figure in figures])


def runs(numbers: Sequence[int]) -> str:
    """`194-196 or 223`; of many runs how many numbers they hold, and from where to where."""
    blocks = [list(block) for _, block in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    if len(blocks) > MOST_RUNS:
        return f"one of {len(numbers)} numbers between {numbers[0]} and {numbers[-1]}"
    ends = [(block[0][1], block[-1][1]) for block in blocks]
    return listed([str(lo) if lo == hi else f"{lo}-{hi}" for lo, hi in ends], "or")
