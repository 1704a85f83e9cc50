"""What stands on the sheet, and in which order."""

from dataclasses import replace

import pytest
from review_inputs import ACCEPTED, DOUBTFUL, REFUSED, SHAPED, UNSURE, entry, index_of, manifest_of

from nonmass.errors import InputError
from nonmass.fov.preview import File, Found
from nonmass.review.entries import entries_of_folder, entries_of_pipeline, fov_of, in_order, layout_sizes


def test_what_needs_a_person_most_comes_first(tmp_path):
    entries = [
        entry(tmp_path, name, fov)
        for name, fov in {"a": ACCEPTED, "b": DOUBTFUL, "c": REFUSED, "d": UNSURE, "e": SHAPED, "f": UNSURE}.items()
    ]
    assert [one.target for one in in_order(entries)] == ["c", "d", "f", "b", "a", "e"]


def test_a_layout_counts_what_its_line_concerns(tmp_path):
    person = replace(REFUSED, reject="override")
    fovs = {"a": ACCEPTED, "b": DOUBTFUL, "c": REFUSED, "d": person, "e": SHAPED}
    entries = [entry(tmp_path, name, fov) for name, fov in fovs.items()]
    sizes = layout_sizes([*entries, entry(tmp_path, "f", ACCEPTED, (60, 40), "Quill")])
    assert sizes == {"120x80": {"all": 5, "plain": 3}, "Quill 60x40": {"all": 1, "plain": 1}}


@pytest.mark.parametrize("fov", [ACCEPTED, UNSURE, REFUSED, SHAPED])
def test_the_index_gives_the_field_back(fov):
    (row,) = index_of(a=fov).itertuples(index=False)
    assert fov_of(row) == fov


def test_entries_of_the_pipeline_know_their_file_and_layout(tmp_path):
    (one, _) = entries_of_pipeline(manifest_of("x", "y", "z", frame=2), index_of(x=ACCEPTED, z=REFUSED), tmp_path)
    assert (one.target, one.place, one.frame) == ("x", tmp_path / "a/x.png", 2)
    assert one.layout == "Quill T5 120x80"
    assert one.fov == ACCEPTED


def test_an_index_of_another_manifest_is_refused(tmp_path):
    with pytest.raises(InputError, match="z is not in the manifest"):
        entries_of_pipeline(manifest_of("x"), index_of(x=ACCEPTED, z=ACCEPTED), tmp_path)


def test_files_that_cannot_be_read_have_no_entry(tmp_path):
    file = File("a.png", tmp_path / "a.png", "", 120, 80)
    (one,) = entries_of_folder([Found(file, ACCEPTED), Found(file, None, "broken")])
    assert (one.target, one.layout, one.state) == ("a.png", "120x80", "accepted")
