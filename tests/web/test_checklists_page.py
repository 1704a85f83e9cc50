"""The page of the checklists in a browser: no error, nothing cut on a phone, sources open by keyboard."""

from pathlib import Path

import pytest

from nonmass.checklists.facts import read_facts
from nonmass.checklists.filling import fill, write_methods
from nonmass.checklists.items import CHECKLISTS, read_checklist, read_groups, read_methods
from nonmass.checklists.pages import Documents, write_documents
from nonmass.params import load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checklists")
    empty = folder / "nothing"
    facts = read_facts(load(ROOT / "params.yaml"), ROOT / "metrics", empty, empty, empty, ())
    lists = {name: (read_checklist(name), fill(read_checklist(name), read_groups(), facts)) for name in CHECKLISTS}
    write_documents(Documents(write_methods(read_methods(), facts), lists), folder)
    return folder / "index.html"


@pytest.mark.parametrize(("width_px", "scheme"), [(360, "dark"), (1200, "light")])
def test_opens_without_error_and_nothing_is_cut(browser, page_file, width_px, scheme):
    context = browser.new_context(viewport={"width": width_px, "height": 800}, color_scheme=scheme)
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(page_file.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width_px
    summary = page.locator("#claim_2024 summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("#claim_2024 details a").first.is_visible()
    assert page.locator("article").count() == len(read_methods().paragraphs) + 44 + 52 + 9
    assert not errors
    context.close()
