"""determinism: numbers are functions of their key, and nothing global moves."""

import hashlib
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nonmass.determinism import RuntimeParams, choose_precision, generator, make_torch_deterministic, seed_of
from nonmass.errors import InputError
from nonmass.params import validate

parts = st.integers() | st.text(st.characters(exclude_characters="\x1f", exclude_categories=["Cs"]))
keys = st.lists(parts, max_size=4).map(tuple)


SETTINGS = {"threads": 1, "deterministic": True, "precision": 32, "devices": 1, "nodes": 1, "images_mib": 64}


def runtime(**changes):
    return RuntimeParams(**{**SETTINGS, **changes})


def test_a_seed_is_the_published_hash_of_its_key():
    text = "int:1\x1fstr:order\x1fint:3"
    assert seed_of(1, "order", 3) == int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")


def test_a_seed_does_not_depend_on_what_was_drawn_before():
    first = [seed_of(1, "order", epoch) for epoch in range(5)]
    generator(1).random(1000)
    assert [seed_of(1, "order", epoch) for epoch in reversed(range(5))] == first[::-1]


@given(keys, keys)
def test_two_keys_have_two_seeds(one, other):
    typed = [(type(part), part) for part in one], [(type(part), part) for part in other]
    assert (seed_of(*one) == seed_of(*other)) == (typed[0] == typed[1])


def test_keys_that_look_alike_differ():
    alike = [
        (1,),
        ("1",),
        (1, ""),
        ("", 1),
        (11,),
        (1, 1),
        ("1", 1),
        (-1,),
        (),
        ("",),
        ("int:1",),
        ("a b",),
        ("a", "b"),
    ]
    assert len({seed_of(*key) for key in alike}) == len(alike)


@given(st.integers(-(2**63), 2**63 - 1), st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")))
def test_numpys_scalars_count_as_pythons(number, text):
    assert seed_of(np.int64(number), np.str_(text)) == seed_of(number, text)


def test_a_generator_repeats_itself():
    draw = generator(7, "noise", "image-1").normal(size=8)
    np.testing.assert_array_equal(draw, generator(7, "noise", "image-1").normal(size=8))
    assert not np.array_equal(draw, generator(7, "noise", "image-2").normal(size=8))
    assert not np.array_equal(draw, generator(8, "noise", "image-1").normal(size=8))


def test_streams_of_neighbouring_keys_are_unrelated():
    draws = np.array([generator(1, "noise", row).normal(size=2000) for row in range(6)])
    off_diagonal = np.corrcoef(draws)[~np.eye(6, dtype=bool)]
    assert np.abs(off_diagonal).max() < 0.1  # 4.5 standard errors
    assert abs(draws.mean()) < 0.05
    assert abs(draws.std() - 1) < 0.05


def test_no_global_generator_moves():
    numpy_before, python_before = np.random.get_state(), random.getstate()  # noqa: NPY002
    generator(1, "x").random(10)
    numpy_after, python_after = np.random.get_state(), random.getstate()  # noqa: NPY002
    assert python_before == python_after
    assert numpy_before[2] == numpy_after[2]
    np.testing.assert_array_equal(numpy_before[1], numpy_after[1])


def test_the_module_does_not_import_torch(python):
    done = python("-c", "import sys, nonmass.determinism; print('torch' in sys.modules)")
    assert done.stdout == "False\n", done.stderr


@pytest.mark.usefixtures("torch_globals")
@pytest.mark.parametrize("is_strict", [True, False])
def test_torch_is_set_as_asked(is_strict):
    import torch

    before = np.random.get_state()[1].copy()  # noqa: NPY002
    make_torch_deterministic(runtime(threads=2, deterministic=is_strict), 1, "weights")
    first = torch.rand(4)
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled() is is_strict
    assert torch.backends.cudnn.benchmark is not is_strict
    assert not torch.utils.deterministic.fill_uninitialized_memory
    torch.rand(100)
    make_torch_deterministic(runtime(deterministic=is_strict), 1, "weights")
    assert torch.get_num_threads() == 1
    assert torch.equal(torch.rand(4), first)
    make_torch_deterministic(runtime(deterministic=is_strict), 2, "weights")
    assert not torch.equal(torch.rand(4), first)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"threads": 0}, "greater than or equal to 1"),
        ({"threads": 1.5}, "integer"),
        ({"precision": "16"}, "'auto', 32 or 'bf16'"),
        ({"precision": "32"}, "'auto', 32 or 'bf16'"),
        ({"deterministic": "yes"}, "boolean"),
        ({"devices": 0}, "greater than or equal to 1"),
        ({"nodes": -1}, "greater than or equal to 1"),
        ({"images_mib": 0}, "greater than or equal to 1"),
    ],
)
def test_impossible_settings_are_named(change, part):
    with pytest.raises(InputError, match=rf"runtime\.{next(iter(change))}: .*{part}"):
        validate({**SETTINGS, **change}, RuntimeParams, "runtime")


@pytest.mark.parametrize("missing", SETTINGS)
def test_no_setting_has_a_default(missing):
    with pytest.raises(InputError, match=rf"runtime\.{missing}: required key is missing"):
        validate({key: value for key, value in SETTINGS.items() if key != missing}, RuntimeParams, "runtime")


@pytest.mark.parametrize(("word", "lightnings"), [(32, "32-true"), ("bf16", "bf16-mixed")])
def test_a_named_precision_is_kept_on_any_processor(word, lightnings):
    assert choose_precision(validate({**SETTINGS, "precision": word}, RuntimeParams, "runtime")) == lightnings


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({"avx512_bf16": True}, "bf16-mixed"), ({"amx_bf16": True}, "bf16-mixed"), ({"avx2": True}, "32-true")],
)
def test_auto_takes_bfloat16_where_the_processor_has_it(monkeypatch, capabilities, expected):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision(runtime(precision="auto")) == expected
    assert choose_precision(runtime()) == "32-true"


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_auto_asks_the_gpu_where_there_is_one(monkeypatch, native, expected):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native and not including_emulation)
    assert choose_precision(runtime(precision="auto")) == expected
