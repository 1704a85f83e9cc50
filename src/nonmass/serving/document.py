"""A consultation as a PDF: the same numbers as the page's, rounded, and nothing of the file's identity."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import cv2
import numpy as np

from nonmass.serving.answers import Record
from nonmass.serving.shown import Shown, bar_png
from nonmass.serving.wording import (
    USE,
    answer_lines,
    beside,
    call,
    caption,
    chance,
    field_lines,
    note_lines,
    question,
    scale,
    unknown_lines,
    use_line,
    why,
)

MARGIN_MM, WIDTH_MM = 15.0, 180.0
PICTURE_MM, GAP_MM, HIGHEST_MM = 57.0, 4.5, 60.0  # three beside each other
BELOW_MM = 15.0  # for scale and caption
INK, MUTED, NOTE, ALARM = (31, 36, 40), (89, 99, 110), (255, 246, 220), (179, 38, 30)


def as_pdf(found: Record, pictures: Mapping[str, Shown], size: tuple[int, int]) -> bytes:
    """One image's consultation, A4, the answers first; equal bytes for equal arguments.

    Args:
        found: As `consult.consultation` gives it.
        pictures: As `consult.pictures_of` gives them.
        size: Of the screen, width and height, px.
    """
    pdf = _new()
    _line(pdf, "Non-mass lesions on breast ultrasound: answers for one image", 14, bold=True)
    pdf.set_fill_color(*NOTE)
    _line(pdf, use_line(found["learnt_from"]), 10, bold=True, fill=True)
    for task in found["classes"]:
        _answer(pdf, found, task)
    _pictures(pdf, found, pictures, size)
    for line in (*field_lines(found, size), *note_lines(found)):
        _line(pdf, line, 8)
    unknown = dict.fromkeys(line for task in found["classes"] for line in unknown_lines(found, task))
    if unknown:
        _line(pdf, f"Not known: {' '.join(unknown)}", 8)
    return bytes(pdf.output())


def _answer(pdf: Any, found: Record, task: str) -> None:
    """The call, where it comes from, and beside the probability what speaks for and against it."""
    pdf.ln(1)
    _line(pdf, question(found, task), 10)
    is_called = bool(found[task] and found[task]["call"]) and not found["fov"]["doubtful"]
    _line(pdf, call(found, task), 16 if is_called else 11, bold=True)
    _line(pdf, why(found, task), 8.5)
    if told := chance(found, task):
        _line(pdf, told, 10)
    for one in beside(found, task):
        _line(pdf, one["text"], 10)
        if one["cautions"]:
            pdf.set_text_color(*ALARM)
            _line(pdf, " ".join(one["cautions"]), 10, bold=True)
            pdf.set_text_color(*INK)
    for line in answer_lines(found, task):
        _line(pdf, line, 8)


def _pictures(pdf: Any, found: Record, pictures: Mapping[str, Shown], size: tuple[int, int]) -> None:
    """Field and heat maps beside each other, each cut out of the black around it, with its scale and what it shows."""
    if not pictures:
        return
    x0, y0, x1, y1 = found["fov"]["box"]
    width = min(PICTURE_MM, HIGHEST_MM * (x1 - x0) / (y1 - y0))
    height = width * (y1 - y0) / (x1 - x0)
    if pdf.get_y() + height + BELOW_MM > pdf.page_break_trigger:
        pdf.add_page()
    top = pdf.get_y() + 1
    for number, (name, one) in enumerate(pictures.items()):
        left = MARGIN_MM + number * (PICTURE_MM + GAP_MM)
        pdf.image(io.BytesIO(_cut(one.content, found["fov"]["box"], size)), left, top, width, height)
        if one.top:
            low, high = scale(one.top)
            pdf.set_font("Helvetica", size=7)
            pdf.set_xy(left, top + height + 0.5)
            pdf.cell(4, 3, low)
            pdf.image(io.BytesIO(bar_png()), left + 4, top + height + 1, 26, 2)
            pdf.set_x(left + 30)
            pdf.cell(25, 3, high)
        pdf.set_xy(left, top + height + 4)
        pdf.set_font("Helvetica", size=7)
        pdf.multi_cell(PICTURE_MM, 3, _latin(caption(found, name, one.top)), align="L")
    pdf.set_xy(MARGIN_MM, top + height + BELOW_MM)


def _cut(content: bytes, box: list[int], size: tuple[int, int]) -> bytes:
    """The box of the screen out of a picture of it, which may be smaller than the screen."""
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    if picture is None:
        raise ValueError("not a picture of ours")
    share = picture.shape[1] / size[0]
    x0, y0, x1, y1 = (round(share * corner) for corner in box)
    return cv2.imencode(".png", picture[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)])[1].tobytes()


def _new() -> Any:
    from fpdf import FPDF

    class Document(FPDF):
        def footer(self) -> None:
            self.set_y(-11)
            self.set_font("Helvetica", size=8)
            self.set_text_color(*MUTED)
            self.cell(WIDTH_MM, 5, f"{USE} Page {self.page_no()}")
            self.set_text_color(*INK)

    pdf = Document(format="A4")
    pdf.set_creation_date(datetime.fromtimestamp(0, UTC))  # none is worth another byte, or tells when somebody came
    pdf.set_title("Answers for one image (research use only)")
    pdf.set_lang("en")
    pdf.set_image_filter("DCTDecode")  # speckle packs badly without loss
    pdf.set_margins(MARGIN_MM, 12)
    pdf.set_auto_page_break(True, 14)
    pdf.set_text_color(*INK)
    pdf.add_page()
    return pdf


def _line(pdf: Any, text: str, points: float, bold: bool = False, fill: bool = False) -> None:
    pdf.set_x(MARGIN_MM)
    pdf.set_font("Helvetica", "B" if bold else "", points)
    pdf.multi_cell(WIDTH_MM, points * 0.48, _latin(text), fill=fill, align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(0.8)


def _latin(text: str) -> str:
    """The PDF's own fonts know Latin-1 alone."""
    return text.encode("latin-1", "replace").decode("latin-1")
