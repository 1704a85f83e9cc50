"""What a line of text inside a field of view is: perhaps about the patient, or surely of the sonographer or device.

A line is harmless only if every word of it is known (`words.py`) and one of them is surely no name. Whatever is not
known counts as `phi-suspect`, since nobody can list all names; only what tells of a patient in numbers, codes, titles
and single letters needs rules of its own.
"""

import re
import unicodedata
from collections.abc import Iterator

from nonmass.text.words import kind_of, vouches

MANY_DIGITS = 5  # of a record's number; a measured value and a ruler's tick have fewer

_AGE = r"(1[3-9]|[2-9]\d|1[01]\d)"
_ABOUT_PATIENT = [
    re.compile(pattern)
    for pattern in (
        r"(?<![\d.,])\d{1,3}[ .,-]*Y(?![A-Z])",  # 45Y, 45 Y/O
        r"(?<![\d.,A-Z])\d{3}[YMWD](?![A-Z])",  # an age as DICOM writes it
        rf"(?<![\d.,]){_AGE} ?/? ?[AFM](?![A-Z])|(?<![A-Z])[FM] ?/? ?{_AGE}(?![\d.,])",  # age and sex
        r"(?<!\d)\d{1,4} ?[-/.] ?\d{1,2} ?[-/.] ?\d{2,4}(?!\d)",  # a date, in any order
        r"(?<![\d./-])(0\d|[12]\d|3[01])[-/](0\d|1[0-2])(?![\d./-])",  # its day and month alone
        r"(?<![\d.,])(19\d\d|20[0-4]\d)(?![\d.,])",  # a year
        r"(?<!\d)\d{1,2} ?: ?\d{2}(?!\d)|(?<!\d)\d{1,2}H\d{2}(?![\d.]| ?[CM]M)",  # a time
    )
]
# A title and a name: "DR LONG", but neither "DR 65 dB" nor "3 HR LEFT".
_TITLED = re.compile(r"(?<![A-Z])(DRA?|PROF|MS|FR)[ .,:]+[^\W\d_]|(?<![A-Z\d])(?<!\d )HR[ .,:]+[^\W\d_]")
# A code: "A12", "B-1203", "12B"; but "D1" is the name of a distance, "R10" a place, "E10" a device.
_CODE = re.compile(
    r"(?<![A-Z\d])(?![LRDE][-.]?(0[1-9]|1[0-2])(?!\d))([A-Z][-./#]?\d[-/]?\d+|[A-Z]{2,}[-./#]?\d{4,})"
    r"(?!\d|[.,]\d| ?[CM]M)"
    r"|(?<![\w.,])(?!(0[1-9]|1[0-2])[LRDE])\d{2,}-?[A-Z](?![A-Z\d])"
)
_LIKE_A_NUMBER = re.compile(  # a code that `fold` makes a number of
    r"(?<![A-Z\d])[BSZ][-./#]?\d{2,}(?!\d|[.,]\d| ?[CM]M)|(?<![\w.,])\d{2,}-?[BSZ](?![A-Z\d])"
)
_DIGIT_RUN = re.compile(r"\d[\d./_-]*(?: \d{3}[\d./_-]*)*")
_CLOCK_FACE = re.compile(r"(?<!\d)(0?[1-9]|1[0-2]) ?: ?[03]0(?!\d| ?:)")  # "10:30" is a place on the breast, too
_HOUR = re.compile(r"(?<![A-Z\d.,])[LRDE]? ?(0?[1-9]|1[0-2]) ?H(?![A-Z])")  # "L3H6CMFN"
_MEASURE = re.compile(
    r"(?<![\d.,])\d{0,3}[.,]\d{1,2} ?([CM]M[23]?|ML)(?![A-Z])|(?<!\d)\d{1,3}([.,]\d{1,2})? ?[X*\u00d7] ?(?=\d)"
)
_CLOCK_ALONE = re.compile(r"[1-9] ?: ?[03]0")  # a device writes the time with two digits
_CLOCK_HAN = re.compile(r"(?<!\d)(0?[1-9]|1[0-2]) ?点")
# Names of makers, alone; of settings, before their values; of hours, after their number.
_LOGO = re.compile(r"GE|PHILIPS|SIEMENS|CANON")
_SETTING = re.compile(r"(?<![A-Z])(GE|GAIN|MI|TI|CHI|THI|FR|DR|GEN|PEN|RES)[ :=]*\d|\d ?H[RS](?![A-Z])")
_TICK = re.compile(r"(\d{1,3} ?)?[CM]M")
_PROBE = re.compile(
    r"(?<![\w-])((C|EL|IC|L|LA|ML|SL|UL|VF|VL|X)\d{1,2}-\d{1,2}[A-Z]{0,2}|\d{1,2}L(-D)?|LA?\d{3})(?![\w-])"
)
_OCLOCK = re.compile(r"[O0] ?['\u00b4`\u2019.]? ?CL[O0]CK")
_WORD = re.compile(r"[A-Z0-9|!]+|[^\W\d_A-Z]+")
_LOOKALIKES = re.compile(r"[0-9OIl|!SBZ]+")
_CROSS = frozenset("+-*XTYKIL1!|/")  # what arms and dots of calipers are read as
_DIGITS = str.maketrans("OIl|!SBZ", "01111582")


def classify(line: str) -> str:
    """One of `tables.TEXT_KINDS`; "" if the line is no text at all, such as a cross that was read as a plus.

    Args:
        line: As it was read.
    """
    text = fold(line)
    if not any(character.isalnum() for character in text):
        return ""
    is_short = len(text) <= 2 and text.isascii()  # tells nobody who a patient is; and calipers are read so
    if is_short and set(text) <= _CROSS:
        return ""
    if _CLOCK_ALONE.fullmatch(text):
        return "annotation"
    kind = _kind_of_line(text, line)
    return "annotation" if is_short and kind == "phi-suspect" else kind


def _kind_of_line(text: str, line: str) -> str:
    """Of a line as it was read, and folded."""
    words = list(_words(text))
    kinds = {kind_of(word) for word in words}
    if "" in kinds or (words and not _is_vouched_for(text, words)) or _is_titled_or_code(text, line):
        return "phi-suspect"
    if _is_about_patient(text, "annotation" in kinds):
        return "phi-suspect"
    if _TICK.fullmatch(text):
        return "ruler"
    if "annotation" in kinds or _MEASURE.search(text):
        return "annotation"
    if "device" in kinds or _PROBE.search(text):
        return "device"
    # What is left are numbers, and single letters: sides, names of distances.
    return "annotation" if re.search("[A-Z]", text) else "ruler"


def fold(line: str) -> str:
    """A line in capitals without accents, with one kind of dash, and with misread digits put right."""
    text = unicodedata.normalize("NFKD", line.replace("十", "+").replace("丨", "|"))
    text = "".join(character for character in text if not unicodedata.combining(character))
    text = re.sub("[\u2010-\u2015\u2212~]", "-", text)
    return " ".join(re.sub(r"[^\W_|!]+|[A-Za-z0-9|!]+", _put_right, text).upper().split())


def _put_right(run: re.Match[str]) -> str:
    """Letters that look like digits as digits, if the run is made of such and at least half of it are digits."""
    text = run.group()
    n_digits = sum(character.isdigit() for character in text)
    return text.translate(_DIGITS) if _LOOKALIKES.fullmatch(text) and 2 * n_digits >= len(text) else text


def _is_vouched_for(text: str, words: list[str]) -> bool:
    """Whether something in a folded text tells that its words, all of them known, are no name."""
    if _TICK.fullmatch(text) or _LOGO.fullmatch(text) or _SETTING.search(text) or _CLOCK_HAN.search(text):
        return True
    return any(vouches(word) for word in words)


def _is_titled_or_code(text: str, line: str) -> bool:
    """Whether a folded text, or the line that it was, holds a title before a name, or letters and digits of a code."""
    if _TITLED.search(text) or _LIKE_A_NUMBER.search(line.upper()):
        return True
    for known_by_form in (_CLOCK_FACE, _HOUR, _MEASURE, _PROBE):
        text = known_by_form.sub(" ", text)
    return bool(_CODE.search(text))


def _is_about_patient(text: str, is_annotated: bool) -> bool:
    """Whether a folded text holds an age, a date, a time, or a long number."""
    text = _CLOCK_FACE.sub(" ", text) if is_annotated else text
    if any(pattern.search(text) for pattern in _ABOUT_PATIENT):
        return True
    runs: list[str] = _DIGIT_RUN.findall(_MEASURE.sub(" ", text))
    return any(sum(map(str.isdigit, run)) >= MANY_DIGITS for run in runs)


def _words(text: str) -> Iterator[str]:
    """The words that must be known for a folded text to be harmless: neither values nor single letters.

    Digits around a word are a value, as in "12H" or "TIS0.2"; digits inside are misread letters.
    """
    text = _OCLOCK.sub(" OCLOCK ", text)
    for known_by_form in (_CLOCK_FACE, _HOUR, _MEASURE, _PROBE):
        text = known_by_form.sub(" ", text)
    for run in _WORD.findall(text):
        run = run.strip("|!")
        word = run.strip("0123456789")
        if not word:
            continue
        if kind_of(run):
            yield run
        elif len(word) > 1 or not word.isascii():
            yield word
