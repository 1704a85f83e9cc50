import pytest
from ruamel.yaml import YAML

from nonmass.errors import InputError
from nonmass.profile import apply_profile

TEXT = """\
# every number
train: {lr: 0.001}  # Adam
tasks:
  detect:
    positive: {finding: non_mass}
"""


def test_a_value_is_replaced_whole_and_comments_stay(tmp_path):
    yaml = YAML()
    params = yaml.load(TEXT)
    changes = apply_profile(params, {"tasks.detect.positive": {"cohort": "BUSI"}}, "p")
    yaml.dump(params, tmp_path / "out.yaml")
    assert changes == {"tasks.detect.positive": ({"finding": "non_mass"}, {"cohort": "BUSI"})}
    assert params["tasks"]["detect"]["positive"] == {"cohort": "BUSI"}
    assert "# every number" in (tmp_path / "out.yaml").read_text()


def test_equal_values_are_no_change():
    assert apply_profile(YAML().load(TEXT), {"train.lr": 1e-3}, "p") == {}


@pytest.mark.parametrize("key", ["train.rate", "trian.lr", "train.lr.deep", "new"])
def test_an_unknown_key_is_named(key):
    with pytest.raises(InputError, match=f"no key {key}"):
        apply_profile(YAML().load(TEXT), {key: 1}, "p")
