"""The page of `nonmass serve` in a browser: from a dropped file to answers, heat map and downloads; faults in words."""

import base64
import json
import shutil

import pytest
from dicom_files import SECRETS, still
from screen_project import draw
from served_page import served

DROP = """([text, name]) => {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name));
  for (const kind of ["dragover", "drop"]) {
    const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true });
    document.querySelector("#drop").dispatchEvent(event);
  }
}"""


@pytest.fixture(scope="module")
def program(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(finished.folder / "release", folder / "release")
    with served(folder, "--onnx") as running:
        yield running


@pytest.fixture
def page(browser, program):
    """The page in a fresh browser; whatever it complains of fails the test, and so does a request to anywhere else."""
    complaints = []
    context = browser.new_context(viewport={"width": 1100, "height": 700}, accept_downloads=True)
    opened = context.new_page()
    opened.set_default_timeout(120_000)  # the first image waits for the reader to start
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    own = (program.address, "data:", "blob:")
    opened.on("request", lambda request: request.url.startswith(own) or complaints.append(request.url))
    opened.goto(program.address)
    yield opened
    context.close()
    # A browser logs every reply that is no success; the page has shown what it says.
    assert [line for line in complaints if "422 (Unprocessable" not in line] == []


@pytest.fixture
def screen(finished):
    return finished.folder / "data/raw/drawn/42.png"


def drop(page, path):
    page.evaluate(DROP, [base64.b64encode(path.read_bytes()).decode(), path.name])


def downloaded(page, text, tmp_path):
    with page.expect_download() as download:
        page.get_by_role("link", name=text).click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_a_dropped_file_gets_answers_a_heat_map_and_downloads(page, program, screen, tmp_path):
    drop(page, screen)
    page.locator("article .answer").nth(1).wait_for()
    assert page.locator("article h2").text_content() == "42.png"
    found = json.loads(program.give(screen.read_bytes())["json"])
    calls = page.locator(".call").all_text_contents()
    words = {"non_mass": "non-mass lesion", "normal": "normal breast"}
    assert calls == [words.get(found[task]["call"], found[task]["call"]) for task in ("detect", "classify")]
    assert page.locator(".why").count() == 2 and "is called from" in page.locator(".why").first.text_content()
    beside = page.locator(".besides p").first
    sizes = [one.evaluate("one => getComputedStyle(one).fontSize") for one in (beside, page.locator(".chance").first)]
    assert sizes[0] == sizes[1]
    assert page.locator("article .use").text_content() == "Research use only. Learnt from the study's own images."
    assert not page.locator(".scale").is_visible()
    shown = page.locator(".screen img")
    before = shown.get_attribute("src")
    page.get_by_role("button", name="Heat map: detection").click()
    assert page.get_by_role("button", name="Heat map: detection").get_attribute("aria-pressed") == "true"
    assert shown.get_attribute("src") != before
    assert "what a cell adds to" in page.locator("figcaption").text_content()
    assert "of the logit" in page.locator(".scale").text_content() and page.locator(".scale img").is_visible()
    assert shown.evaluate("one => one.naturalWidth") == 640
    box = page.locator(".screen rect")
    corners = [int(box.get_attribute(name)) for name in ("x", "y", "width", "height")]
    x0, y0, x1, y1 = found["fov"]["box"]
    assert corners == [x0, y0, x1 - x0, y1 - y0]
    assert json.loads(downloaded(page, "Download JSON", tmp_path).read_text()) == found
    assert downloaded(page, "Download PDF", tmp_path).read_bytes().startswith(b"%PDF")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"nonmass-{found['sha256']}.{kind}" for kind in ("json", "pdf")
    ]


def test_a_dicom_file_by_the_keyboard_shows_nobodys_name_but_that_of_the_file(page, tmp_path):
    """The file's own name is the heading, is never sent, and stands nowhere else."""
    sent = []
    page.on("request", lambda request: sent.append((request.url, request.headers, request.post_data_buffer or b"")))
    still(tmp_path / "Quarxelba.dcm", draw(46), **SECRETS)
    page.keyboard.press("Tab")
    assert page.locator("#files").evaluate("one => one === document.activeElement")
    page.set_input_files("#files", tmp_path / "Quarxelba.dcm")
    page.locator("article .answer").nth(1).wait_for()
    content = page.content()
    assert page.locator("article h2").text_content() == "Quarxelba.dcm" and content.count("Quarxelba") == 1
    for secret in SECRETS.values():
        assert secret not in content
    assert len(sent) == 1 and "Quarxelba" not in str(sent[0][:2]) and b"Quarxelba" not in sent[0][2]


def test_faults_are_messages_and_the_next_file_is_answered(page, screen, tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    page.set_input_files("#files", [tmp_path / "notes.txt", screen])
    page.locator("article .answer").nth(1).wait_for()
    faults = page.locator("article.fault")
    assert faults.count() == 1 and faults.locator("h2").text_content() == "notes.txt"
    assert "is neither DICOM nor a picture that can be read" in faults.text_content()
    assert "Research use only" in faults.text_content()
    assert page.locator("article h2").all_text_contents() == ["42.png", "notes.txt"]
    assert page.locator("#status").text_content() == "2 images done"


def test_a_file_that_is_too_large_is_not_sent(page, tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(64 * 2**20 + 1)
    page.set_input_files("#files", tmp_path / "large.png")
    page.locator("article.fault").wait_for()
    assert "has more than 64 MB" in page.locator("article.fault").text_content()


def test_it_fits_a_phone(page, screen):
    page.set_viewport_size({"width": 400, "height": 800})
    page.set_input_files("#files", screen)
    page.locator("article .answer").nth(1).wait_for()
    assert page.locator("body").evaluate("one => one.scrollWidth") <= 400
