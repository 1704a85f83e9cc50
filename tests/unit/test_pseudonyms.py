"""Keyed hashes: as the standard's own library gives them, and back to the files."""

import hashlib
import hmac

import pytest

from nonmass.errors import InputError
from nonmass.pseudonyms import hidden_file, locate, pseudonym, read_salt

SALT = b"a secret of this test"


@pytest.fixture
def raw(tmp_path, monkeypatch):
    monkeypatch.setenv("NONMASS_SALT", SALT.decode())
    for file in ("clinic/a/Jane Roe.png", "clinic/b.png", "open/c.png"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(b"image")
    return tmp_path


def test_a_pseudonym_is_an_hmac():
    assert pseudonym("Jane Roe", SALT) == hmac.new(SALT, b"Jane Roe", hashlib.sha256).hexdigest()[:12]
    assert pseudonym("Jane Roe", SALT) != pseudonym("Jane Roe", SALT + b"!")
    pseudonym("caf\udce9", SALT)  # a name that is not UTF-8


@pytest.mark.parametrize(
    ("file", "suffix"), [("a/1.PNG", ".png"), ("a/1.Roe", ""), ("a/Jane.Roe.jpeg", ".jpeg"), ("1", "")]
)
def test_a_hidden_file_keeps_a_suffix_only_if_it_says_nothing_else(file, suffix):
    name = hidden_file(file, SALT)
    assert name == "~" + hmac.new(SALT, file.encode(), hashlib.sha256).hexdigest()[:16] + suffix


@pytest.mark.parametrize(
    ("salt", "fault"), [(None, "is not set"), ("", "is not set"), ("fifteen letters", "has fewer than 16 characters")]
)
def test_no_secret_or_a_short_one_is_refused_and_not_shown(monkeypatch, salt, fault):
    monkeypatch.delenv("NONMASS_SALT", raising=False)
    if salt is not None:
        monkeypatch.setenv("NONMASS_SALT", salt)
    with pytest.raises(InputError, match=f"cohort clinic: .* NONMASS_SALT {fault}; set it to a secret") as caught:
        read_salt("clinic")
    assert not salt or salt not in str(caught.value)


def test_files_are_found_again(raw):
    hidden = [f"clinic/{hidden_file(file, SALT)}" for file in ("a/Jane Roe.png", "b.png")]
    assert locate(raw, [*hidden, "open/c.png"]) == {
        hidden[0]: raw / "clinic/a/Jane Roe.png",
        hidden[1]: raw / "clinic/b.png",
        "open/c.png": raw / "open/c.png",
    }


def test_another_secret_is_noticed(raw, monkeypatch):
    hidden = f"clinic/{hidden_file('b.png', SALT)}"
    monkeypatch.setenv("NONMASS_SALT", "another secret of this test")
    with pytest.raises(InputError, match=r"clinic: 1 file\(s\) of the manifest are not there under this NONMASS_SALT"):
        locate(raw, [hidden])


@pytest.mark.parametrize("path", ["../x.png", "clinic/../../x.png", "/etc/passwd", ""])
def test_no_path_leads_out(raw, path):
    with pytest.raises(InputError, match="leads out of"):
        locate(raw, [path])
