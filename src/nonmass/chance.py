"""What the interval of an area under the ROC curve says of guessing, in the same words wherever it is said."""

CHANCE = 0.5  # area of who guesses
NOT_BETTER, WORSE = "not shown to be better than chance", "worse than chance"


def against_chance(lo: float | None, hi: float | None) -> str:
    """`NOT_BETTER` or `WORSE` where an interval does not lie above chance, else "".

    An interval that holds chance shows neither that a network is better nor that it is not.

    Args:
        lo: Lower limit; None where undefined, which says nothing.
        hi: Upper limit, likewise.
    """
    if lo is None or hi is None or lo > CHANCE:
        return ""
    return NOT_BETTER if hi >= CHANCE else WORSE
