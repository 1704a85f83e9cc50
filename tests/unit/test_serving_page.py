"""nonmass serve: the numbers of nonmass predict, and nothing written, logged or let in that should not be."""

import asyncio
import base64
import gzip
import hashlib
import io
import json
import multiprocessing
import re
import shutil
import struct
import subprocess
import sys
import threading
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import psutil
import pytest
from dicom_files import PRIVATE, SECRETS, clip, drawn, still
from PIL import Image
from screen_project import FIELD, draw
from served_page import RUN, served
from starlette.requests import Request
from typer.testing import CliRunner

from nonmass import tables
from nonmass.cli import app
from nonmass.errors import InputError
from nonmass.serving import site, upload
from nonmass.serving.answers import answer
from nonmass.serving.cautions import DOUBTFUL, NO_PICTURE, name_note
from nonmass.serving.consult import consultation, pictures_of
from nonmass.serving.document import as_pdf
from nonmass.serving.evidence import Band, Evidence, Rate
from nonmass.serving.reader import Reader, look_at
from nonmass.serving.release import read_release
from nonmass.serving.shown import Shown
from nonmass.serving.wording import words_of

OURS = ("classes", "backing", "notes")  # what a page's record has beside that of `nonmass predict`
SCREEN = "data/raw/drawn/42.png"


@pytest.fixture(scope="module")
def place(finished, tmp_path_factory):
    """A folder with a release and nothing else, and empty ones for all that a program might leave behind."""
    folder = tmp_path_factory.mktemp("served")
    shutil.copytree(finished.folder / "release", folder / "release")
    for name in ("home", "temporary"):
        (folder / name).mkdir()
    return folder


@pytest.fixture(scope="module")
def page(place):
    with served(place, "--onnx", HOME=str(place / "home"), TMPDIR=str(place / "temporary")) as running:
        yield running


@pytest.fixture
def screen(finished):
    return (finished.folder / SCREEN).read_bytes()


def predicted(*words):
    result = CliRunner().invoke(app, ["predict", *map(str, words)], catch_exceptions=False)
    (record,) = map(json.loads, result.stdout.splitlines())
    return record


def of_predict(reply):
    """The part of a page's record that `nonmass predict` gives, too."""
    content = json.loads(reply["json"])
    assert set(OURS) <= set(content)
    return {name: value for name, value in content.items() if name not in OURS}


def pixels(reply, name):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["pictures"][name]))))


def inflated(pdf):
    """A PDF with its packed streams laid open."""
    streams = re.findall(rb"stream\n(.*?)\nendstream", pdf, re.DOTALL)
    return pdf + b"".join(zlib.decompress(one) for one in streams if one[:1] == b"\x78")


def test_a_release_gives_the_record_of_predict_to_the_last_digit(page, place, screen, tmp_path):
    (tmp_path / "a.png").write_bytes(screen)
    still(tmp_path / "b.dcm", draw(45), **SECRETS)
    for name in ("a.png", "b.dcm"):
        reply = page.give((tmp_path / name).read_bytes())
        expected = predicted(tmp_path / name, "--onnx", "--release", place / "release")
        assert of_predict(reply) == {**expected, "file": upload.NAME}


@pytest.mark.usefixtures("torch_globals")
def test_the_projects_networks_give_the_pipelines_logit(finished, screen, monkeypatch):
    monkeypatch.chdir(finished.folder)
    with served(finished.folder, OMP_NUM_THREADS="1") as running:
        reply = running.give(screen)
    expected = predicted(SCREEN)
    assert of_predict(reply) == {**expected, "file": upload.NAME}
    rows = tables.PREDICTIONS.read(finished.folder / "predictions" / "detect" / "tiny.csv").set_index("image_id")
    assert json.loads(reply["json"])["detect"]["logit"] == rows.loc[finished.image_ids[42], "logit"]
    assert set(reply["pictures"]) == {"field", "detect", "classify"}


def test_what_backs_an_answer_is_that_of_the_release(page, place, screen):
    found = json.loads(page.give(screen)["json"])
    evidence = read_release(place / "release" / "detect").evidence["test"]
    told = found["backing"]["detect"]["parts"]["test"]
    assert (told["images"], told["patients"]) == (evidence.images, evidence.patients) == (4, 4)
    assert told["scored_like"] is None
    assert told["nothing_scored_like"] == "of only 4 patients; nothing is said of fewer than 10"


@pytest.fixture
def judged(place, screen):
    """A consultation whose part speaks against the answer, and the pictures, one map being 0 everywhere."""
    release = read_release(place / "release" / "detect")
    band = Band(
        from_logit=-9.0,
        to_logit=9.0,
        images=54,
        patients=40,
        positive_images=30,
        share=Rate(estimate=0.5556, lo=0.4, hi=0.7),
    )
    against = Evidence(
        shows="non_mass",
        images=54,
        patients=40,
        sensitivity=Rate(estimate=0.93, lo=0.85, hi=0.97),
        specificity=Rate(estimate=0.07, lo=0.04, hi=0.13),
        auc=Rate(estimate=0.52, lo=0.43, hi=0.61),
        brier_as_trained=0.275,
        brier_calibrated=0.385,
        bands=(band,),
        min_patients=10,
        confidence_level=0.95,
    )
    learnt = "synthetic phantoms: these figures say nothing about patients"
    changed = {"evidence": {"external": against}, "temperature": 0.25, "cutoff_logit": -0.8, "learnt_from": learnt}
    releases = {"detect": release.model_copy(update=changed)}
    looked = look_at(screen, release.view)
    answers = {"detect": answer(-0.75, looked.screen, releases["detect"])}
    found = consultation(looked, answers, releases)
    return found, pictures_of(looked, {"detect": np.zeros((2, 2), np.float32)}), looked.size


def test_what_speaks_against_an_answer_stands_beside_its_probability(judged):
    found, pictures, size = judged
    words = words_of(found, pictures, size)
    assert words["questions"]["detect"] == "Detection: non-mass lesion or normal breast?"
    assert words["calls"]["detect"] == "non-mass lesion"
    assert words["chances"]["detect"] == "Calibrated probability of 'non-mass lesion': 0.047."  # expit(-3)
    assert words["whys"]["detect"].startswith("'non-mass lesion' is called from a calibrated probability of 0.039 on")
    (told,) = words["besides"]["detect"]
    assert "External part (non-mass lesion): 30 of 54 images scored like this (40 patients)" in told["text"]
    assert "AUC 0.52 (0.43 to 0.61), sensitivity 0.93 (0.85 to 0.97), specificity 0.07 (0.04 to 0.13)" in told["text"]
    assert (
        told["cautions"][0] == "Not shown to be better than chance."
        and "probabilities worse here" in told["cautions"][1]
    )
    assert "detect on the external part: not shown to be better than chance" in found["notes"]
    assert found["backing"]["detect"]["parts"]["external"]["auc"] == {"estimate": 0.52, "lo": 0.43, "hi": 0.61}


def test_a_short_document_is_one_page_and_says_the_same(judged, screen):
    found, pictures, size = judged
    pdf = inflated(as_pdf(found, pictures, size))
    assert pdf.count(b"/Type /Page\n") == 1
    text = re.sub(rb"\) Tj ET.*?Td \(", b" ", pdf, flags=re.DOTALL).replace(b"\\", b"")
    for phrase in (
        b"say nothing about patients.",
        b"Not shown to be better than chance.",
        b"AUC 0.52 (0.43 to 0.61)",
        hashlib.sha256(screen).hexdigest()[:12].encode(),
        b"no evidence for",
    ):
        assert phrase in text, phrase


def test_a_map_has_a_scale_unless_it_is_zero(judged, page, screen):
    found, pictures, size = judged
    assert words_of(found, pictures, size)["scales"] == {}
    reply = page.give(screen)
    assert "detect" in reply["words"]["scales"]
    assert all(re.fullmatch(r"[0-9.e-]+ of the logit", high) for _, high in reply["words"]["scales"].values())
    bar = np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["bar"]))))
    assert bar[0, 0].sum() < 30 and bar[0, -1].sum() > 500, "from dark to bright"


def test_pictures_show_the_field_and_nothing_around_it(page, screen):
    reply = page.give(screen)
    shown, original = pixels(reply, "field"), np.asarray(Image.open(io.BytesIO(screen)))
    x0, y0, x1, y1 = json.loads(reply["json"])["fov"]["box"]
    assert shown.shape == original.shape == tuple(reply["size"][::-1])
    np.testing.assert_array_equal(shown[y0:y1, x0:x1], original[y0:y1, x0:x1])
    outside = np.ones(shown.shape, bool)
    outside[y0:y1, x0:x1] = False
    assert original[outside].any()  # a name, a ruler
    for name in ("field", "detect", "classify"):
        assert not pixels(reply, name)[outside].any()


def test_a_doubtful_field_gets_answers_and_no_picture(page):
    noise = io.BytesIO()
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (40, 300), dtype=np.uint8)).save(noise, "PNG")
    reply = page.give(noise.getvalue())
    found = json.loads(reply["json"])
    assert found["fov"]["doubtful"] and found["detect"] and reply["pictures"] == {}
    assert {DOUBTFUL, NO_PICTURE} <= set(found["notes"])
    for task in ("detect", "classify"):
        assert found[task]["call"] is not None, "the record keeps what the page withholds"
        assert reply["words"]["calls"][task] == "withheld: doubtful field of view"
        assert "confidence" in reply["words"]["whys"][task] and not reply["words"]["besides"][task]
    assert b"withheld: doubtful field of view" in inflated(base64.b64decode(reply["pdf"]))


def test_everything_that_comes_out_says_what_it_is_for_and_nothing_of_who_it_is(page, tmp_path):
    still(tmp_path / "Quarxelba.dcm", draw(46), **SECRETS)
    reply = page.give((tmp_path / "Quarxelba.dcm").read_bytes())
    pdf = inflated(base64.b64decode(reply["pdf"]))
    assert json.loads(reply["json"])["use"] == "research use only"
    assert pdf.count(b"Research use only") >= 2
    everything = json.dumps({**reply, "pdf": "", "pictures": ""}).encode() + pdf
    for secret in (*SECRETS.values(), PRIVATE, "P001", "A001", "Tonewave"):
        assert secret.encode() not in everything


def test_the_page_runs_nothing_but_its_own_and_is_not_kept(page):
    status, body, headers = page.ask("GET", "/")
    assert status == 200 and body.count(b"Learnt from the study's own images.") == 2  # above, and with each answer
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert not re.search(rb"(?:src|href)=\"(?!data:,)", body) and b"http://" not in body.replace(
        b"http://www.w3.org/2000/svg", b""
    )
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    assert page.ask("GET", "/answer")[0] == 405
    assert page.ask("GET", "/params.yaml")[0] == 404


def packed(kind, content=b"\0" * 10**7):
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("a.png", content)
        return out.getvalue()
    return gzip.compress(content)


def png_of(width, height):
    """A PNG that promises more than it holds."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 10**6)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def gif_of_two():
    out = io.BytesIO()
    frames = [Image.fromarray(np.full((8, 8), value, np.uint8)) for value in (0, 255)]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    return out.getvalue()


def dicom_of(folder, **elements):
    still(folder / "a.dcm", draw(45), **elements)
    return (folder / "a.dcm").read_bytes()


def clip_of(folder, frames):
    clip(folder / "a.dcm", drawn(8, 8, frames=frames))
    return (folder / "a.dcm").read_bytes()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (lambda _: b"", "the file is empty"),
        (lambda _: packed("zip"), "is an archive, which is not opened here; unpack it"),
        (lambda _: packed("gzip"), "is an archive, which is not opened here; unpack it"),
        (lambda _: b"name,age\nQuarxelba,63\n", "is neither DICOM nor a picture that can be read"),
        (lambda _: b"%PDF-1.7\n", "is neither DICOM nor a picture that can be read"),
        (lambda _: png_of(5000, 5000), "5000 x 5000 are more than 16000000 pixels"),
        (lambda _: png_of(60_000, 60_000), "more than 16000000 pixels"),
        (lambda _: png_of(3000, 3000), "truncated or corrupt"),
        (lambda _: gif_of_two(), "holds several pictures"),
        (lambda folder: dicom_of(folder)[:3000], "cut off"),
        (lambda folder: dicom_of(folder, Modality="CT"), r"file of another modality \(CT\); take it out"),
        (lambda folder: clip_of(folder, upload.MAX_FRAMES + 1), "is a clip of 501 frames, more than 500"),
        (lambda folder: dicom_of(folder, Rows=60000, Columns=60000), "more than 16000000 pixels"),
    ],
)
def test_what_is_no_sound_screen_is_refused_in_one_line(page, tmp_path, content, message):
    reply = page.give(content(tmp_path), status=422)
    assert re.search(message, reply["error"]) and "\n" not in reply["error"]
    assert reply["error"].startswith("image: ") and "Quarxelba" not in reply["error"]


def test_more_bytes_than_the_limit_are_refused_before_they_are_sent(page):
    headers = {"Origin": page.address, "Content_Length": str(upload.MAX_BYTES + 1)}
    status, body, _ = page.ask("POST", "/answer", b"", **headers)
    assert status == 413 and "has more than 64 MB" in json.loads(body)["error"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.7:80", ""])
def test_another_host_name_is_turned_away(page, host):
    assert page.ask("GET", "/", Host=host)[0] == 421
    assert page.ask("POST", "/answer", b"x", Host=host, Origin=f"http://{host}")[0] == 421


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://evil.example"}, {"Origin": "null"}])
def test_another_page_may_not_ask(page, screen, headers):
    status, body, _ = page.ask("POST", "/answer", screen, **headers)
    assert status == 403 and json.loads(body) == {"error": "only this program's own page may ask"}
    cross = page.ask("POST", "/answer", screen, Origin=page.address, Sec_Fetch_Site="cross-site")
    assert cross[0] == 403


@pytest.mark.parametrize(
    ("host", "listening_at", "is_own"),
    [
        ("localhost:8765", "127.0.0.1", True),
        ("[::1]:8765", "127.0.0.1", True),
        ("10.0.0.5:8765", "127.0.0.1", False),
        ("10.0.0.5:8765", "0.0.0.0", True),
        ("ward.example", "0.0.0.0", False),
        ("ward.example", "ward.example", True),
        ("[", "127.0.0.1", False),
    ],
)
def test_a_host_name_is_own(host, listening_at, is_own):
    assert site.is_own_name(host, listening_at) is is_own


def files_below(folder):
    return {path.relative_to(folder): path.stat().st_mtime_ns for path in folder.rglob("*")}


def written(page):
    """Bytes that the program and its reader have sent to a disk."""
    program = psutil.Process(page.process.pid)
    return sum(bytes_to_disk(one) for one in (program, *program.children(recursive=True)))


def bytes_to_disk(process):
    return process.io_counters().write_bytes


def can_count(folder):
    """Whether this machine counts what goes to its disk."""
    before = bytes_to_disk(psutil.Process())
    (folder / "counted").write_bytes(b"x" * 10**6)
    return bytes_to_disk(psutil.Process()) > before


def test_nothing_is_written_to_disk_however_large_the_image(page, place, screen, tmp_path):
    """More than the megabyte at which forms are spooled to a file."""
    large = io.BytesIO()
    Image.fromarray(np.kron(draw(45), np.ones((2, 2), np.uint8))).save(large, "BMP")
    assert len(large.getvalue()) > 2**20
    page.give(screen)  # whatever is done once is done now
    files, before = files_below(place), written(page)
    for content in (screen, large.getvalue(), dicom_of(tmp_path)):
        page.give(content)
    page.give(b"no image", status=422)
    assert files_below(place) == files
    assert written(page) == before or not can_count(tmp_path)


def test_no_line_a_request(place, screen):
    with served(place, "--onnx") as running:
        running.give(screen)
        running.give(b"no image", status=422)
        running.ask("GET", "/Quarxelba")
    assert running.said == ["", ""]


def test_beyond_this_machine_it_says_what_that_means(place):
    command = [sys.executable, "-c", RUN, "serve", "--onnx", "--port", "0", "--host", "0.0.0.0"]
    with subprocess.Popen(command, cwd=place, stdout=subprocess.PIPE, text=True) as process:
        line = process.stdout.readline()
        process.terminate()
    assert line.startswith("warning: anybody who reaches this machine over the network can send images")
    assert "no password" in line


def test_a_taken_port_is_one_line(page, place, monkeypatch):
    monkeypatch.chdir(place)
    with pytest.raises(InputError, match=f"cannot listen at 127.0.0.1:{page.port} .*choose another --host or --port"):
        CliRunner().invoke(app, ["serve", "--onnx", "--port", str(page.port)], catch_exceptions=False)


def test_a_host_that_is_no_name_is_one_line(place, monkeypatch):
    monkeypatch.chdir(place)
    with pytest.raises(InputError, match=r"cannot listen at a\.\.b:0 .*choose another --host or --port"):
        CliRunner().invoke(app, ["serve", "--onnx", "--port", "0", "--host", "a..b"], catch_exceptions=False)


@pytest.mark.parametrize(
    ("engine", "masked", "note"),
    [
        ("none", ("phi-suspect",), "was not looked for"),
        ("rapidocr", ("annotation",), "was not covered"),
        ("rapidocr", ("phi-suspect",), "no such search finds all"),
    ],
)
def test_that_a_name_may_be_seen_is_said_however_text_was_read(finished, engine, masked, note):
    view = read_release(finished.folder / "release" / "detect").view
    text, crop = (view.text.model_copy(update={"engine": engine}), view.crop.model_copy(update={"masked_text": masked}))
    said = name_note(view.model_copy(update={"text": text, "crop": crop}))
    assert note in said and "seen in the pictures" in said


def test_a_reader_that_dies_or_hangs_is_replaced(place, screen):
    view = read_release(place / "release" / "detect").view
    others = multiprocessing.active_children()
    reader = Reader(view)
    try:
        assert reader.read(screen).screen.fov
        (process,) = (one for one in multiprocessing.active_children() if one not in others)
        process.kill()
        process.join()
        with pytest.raises(InputError, match="breaks the program that reads it"):
            reader.read(screen)
        assert reader.read(screen).screen.fov
    finally:
        reader.close()
    hasty = Reader(view, seconds=0.001)
    try:
        with pytest.raises(InputError, match=r"takes longer than 0\.001 s to read"):
            hasty.read(screen)
    finally:
        hasty.close()


def request_of(chunks, **headers):
    messages = iter([{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks])

    async def receive():
        return next(messages, {"type": "http.request", "body": b"", "more_body": False})

    given = {"host": "127.0.0.1:1", "origin": "http://127.0.0.1:1", **headers}
    return Request(
        {"type": "http", "method": "POST", "headers": [(k.encode(), v.encode()) for k, v in given.items()]}, receive
    )


def test_a_body_without_a_length_is_cut_off_at_the_limit(monkeypatch):
    monkeypatch.setattr(site, "MAX_BYTES", 10)
    answering = site.Answering(lambda content: content, ThreadPoolExecutor(1))
    assert asyncio.run(answering.answer(request_of([b"12345", b"67890"]))).body == b"1234567890"
    assert asyncio.run(answering.answer(request_of([b"12345", b"678901"]))).status_code == 413


def test_only_a_few_images_wait():
    finish = threading.Event()
    answering = site.Answering(lambda _: b"{}" if finish.wait(60) else b"", ThreadPoolExecutor(1))

    async def ask_all():
        waiting = [asyncio.create_task(answering.answer(request_of([b"x"]))) for _ in range(site.WAITING)]
        await asyncio.sleep(0)
        refused = await answering.answer(request_of([b"x"]))
        finish.set()
        return refused.status_code, [(await one).status_code for one in waiting]

    assert asyncio.run(ask_all()) == (503, [200] * site.WAITING)


def test_a_defect_is_told_without_its_words(capsys):
    def break_on(content):
        raise ValueError(content)

    answering = site.Answering(break_on, ThreadPoolExecutor(1))
    reply = asyncio.run(answering.answer(request_of([b"Quarxelba"])))
    said = capsys.readouterr().err
    assert reply.status_code == 500 and b"Quarxelba" not in reply.body
    assert "defect: ValueError" in said and "break_on" in said and "Quarxelba" not in said


def test_a_document_has_the_same_bytes_twice_and_holds_any_letters(page, screen):
    reply = page.give(screen)
    found = json.loads(reply["json"])
    found["classes"]["detect"]["positive"] = "läsion ≥ 1 cm"
    found["fov"]["reject"] = None
    pictures = {name: Shown(base64.b64decode(text), 0.5) for name, text in reply["pictures"].items()}
    one, other = (as_pdf(found, pictures, tuple(reply["size"])) for _ in range(2))
    assert one == other and one.startswith(b"%PDF")
    assert FIELD.width and b"D:19700101" in one
