"""A consultation as a PDF: the same numbers as the page's, rounded, and nothing of the file's identity."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from nonmass.serving.answers import Record
from nonmass.serving.wording import USE, answer_lines, caption, field_lines, note_lines, question, unknown_lines

MARGIN_MM, WIDTH_MM = 15.0, 180.0
PICTURE_MM = 88.0  # two beside each other
FIELD_COLOUR, INK, MUTED, NOTE = (0, 114, 178), (31, 36, 40), (89, 99, 110), (255, 246, 220)


def as_pdf(found: Record, pictures: Mapping[str, bytes], size: tuple[int, int]) -> bytes:
    """One image's consultation, A4; equal bytes for equal arguments.

    Args:
        found: As `consult.consultation` gives it.
        pictures: As `consult.pictures_of` gives them.
        size: Of the screen, width and height, px.
    """
    pdf = _new()
    _line(pdf, "Non-mass lesions on breast ultrasound: answers for one image", 15, bold=True)
    pdf.set_fill_color(*NOTE)
    _line(pdf, USE, 10, bold=True, fill=True)
    for line in field_lines(found, size):
        _line(pdf, line, 9)
    _pictures(pdf, found, pictures, size)
    for task in found["classes"]:
        _line(pdf, question(found, task), 12, bold=True)
        for line in answer_lines(found, task):
            _line(pdf, line, 9)
        if unknown := unknown_lines(found, task):
            _line(pdf, f"Not known: {' '.join(unknown)}", 9)
    for line in note_lines(found):
        _line(pdf, line, 9)
    return bytes(pdf.output())


def _pictures(pdf: Any, found: Record, pictures: Mapping[str, bytes], size: tuple[int, int]) -> None:
    """Field and heat maps in rows of two, each with what it shows."""
    height = PICTURE_MM * size[1] / size[0]
    for number, (name, content) in enumerate(pictures.items()):
        if number % 2 == 0 and pdf.get_y() + height + 8 > pdf.page_break_trigger:
            pdf.add_page()
        left, top = MARGIN_MM + (number % 2) * (WIDTH_MM - PICTURE_MM), pdf.get_y()
        pdf.image(io.BytesIO(content), left, top, PICTURE_MM, height)
        if name == "field":
            _box(pdf, found["fov"]["box"], left, top, PICTURE_MM / size[0])
        pdf.set_xy(left, top + height)
        pdf.set_font("Helvetica", size=8)
        pdf.cell(PICTURE_MM, 5, _latin(caption(found, name)))
        is_last = number == len(pictures) - 1
        pdf.set_xy(MARGIN_MM, top + height + 7 if number % 2 or is_last else top)


def _box(pdf: Any, box: list[int], left: float, top: float, scale: float) -> None:
    x0, y0, x1, y1 = (corner * scale for corner in box)
    pdf.set_draw_color(*FIELD_COLOUR)
    pdf.set_line_width(0.4)
    pdf.rect(left + x0, top + y0, x1 - x0, y1 - y0)


def _new() -> Any:
    from fpdf import FPDF

    class Document(FPDF):
        def footer(self) -> None:
            self.set_y(-12)
            self.set_font("Helvetica", size=8)
            self.set_text_color(*MUTED)
            self.cell(WIDTH_MM, 5, f"{USE} Page {self.page_no()}")
            self.set_text_color(*INK)

    pdf = Document(format="A4")
    pdf.set_creation_date(datetime.fromtimestamp(0, UTC))  # none is worth another byte, or tells when somebody came
    pdf.set_title("Answers for one image (research use only)")
    pdf.set_lang("en")
    pdf.set_image_filter("DCTDecode")  # speckle packs badly without loss
    pdf.set_margins(MARGIN_MM, MARGIN_MM)
    pdf.set_auto_page_break(True, 18)
    pdf.set_text_color(*INK)
    pdf.add_page()
    return pdf


def _line(pdf: Any, text: str, points: int, bold: bool = False, fill: bool = False) -> None:
    pdf.set_x(MARGIN_MM)
    pdf.set_font("Helvetica", "B" if bold else "", points)
    pdf.multi_cell(WIDTH_MM, points * 0.48, _latin(text), fill=fill, align="L", new_x="LMARGIN", new_y="NEXT")
    pdf.ln(1.2)


def _latin(text: str) -> str:
    """The PDF's own fonts know Latin-1 alone."""
    return text.encode("latin-1", "replace").decode("latin-1")
