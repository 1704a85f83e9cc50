"""What a person must mind beside an answer, each a phrase, said alike wherever it is said."""

from collections.abc import Iterator

from nonmass.chance import against_chance
from nonmass.serving.evidence import Evidence
from nonmass.serving.release import View

UNREAD = "text inside the field was not looked for, so a name that stands there would be seen in the pictures"
UNCOVERED = "what may be a name inside the field was not covered, so it would be seen in the pictures"
MISSED = "text inside the field was looked for, but no such search finds all, so a name may be seen in the pictures"
DOUBTFUL = "the field of view is doubtful, so the call is withheld: numbers may be of something else than the breast"
NO_PICTURE = "no picture of a doubtful field is shown: it may be the whole screen, names included"


def name_note(view: View) -> str:
    """Why a name may be seen in the pictures, which no way of looking for text rules out."""
    if view.text.engine == "none":
        return UNREAD
    return MISSED if "phi-suspect" in view.crop.masked_text else UNCOVERED


def part_cautions(evidence: Evidence) -> Iterator[str]:
    """Where a part that nothing was learnt from speaks against the answers."""
    auc = evidence.auc
    if auc and (told := against_chance(auc.lo, auc.hi)):
        yield told
    raw, scaled = evidence.brier_as_trained, evidence.brier_calibrated
    if raw is not None and scaled is not None and scaled > raw:
        yield (
            "the temperature of validation makes probabilities worse here "
            f"(Brier score {raw:.3f} as trained, {scaled:.3f} calibrated)"
        )
