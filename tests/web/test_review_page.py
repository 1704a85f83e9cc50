"""The review sheet in a browser: it opens from a file, filters, and what is drawn comes back as lines that are read."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from review_inputs import ACCEPTED, DOUBTFUL, REFUSED, SHAPED, UNSURE, entry

from nonmass.fov.overrides import Override, read_overrides
from nonmass.geometry import Box
from nonmass.review.sheet import write_sheet
from nonmass.tables import FOV_OVERRIDES

SIZES = {"wide": (1600, 400), "tall": (300, 900), "small": (120, 80), "huge": (2400, 1800), "twin": (120, 80)}
FOVS = {"wide": DOUBTFUL, "tall": UNSURE, "small": ACCEPTED, "huge": REFUSED, "twin": SHAPED}
DEVICE = 'Quill, "T5"'
ORDER = ["huge", "tall", "wide", "small", "twin"]
OLD = ["tall", "box", 1, 2, 30, 40, "seen, and right"]


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    entries = [entry(folder / "raw", name, fov, SIZES[name], DEVICE) for name, fov in FOVS.items()]
    overrides = pd.DataFrame([OLD], columns=list(FOV_OVERRIDES.columns))
    write_sheet(folder / "sheet.html", entries, overrides, "Five drawn screens.")
    return folder / "sheet.html"


@pytest.fixture(scope="module")
def short_sheet(sheet):
    """The same screens at another place, of which the page shows only the doubtful and refused ones."""
    folder = sheet.parent
    entries = [entry(folder / "raw", name, fov, SIZES[name], DEVICE) for name, fov in FOVS.items()]
    more = [entry(folder / "raw", f"tall {i}", ACCEPTED, SIZES["tall"], DEVICE) for i in range(322)]
    shown = [one for one in entries if not one.fov.accepted]
    known = [*entries, *more, entry(folder / "raw", "sector", SHAPED, SIZES["tall"], DEVICE)]
    write_sheet(folder / "short.html", shown, pd.DataFrame(columns=list(FOV_OVERRIDES.columns)), "", known)
    return folder / "short.html"


@pytest.fixture
def page(browser, sheet):
    """The sheet in a fresh browser; whatever it complains of fails the test, and so does a request to a network."""
    complaints = []
    context = browser.new_context(viewport={"width": 1100, "height": 700}, accept_downloads=True)
    opened = context.new_page()
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("requestfailed", lambda request: is_aborted(request) or complaints.append(request.url))
    opened.on("request", lambda request: request.url.startswith(("file:", "blob:")) or complaints.append(request.url))
    opened.goto(sheet.as_uri())
    opened.locator("#grid .tile").first.wait_for()
    yield opened
    context.close()
    assert complaints == []


def is_aborted(request):
    """Whether the page itself was left before the answer came."""
    return request.failure == "net::ERR_ABORTED"


def names(page):
    return page.locator(".tile .name").all_text_contents()


def lines(page):
    return page.input_value("#lines").split("\n")


def view(page, name):
    page.locator(".tile", has=page.get_by_text(name, exact=True)).click()
    assert page.inner_text("#name") == name
    page.wait_for_function("document.querySelector('#stage img').naturalWidth > 0")


def drag(page, x0, y0, x1, y1):
    """Drag from one point of the screen to another, in its own pixels."""
    picture = page.locator("#stage .screen")
    place = picture.bounding_box()
    width, height = map(float, picture.locator("svg").get_attribute("viewBox").split()[2:])

    def on_page(x, y):
        return place["x"] + x * place["width"] / width, place["y"] + y * place["height"] / height

    page.mouse.move(*on_page(x0, y0))
    page.mouse.down()
    page.mouse.move(*on_page((x0 + x1) / 2, y1))
    page.mouse.move(*on_page(x1, y1))
    page.mouse.up()


def shown_box(page):
    return [int(page.locator("#corners input").nth(i).input_value()) for i in range(4)]


def read_back(page, tmp_path):
    """The downloaded file as the pipeline reads it: a function from a screen's name to its override."""
    with page.expect_download() as download:
        page.click("#download")
    assert download.value.suggested_filename == "fov_overrides.csv"
    path = tmp_path / "fov_overrides.csv"
    download.value.save_as(path)
    rows = [(name, DEVICE, *size) for name, size in SIZES.items()]
    manifest = pd.DataFrame(rows, columns=["image_id", "device", "width_px", "height_px"])
    overrides = read_overrides(path, manifest)
    return lambda name: overrides.of(name, DEVICE, *SIZES[name])


@pytest.mark.parametrize("is_project", [True, False])
def test_overrides_are_offered_only_where_they_can_name_the_screens(page, tmp_path, is_project):
    one = entry(tmp_path / "raw", "small", ACCEPTED, SIZES["small"], DEVICE)
    write_sheet(tmp_path / "sheet.html", [one], pd.DataFrame(columns=list(FOV_OVERRIDES.columns)), "", None, is_project)
    page.goto((tmp_path / "sheet.html").as_uri())
    page.locator("#grid .tile").first.wait_for()
    assert page.locator("#download").is_visible() is page.locator("#kept").is_visible() is is_project
    assert page.locator("#copy").is_visible()


def test_it_opens_with_the_least_sure_first_and_says_what_it_shows(page):
    assert names(page) == ORDER
    assert page.is_visible("text=they may show names, dates of birth and numbers of patients")
    assert page.inner_text("#note") == "Five drawn screens."
    assert page.is_hidden("#missing")
    loaded = page.eval_on_selector_all(".tile img", "all => all.map(one => one.complete && one.naturalWidth > 0)")
    assert all(loaded)


def test_a_page_without_its_folder_says_so(browser, sheet, tmp_path):
    lonely = Path(shutil.copy(sheet, tmp_path))
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(lonely.as_uri())
    assert opened.is_visible("text=must lie beside this page")
    context.close()


@pytest.mark.parametrize(
    ("control", "value", "left"),
    [
        ("#state", "refused", ["huge"]),
        ("#state", "doubtful", ["tall", "wide"]),
        ("#state", "accepted", ["small", "twin"]),
        ("#state", "decided by a person", ["tall"]),
        ("#state", "doubtful, not decided", ["wide"]),
        ("#flag", "colour", ["wide", "small"]),
        ("#flag", "refused: m-mode", ["huge"]),
        ("#layout", f"{DEVICE} 120x80", ["small", "twin"]),
    ],
)
def test_filters_leave_what_they_say(page, control, value, left):
    page.select_option(control, value)
    assert names(page) == left
    page.select_option(control, "")
    assert names(page) == ORDER


def test_a_name_is_found(page):
    page.fill("#search", "WI")
    assert names(page) == ["wide", "twin"]


@pytest.mark.parametrize("name", ["wide", "huge"])
def test_a_drawn_box_becomes_a_line_in_pixels_of_the_screen(page, tmp_path, name):
    width, height = SIZES[name]
    wanted = Box(width // 4, height // 5, width * 3 // 4, height * 4 // 5)
    view(page, name)
    place = page.locator("#stage .screen").bounding_box()
    per_pixel = width / place["width"]
    assert per_pixel > 1.5  # the screen is shown smaller than it is
    drag(page, wanted.x1, wanted.y1, wanted.x0, wanted.y0)  # from the far corner back
    drawn = Box(*shown_box(page))
    for side in ("x0", "y0", "x1", "y1"):
        assert abs(getattr(drawn, side) - getattr(wanted, side)) <= per_pixel
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert lines(page) == [f"{name},box,{drawn.x0},{drawn.y0},{drawn.x1},{drawn.y1},"]
    assert read_back(page, tmp_path)(name) == Override(drawn)


def test_a_small_screen_is_shown_larger_and_drawn_on_to_the_pixel(page, tmp_path):
    view(page, "small")
    drag(page, 30, 5, 110, 77)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert read_back(page, tmp_path)("small") == Override(Box(30, 5, 110, 77))


def test_a_drag_beyond_the_screen_ends_at_its_edge(page):
    view(page, "small")
    place = page.locator("#stage .screen").bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] + 500, place["y"] - 500)
    page.mouse.up()
    assert shown_box(page) == [60, 0, 120, 40]


def test_a_side_of_the_box_can_be_moved_alone(page):
    view(page, "small")
    x0, y0, x1, y1 = shown_box(page)
    drag(page, (x0 + x1) / 2, y1, (x0 + x1) / 2, y1 + 15)
    assert shown_box(page) == [x0, y0, x1, y1 + 15]
    drag(page, x0, y0, x0 + 7, y0 + 3)
    assert shown_box(page) == [x0 + 7, y0 + 3, x1, y1 + 15]


def test_a_click_draws_nothing(page):
    view(page, "small")
    page.locator("#stage .screen").click(position={"x": 200, "y": 200})
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert lines(page) == [""]


def test_the_keyboard_alone_suffices(page, tmp_path):
    page.locator(".tile").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.inner_text("#name") == "wide"
    page.keyboard.press("Enter")  # the doubtful box is right
    assert page.inner_text("#name") == "small"
    page.keyboard.press("r")  # no usable field
    assert page.inner_text("#name") == "twin"
    page.locator("#corners input").nth(2).fill("100")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    # The browser gives the opener the focus back; the event in which the sheet moves it on comes a moment later.
    page.wait_for_function("document.activeElement.querySelector('.name')?.textContent === 'twin'")
    of = read_back(page, tmp_path)
    assert of("wide") == Override(DOUBTFUL.box)
    assert of("small") == Override(None)
    assert of("twin") == Override(Box(10, 10, 100, 70))


def test_numbers_that_are_no_box_are_not_kept(page):
    view(page, "small")
    page.locator("#corners input").nth(2).fill("121")
    page.keyboard.press("Enter")
    assert page.inner_text("#verdict") == "That is no box on this screen"
    page.keyboard.press("Escape")
    assert lines(page) == [""]


def test_what_is_accepted_or_refused_needs_no_line_to_stay_so(page):
    for name in ("huge", "small"):
        view(page, name)
        page.keyboard.press("Enter")
        page.keyboard.press("Escape")
    assert lines(page) == [""]


def test_a_decision_can_hold_for_the_layout(page, tmp_path):
    view(page, "small")
    page.keyboard.press("l")
    drag(page, 30, 5, 110, 77)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    of = read_back(page, tmp_path)
    assert of("small") == of("twin") == Override(Box(30, 5, 110, 77), is_own=False)
    assert page.locator(".tile", has_text="box by a person").count() == 2  # with the old line's
    assert "by a person" not in page.locator(".tile", has_text="twin").text_content()  # it has an outline


def test_a_layouts_box_drawn_on_a_screen_it_does_not_concern_holds_there_too(page, tmp_path):
    view(page, "twin")
    assert page.inner_text("#scope span").startswith(f"for all 2 screens of {DEVICE} 120x80; a box for 1 of them")
    page.keyboard.press("l")
    drag(page, 40, 30, 70, 50)
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    of = read_back(page, tmp_path)
    assert of("twin").is_own
    assert not of("small").is_own
    assert of("twin").box == of("small").box


def test_the_layouts_size_is_not_that_of_the_sheet(page, short_sheet):
    page.goto(short_sheet.as_uri())
    view(page, "tall")
    assert page.inner_text("#scope span").startswith(f"for all 324 screens of {DEVICE} 300x900; a box for 323 of them")
    page.keyboard.press("Escape")
    view(page, "wide")
    assert page.is_hidden("#scope")


def test_decisions_for_screens_that_the_next_sheet_leaves_out_are_kept(page, short_sheet, tmp_path):
    page.goto(short_sheet.as_uri())
    store = f"review {page.evaluate('location.pathname')}"
    line = {"target": "twin", "action": "refuse", "box": [0, 0, 0, 0], "note": ""}
    page.evaluate("([name, text]) => localStorage.setItem(name, text)", [store, json.dumps([["twin", line]])])
    page.reload()
    assert lines(page) == ["twin,refuse,0,0,0,0,"]
    assert page.inner_text("#amount") == "1 new (1 for screens that are not on this sheet), 0 there already"
    assert read_back(page, tmp_path)("twin") == Override(None)
    page.get_by_role("button", name="Take back twin").click()
    assert lines(page) == [""]


def test_taking_back_nothing_changes_nothing(page):
    view(page, "wide")
    page.keyboard.press("u")
    page.keyboard.press("Escape")
    assert page.inner_text("#amount") == "0 new, 1 there already"


def test_a_screens_own_decision_wins_over_its_layouts(page, tmp_path):
    view(page, "twin")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    view(page, "small")
    page.keyboard.press("l")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    assert "refused by a person" in page.locator(".tile", has_text="twin").text_content()
    of = read_back(page, tmp_path)
    assert (of("small"), of("twin")) == (Override(ACCEPTED.box, is_own=False), Override(None))


def test_lines_that_there_were_stay_in_the_file_until_taken_back(page, tmp_path):
    assert read_back(page, tmp_path)("tall") == Override(Box(1, 2, 30, 40))
    assert '"seen, and right"' in (tmp_path / "fov_overrides.csv").read_text()
    page.get_by_role("button", name="Take back tall").click()
    assert read_back(page, tmp_path)("tall") is None
    page.get_by_role("button", name="Put back tall").click()
    assert read_back(page, tmp_path)("tall") == Override(Box(1, 2, 30, 40))


def test_a_decision_can_be_taken_back_and_outlives_a_reload(page):
    view(page, "wide")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    page.reload()
    assert lines(page) == ["wide,box,10,20,90,70,"]
    view(page, "wide")
    page.keyboard.press("u")
    page.keyboard.press("Escape")
    assert lines(page) == [""]


def test_new_lines_are_copied(page):
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view(page, "wide")
    page.keyboard.press("r")
    page.keyboard.press("Escape")
    page.click("#copy")
    page.wait_for_function("document.getElementById('told').textContent !== ''")
    assert page.inner_text("#told") == "copied"
    assert page.evaluate("navigator.clipboard.readText()") == "wide,refuse,0,0,0,0,\n"
