"""The report in a browser: what axe-core finds in light and dark, filters, keys, a phone, paper, and no network."""

import os
from pathlib import Path

import pytest
from report_inputs import write_inputs
from report_pages import build

axe = pytest.importorskip("axe_playwright_python", reason="NOT RUN: axe-playwright-python is not installed")
AXE_CORE = Path(axe.__file__).with_name("axe.min.js")
PAPER_PX = 703  # 210 mm less margins of 12 mm

WIDER = """() => [...document.querySelectorAll("main table, main svg, main img")]
  .filter(e => !e.closest(".unseen, details") && e.getBoundingClientRect().right > innerWidth + 1)
  .map(e => (e.closest("section") || {}).id + ": " + e.textContent.slice(0, 40))"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    page = os.environ.get("NONMASS_REPORT")
    if page:
        return Path(page).resolve()
    (folder / "index.html").write_text(build(write_inputs(folder / "graph", patients_per_class=10), draws=True).page)
    return folder / "index.html"


@pytest.fixture
def visit(browser, report):
    """Opens the page; whatever it complains of fails the test, and so does a request to anything but the file."""
    complaints, contexts = [], []

    def opened(width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith(("file:", "data:")) or complaints.append(request.url))
        page.goto(report.as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(visit, scheme):
    page = visit(scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one, place) => one.open = place < 3)")
    page.evaluate(AXE_CORE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")
    assert len(found["passes"]) > 20
    faults = [(fault["id"], [node["html"][:120] for node in fault["nodes"]][:3]) for fault in found["violations"]]
    assert faults == []


def test_pictures_load_and_filters_choose_among_them(visit):
    page = visit()
    assert page.evaluate("[...document.querySelectorAll('main img')].every(one => one.naturalWidth > 0)")
    gallery = page.locator("#gallery-classify")
    n = gallery.locator("img:visible").count()
    assert gallery.locator("output").inner_text() == f"{n} shown"
    gallery.get_by_label("Part").select_option("external")
    kept = gallery.locator("img:visible").count()
    assert 0 < kept < n and gallery.locator("output").inner_text() == f"{kept} shown"
    assert gallery.locator(".kind:visible:not([data-part=external])").count() == 0
    gallery.get_by_label("Part").select_option("")
    assert gallery.locator("img:visible").count() == n


def test_a_picture_is_enlarged_and_left_by_the_keyboard(visit):
    page = visit()
    button = page.locator(".enlarge").first
    button.focus()
    page.keyboard.press("Enter")
    shown = page.get_by_role("dialog")
    assert shown.is_visible()
    assert shown.locator("img").get_attribute("src") == button.locator("img").get_attribute("src")
    page.keyboard.press("Escape")
    assert not shown.is_visible()
    assert page.evaluate("document.activeElement.className") == "enlarge"


def test_numbers_lead_to_their_sources_by_the_keyboard_once_asked_for(visit):
    page = visit()
    number = page.locator("#answer a.n").first
    assert number.get_attribute("tabindex") == "-1"
    page.get_by_role("button", name="let Tab reach").press("Enter")
    number.press("Enter")
    place = page.locator(f"tr{number.get_attribute('href')}")
    assert place.is_visible() and place.evaluate("one => one.matches(':target')")


def test_the_first_stop_skips_to_the_answer(visit):
    page = visit()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('href')") == "#answer"


def test_a_phone_scrolls_tables_not_the_page(visit):
    page = visit(width=400)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    frame = page.locator("#performance .scroll").first
    assert frame.evaluate("one => one.scrollWidth > one.clientWidth")
    assert "scroll sideways" in frame.evaluate("one => getComputedStyle(one, '::before').content")


def test_a_phone_shows_numbers_of_table_3_without_scrolling_and_keeps_their_names(visit):
    page = visit(width=390)
    frame = page.locator("#performance .scroll").first
    right = frame.evaluate("one => one.getBoundingClientRect().right")
    row = frame.locator("tbody tr:not(.opens)").first
    edges = row.locator("td").evaluate_all("cells => cells.map(cell => cell.getBoundingClientRect().right)")
    assert sum(edge <= right for edge in edges) >= 2  # area and cut-off
    before = row.locator("th").evaluate("one => one.getBoundingClientRect().left")
    frame.evaluate("one => { one.scrollLeft = 150 }")
    assert row.locator("th").evaluate("one => one.getBoundingClientRect().left") == before


def test_a_card_of_one_part_is_filled_to_its_right(visit):
    page = visit()
    for card in page.locator("#answer .card").all():
        edges = card.locator(".parts > *").evaluate_all("all => all.map(one => one.getBoundingClientRect().left)")
        assert len({round(edge) for edge in edges}) == 2


def test_paper_cuts_nothing(visit):
    page = visit(width=PAPER_PX)
    page.emulate_media(media="print")
    assert page.evaluate(WIDER) == []
