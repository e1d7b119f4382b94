import os
from pathlib import Path

import numpy as np
import pytest

from benchmark.data import DatasetError, load_dataset, part_sizes, prepare
from benchmark.data.preparation import target_statistics
from benchmark.data.scaling import fit_scaling
from benchmark.resources import shipped

FRACTIONS = (0.6, 0.2, 0.2)


@pytest.mark.parametrize("scaling", ["none", "standard", "min_max", "robust"])
@pytest.mark.parametrize("name", ["digits", "iris", "breast_cancer"])
def test_parts_equal_the_formula_on_training_rows(name: str, scaling: str) -> None:
    dataset = load_dataset(name)
    prepared = prepare(name, FRACTIONS, scaling, split_seed=3)
    train = dataset.x[prepared.train.rows]
    constant = np.ptp(train, axis=0) == 0
    shift, divisor = np.zeros(train.shape[1]), np.ones(train.shape[1])
    if scaling == "standard":
        shift, divisor = train.mean(0), np.where(constant, 1, train.std(0))
    elif scaling == "min_max":
        shift, divisor = train.min(0), np.where(constant, 1, np.ptp(train, axis=0))
    elif scaling == "robust":
        low, shift, high = np.percentile(train, [25, 50, 75], axis=0)
        divisor = np.where(high == low, 1, high - low)
    for part in (prepared.train, prepared.validation, prepared.test):
        expected = (dataset.x[part.rows] - shift) / divisor
        assert [part.x.dtype.name, part.y.dtype.name] == ["float32", "int32"]
        # Half a unit in the last place of float32, and its rounding of values near 0.
        np.testing.assert_allclose(part.x, expected, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(part.y, dataset.y[part.rows])


@pytest.mark.parametrize("name", ["digits", "iris", "wine", "breast_cancer"])
def test_classes_are_divided_evenly(name: str) -> None:
    prepared = prepare(name, FRACTIONS, "standard", split_seed=0)
    parts = (prepared.train, prepared.validation, prepared.test)
    sizes = part_sizes(prepared.card.samples, FRACTIONS)
    assert tuple(len(part.y) for part in parts) == sizes
    counts = np.stack([np.bincount(part.y, minlength=prepared.card.classes) for part in parts], 1)
    exact = np.outer(counts.sum(1), sizes) / prepared.card.samples
    assert np.abs(counts - exact).max() < 1


def test_regression_target_is_standardised_by_the_training_part() -> None:
    dataset = load_dataset("diabetes")
    prepared = prepare("diabetes", FRACTIONS, "standard", split_seed=2)
    target = dataset.y[prepared.train.rows]
    assert prepared.target_mean == pytest.approx(target.mean(), rel=1e-12)
    assert prepared.target_deviation == pytest.approx(target.std(), rel=1e-12)
    for part in (prepared.train, prepared.validation, prepared.test):
        assert part.y.dtype == np.float32
        restored = part.y * prepared.target_deviation + prepared.target_mean
        # Targets up to 346 in float32.
        np.testing.assert_allclose(restored, dataset.y[part.rows], rtol=1e-6)
    assert abs(prepared.train.y.mean()) < 1e-6
    assert abs(prepared.validation.y.mean()) > 1e-6  # its own mean was not used


def test_other_parts_do_not_leak_into_the_scaling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    iris = prepare("iris", FRACTIONS, "standard", split_seed=4)
    dataset = load_dataset("iris")
    x = dataset.x.copy()
    x[iris.test.rows] *= 1000
    x[iris.validation.rows] -= 1000
    np.savez(tmp_path / "changed.npz", x=x, y=dataset.y)
    monkeypatch.chdir(tmp_path)
    write_npz_card("changed", x, dataset.y)
    changed = prepare("changed", FRACTIONS, "standard", split_seed=4)
    np.testing.assert_array_equal(changed.train.rows, iris.train.rows)
    np.testing.assert_array_equal(changed.train.x, iris.train.x)
    assert np.abs(changed.test.x).max() > 1000


def write_npz_card(name: str, x: np.ndarray, y: np.ndarray) -> None:
    from benchmark.data import checksum_of

    Path("datasets").mkdir(exist_ok=True)
    np.savez(f"datasets/{name}.npz", x=x, y=y)
    Path(f"datasets/{name}.toml").write_text(
        f'title = "T"\ndescription = "D"\ntask = "classification"\nsamples = {len(x)}\n'
        f"features = {x.shape[1]}\nclasses = {len(np.unique(y))}\n"
        f'checksum = "{checksum_of(x, y)}"\nlicence = "CC0-1.0"\nsource = "https://example.org"\n'
        f'[loader]\nkind = "npz"\npath = "{name}.npz"\n',
        encoding="utf-8",
    )


def test_constant_columns_stay_finite() -> None:
    training = np.column_stack([np.full(7, 0.1), np.arange(7.0)])
    unseen_rows = np.array([[0.3, 2.0]])
    for scaling in ("standard", "min_max"):
        scale = fit_scaling(scaling, training)
        np.testing.assert_allclose(scale(training)[:, 0], 0, atol=1e-15)
        np.testing.assert_allclose(scale(unseen_rows)[0, 0], 0.2, rtol=1e-12)
    assert target_statistics(np.full(5, 3.0)) == (3.0, 1.0)


def test_unknown_scaling_is_refused() -> None:
    with pytest.raises(DatasetError, match=r"Received 'standrd' .*Did you mean `standard`"):
        prepare("iris", FRACTIONS, "standrd", split_seed=0)


def test_result_is_kept_but_an_edited_card_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "datasets").mkdir()
    monkeypatch.chdir(tmp_path)
    card = Path("datasets/iris.toml")
    text = (shipped("datasets") / "iris.toml").read_text(encoding="utf-8")
    card.write_text(text, encoding="utf-8")
    first = prepare("iris", FRACTIONS, "standard", 0)
    assert prepare("iris", FRACTIONS, "standard", 0) is first
    card.write_text(text.replace("samples = 150", "samples = 151"), encoding="utf-8")
    # The clock of a file system may be too coarse to tell the two writes apart.
    os.utime(card, ns=(0, card.stat().st_mtime_ns + 10**9))
    with pytest.raises(DatasetError, match="shapes"):
        prepare("iris", FRACTIONS, "standard", 0)


def test_arrays_are_read_only() -> None:
    prepared = prepare("iris", FRACTIONS, "none", 0)
    for array in (prepared.train.x, prepared.train.y, prepared.train.rows):
        assert not array.flags.writeable


def test_seed_and_fractions_decide_the_rows() -> None:
    first = prepare("iris", FRACTIONS, "none", 0).train.rows
    assert not np.array_equal(first, prepare("iris", FRACTIONS, "none", 1).train.rows)
    assert len(prepare("iris", (0.5, 0.25, 0.25), "none", 0).train.rows) == 75
