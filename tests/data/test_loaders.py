import hashlib
import struct
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn.datasets

from benchmark.data import DatasetError, card_names, checksum_of, load_card, load_dataset

Write = Callable[..., None]
LOADER = {
    "csv": 'kind = "csv"\npath = "table.csv"\ntarget = "kind"',
    "parquet": 'kind = "parquet"\npath = "table.parquet"\ntarget = "kind"',
    "npz": 'kind = "npz"\npath = "table.npz"\ninputs = "images"\ntarget = "labels"',
    "openml": 'kind = "openml"\ndata_id = 61',
}


@pytest.fixture
def write_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a card `own` into datasets/ of an empty current folder."""
    (tmp_path / "datasets").mkdir()
    monkeypatch.chdir(tmp_path)

    def write(
        loader: str,
        *,
        samples: int = 4,
        features: int = 4,
        classes: int = 2,
        checksum: str = "",
        task: str = "classification",
    ) -> None:
        Path("datasets/own.toml").write_text(
            f'title = "Own"\ndescription = "Own."\ntask = "{task}"\nsamples = {samples}\n'
            f'features = {features}\nclasses = {classes}\nchecksum = "{checksum}"\n'
            f'licence = "CC0-1.0"\nsource = "https://example.org"\n[loader]\n{loader}\n',
            encoding="utf-8",
        )

    return write


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "length": [0.1, 2.5, -3.25, 1e-3],
            "colour": ["red", "blue", "red", "red"],
            "round": [True, False, False, True],
            "kind": ["pear", "apple", "pear", "pear"],
        }
    )


# One-hot columns come after the plain ones, in alphabetical order: length, round, blue, red.
TABLE_X = np.array([[0.1, 1, 0, 1], [2.5, 0, 1, 0], [-3.25, 0, 0, 1], [1e-3, 1, 0, 1]])
TABLE_Y = np.array([1, 0, 1, 1])


@pytest.mark.parametrize("name", ["breast_cancer", "digits", "iris", "wine"])
def test_classification_equals_scikit_learn(name: str) -> None:
    x, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    dataset = load_dataset(name)
    np.testing.assert_array_equal(dataset.x, x)
    np.testing.assert_array_equal(dataset.y, y)
    bunch = getattr(sklearn.datasets, f"load_{name}")()
    assert list(dataset.card.class_names) == [str(item) for item in bunch.target_names]


def test_diabetes_is_scikit_learns_before_its_scaling() -> None:
    x, y = sklearn.datasets.load_diabetes(return_X_y=True)
    dataset = load_dataset("diabetes")
    centred = dataset.x - dataset.x.mean(0)
    np.testing.assert_allclose(centred / np.linalg.norm(centred, axis=0), x, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(dataset.y, y)
    assert dataset.y.dtype == np.float64


def test_arrays_are_read_only() -> None:
    dataset = load_dataset("iris")
    with pytest.raises(ValueError, match="read-only"):
        dataset.x[0, 0] = 1.0


def test_every_card_has_a_distinct_checksum() -> None:
    checksums = [load_dataset(name).card.checksum for name in card_names()]
    assert len(set(checksums)) == len(checksums)


def test_checksum_equals_a_hash_written_out_by_hand() -> None:
    x, y = np.array([[1.5, -2.0]]), np.array([7], np.int32)
    text = b"<f8 (1, 2)\n" + struct.pack("<2d", 1.5, -2.0) + b"<i8 (1,)\n" + struct.pack("<q", 7)
    assert checksum_of(x, y) == hashlib.sha256(text).hexdigest()
    assert checksum_of(x.astype(">f8"), y) == checksum_of(np.asfortranarray(x), y.astype(">i8"))
    assert checksum_of(x, y.astype(float)) != checksum_of(x, y)
    assert checksum_of(x.T, y) != checksum_of(x, y)


@pytest.mark.parametrize(
    ("function", "options", "features", "classes"),
    [
        ("make_classification", "n_features = 6, class_sep = 2.0", 6, 2),
        ("make_moons", "noise = 0.1", 2, 2),
        ("make_blobs", "centers = 3, n_features = 4", 4, 3),
        ("make_regression", "n_features = 5, noise = 1.0", 5, 0),
        ("make_friedman1", "", 10, 0),
        ("make_friedman2", "", 4, 0),
        ("make_friedman3", "", 4, 0),
        ("make_circles", "noise = 0.1", 2, 2),
        ("make_gaussian_quantiles", "n_features = 3", 3, 3),
        ("make_hastie_10_2", "", 10, 2),
        ("make_s_curve", "noise = 0.1", 3, 0),
        ("make_swiss_roll", "noise = 0.1", 3, 0),
        ("make_sparse_uncorrelated", "n_features = 8", 8, 0),
        ("make_regression", "n_features = 6, effective_rank = 2", 6, 0),
    ],
)
def test_generator_equals_scikit_learn(
    write_card: Write, function: str, options: str, features: int, classes: int
) -> None:
    write_card(
        f'kind = "scikit_learn_generator"\nfunction = "{function}"\nseed = 5\n'
        f"options = {{ {options} }}",
        samples=30,
        features=features,
        classes=classes,
        task="classification" if classes else "regression",
    )
    arguments = eval(f"dict({options})")  # the same text is TOML and Python
    x, y = getattr(sklearn.datasets, function)(n_samples=30, random_state=5, **arguments)
    dataset = load_dataset("own")
    np.testing.assert_array_equal(dataset.x, x)
    labels = np.unique(y, return_inverse=True)[1] if classes else y
    np.testing.assert_array_equal(dataset.y, labels)


@pytest.mark.parametrize("target", ["Weight", "Waist", "Pulse"])
def test_one_target_of_linnerud_is_predicted(write_card: Write, target: str) -> None:
    loader = f'kind = "scikit_learn"\ndataset = "linnerud"\ntarget = "{target}"'
    write_card(loader, samples=20, features=3, classes=0, task="regression")
    bunch = sklearn.datasets.load_linnerud(as_frame=True)
    np.testing.assert_array_equal(load_dataset("own").y, bunch.target[target])


def test_linnerud_needs_a_target(write_card: Write) -> None:
    write_card('kind = "scikit_learn"\ndataset = "linnerud"')
    with pytest.raises(DatasetError, match="target must be given for linnerud"):
        load_dataset("own")


def test_fetched_data_are_taken_from_the_cache(write_card: Write) -> None:
    """Small files in the form in which scikit-learn keeps what it downloads."""
    home = Path("datasets/.cache")
    (home / "covertype").mkdir(parents=True)
    random = np.random.default_rng(0)
    houses = random.normal(size=(12, 9)) + 3
    joblib.dump(houses, home / "cal_housing_py3.pkz")
    forests, covers = random.normal(size=(12, 54)), np.arange(12) % 7 + 1
    joblib.dump(forests, home / "covertype" / "samples_py3")
    joblib.dump(covers, home / "covertype" / "targets_py3")
    kind = 'kind = "scikit_learn_fetcher"\n'
    write_card(f'{kind}dataset = "covtype"', samples=12, features=54, classes=7)
    dataset = load_dataset("own")
    np.testing.assert_array_equal(dataset.x, forests)
    np.testing.assert_array_equal(dataset.y, covers - 1)
    write_card(
        f'{kind}dataset = "california_housing"',
        samples=12,
        features=8,
        classes=0,
        task="regression",
    )
    dataset = load_dataset("own")
    np.testing.assert_allclose(dataset.y, houses[:, 0] / 100_000)
    assert dataset.features[:2] == ("MedInc", "HouseAge")


def test_a_fetcher_without_network_says_so(
    write_card: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*given: Any, **options: Any) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(sklearn.datasets, "fetch_covtype", offline)
    write_card('kind = "scikit_learn_fetcher"\ndataset = "covtype"')
    with pytest.raises(DatasetError, match=r"must be in .*cache or fetched from the network"):
        load_dataset("own")


@pytest.mark.parametrize("options", ["data_home = '/tmp'", "as_frame = true"])
def test_what_the_program_decides_is_no_option_of_a_fetcher(
    write_card: Write, options: str
) -> None:
    write_card(f'kind = "scikit_learn_fetcher"\ndataset = "covtype"\noptions = {{ {options} }}')
    with pytest.raises(DatasetError, match="options must not hold"):
        load_dataset("own")


def test_generator_refuses_unknown_option(write_card: Write) -> None:
    write_card('kind = "scikit_learn_generator"\nfunction = "make_moons"\noptions = { nois = 1.0 }')
    with pytest.raises(DatasetError, match=r"loader.options must be accepted .*make_moons.*nois"):
        load_dataset("own")


def save(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the table where the loader of a kind finds it."""
    frame = table()
    if kind == "csv":
        frame.to_csv("datasets/table.csv", index=False)
    elif kind == "parquet":
        frame.to_parquet("datasets/table.parquet")
    elif kind == "npz":
        images = TABLE_X.reshape(4, 2, 2)
        np.savez("datasets/table.npz", images=images, labels=frame["kind"].to_numpy("U5"))
    else:
        bunch = sklearn.utils.Bunch(
            data=frame.drop(columns="kind").astype({"colour": "category"}),
            target=frame["kind"].astype("category"),
        )
        calls: dict[str, Any] = {}

        def fetch_openml(**arguments: Any) -> Any:
            calls.update(arguments)
            assert arguments["data_id"] == 61
            assert Path(arguments["data_home"]) == Path("datasets/.cache").resolve()
            return bunch

        monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)


@pytest.mark.parametrize("kind", LOADER)
def test_file_and_openml_loaders(
    write_card: Write, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    save(kind, monkeypatch)
    write_card(LOADER[kind], checksum=checksum_of(TABLE_X, TABLE_Y))
    dataset = load_dataset("own")
    np.testing.assert_array_equal(dataset.x, TABLE_X)
    np.testing.assert_array_equal(dataset.y, TABLE_Y)


def test_csv_takes_chosen_columns_and_separator(write_card: Write) -> None:
    table().to_csv("datasets/table.csv", index=False, sep=";")
    write_card(
        'kind = "csv"\npath = "table.csv"\ntarget = "length"\nfeatures = ["round"]\n'
        'separator = ";"',
        features=1,
        classes=0,
        task="regression",
        checksum=checksum_of(TABLE_X[:, 1:2], TABLE_X[:, 0]),
    )
    np.testing.assert_array_equal(load_dataset("own").y, table()["length"])


@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_changed_data_are_refused(
    write_card: Write, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    save(kind, monkeypatch)
    expected = checksum_of(TABLE_X + 1e-12, TABLE_Y)
    write_card(LOADER[kind], checksum=expected)
    with pytest.raises(DatasetError) as caught:
        load_dataset("own")
    for part in ("card own", expected, checksum_of(TABLE_X, TABLE_Y), "update the card"):
        assert part in str(caught.value)


def test_a_card_without_checksum_takes_the_data_as_they_are(
    write_card: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    save("csv", monkeypatch)
    write_card(LOADER["csv"])
    np.testing.assert_array_equal(load_dataset("own").x, TABLE_X)


def test_every_shipped_card_has_a_checksum() -> None:
    assert all(load_card(name).checksum for name in card_names())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 5}, r"shapes \(5, 4\) and \(5,\) .* Received \(4, 4\) and \(4,\)"),
        ({"features": 3}, r"shapes \(4, 3\)"),
        ({"classes": 3}, "must have the 3 classes of the card own. Received 2"),
        ({"task": "regression", "classes": 0}, "all targets must be numbers"),
    ],
)
def test_data_unlike_the_card_are_refused(
    write_card: Write, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    save("csv", monkeypatch)
    write_card(LOADER["csv"], **change)
    with pytest.raises(DatasetError, match=message):
        load_dataset("own")


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (
            'kind = "csv"\npath = "tabel.csv"\ntarget = "kind"',
            "path must be a file. Received 'tabel.csv'",
        ),
        (
            'kind = "csv"\npath = "table.csv"\ntarget = "kid"',
            "target must be one of .*Did you mean `kind`",
        ),
        (
            'kind = "csv"\npath = "table.csv"\ntarget = "kind"\nfeatures = ["colours"]',
            "features must be one of .*Did you mean `colour`",
        ),
        (
            'kind = "npz"\npath = "table.npz"\ninputs = "image"',
            "inputs must be one of images, labels",
        ),
    ],
)
def test_wrong_path_or_column_is_refused(
    write_card: Write, monkeypatch: pytest.MonkeyPatch, loader: str, message: str
) -> None:
    save("csv", monkeypatch)
    save("npz", monkeypatch)
    write_card(loader)
    with pytest.raises(DatasetError, match=message):
        load_dataset("own")


@pytest.mark.parametrize(
    ("column", "value"), [("length", np.nan), ("kind", None), ("colour", None)]
)
def test_missing_values_are_refused(write_card: Write, column: str, value: Any) -> None:
    frame = table()
    frame.loc[2, column] = value
    frame.to_parquet("datasets/table.parquet")
    write_card(LOADER["parquet"])
    with pytest.raises(DatasetError, match=r"every value must be present. Received missing values"):
        load_dataset("own")


@pytest.mark.parametrize("bad", [np.inf, 1e39])
def test_values_beyond_float32_are_refused(write_card: Write, bad: float) -> None:
    np.savez("datasets/table.npz", images=np.full((4, 4), bad), labels=np.array([0, 1, 0, 1]))
    write_card(LOADER["npz"])
    with pytest.raises(DatasetError, match=r"all inputs must be finite in float32. Received 16"):
        load_dataset("own")


def test_pickled_arrays_are_refused(write_card: Write) -> None:
    labels = np.array(["a", 1, "b", 2], dtype=object)
    np.savez("datasets/table.npz", images=TABLE_X, labels=labels)
    write_card(LOADER["npz"])
    with pytest.raises(DatasetError, match=r"readable as npz.*allow_pickle"):
        load_dataset("own")


@pytest.mark.parametrize("content", [b"PK\x03\x04,b\n1,2,3\n4\n", b""])
@pytest.mark.parametrize("kind", ["csv", "npz", "parquet"])
def test_broken_files_are_refused(write_card: Write, kind: str, content: bytes) -> None:
    Path(f"datasets/table.{kind}").write_bytes(content)
    write_card(LOADER[kind])
    with pytest.raises(DatasetError, match=f"the file must be readable as {kind}"):
        load_dataset("own")


def test_openml_that_cannot_be_reached_is_a_sentence(
    write_card: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch_openml(**arguments: Any) -> Any:
        raise OSError("no route to host")

    monkeypatch.setattr(sklearn.datasets, "fetch_openml", fetch_openml)
    write_card(LOADER["openml"])
    with pytest.raises(DatasetError, match=r"no route to host for data_id 61 of the card own"):
        load_dataset("own")


def test_openml_with_several_targets_is_refused(
    write_card: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    bunch = sklearn.utils.Bunch(data=table()[["length"]], target=table()[["colour", "kind"]])
    monkeypatch.setattr(sklearn.datasets, "fetch_openml", lambda **arguments: bunch)
    write_card(LOADER["openml"])
    with pytest.raises(DatasetError, match=r"Received colour, kind .*Name one column"):
        load_dataset("own")
