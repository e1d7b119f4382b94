"""A table of the user's: what is inferred from it, how it becomes inputs, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from benchmark.data import DatasetError, prepare_problem
from benchmark.data.files import file_checksum
from benchmark.data.preprocessing import model_inputs, transformed
from benchmark.data.tables import load_table
from benchmark.data_source import DataSource
from benchmark.trial import DatasetProblem

ROWS = 80


@pytest.fixture
def frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Numbers with gaps, two categories with gaps, a date, a boolean, and two classes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "fee": rng.normal(40, 10, ROWS).round(3),
            "plan": rng.choice(["basic", "family", "flat"], ROWS),
            "joined": pd.date_range("2024-01-29", periods=ROWS).astype(str),
            "paid": rng.choice([True, False], ROWS),
            "churned": rng.choice(["yes", "no"], ROWS, p=[0.3, 0.7]),
        }
    )
    frame.loc[::9, "fee"] = np.nan
    frame.loc[1::11, "plan"] = None
    return frame


def source(frame: pd.DataFrame, **changes: Any) -> DataSource:
    frame.to_csv("table.csv", index=False)
    path = Path("table.csv").absolute()
    return DataSource("churned", path=str(path), checksum=file_checksum(path), **changes)


def problem(frame: pd.DataFrame, **changes: Any) -> DatasetProblem:
    given = source(frame, **changes)
    return DatasetProblem("table.csv", scaling="standard", split_seed=5, source=given)


def test_inputs_are_those_of_scikit_learn_fitted_on_the_training_part(frame: pd.DataFrame) -> None:
    prepared = prepare_problem(problem(frame))
    train = frame.loc[prepared.train.rows]
    dates = pd.to_datetime(frame["joined"])
    numbers = pd.DataFrame(
        {
            "fee": frame["fee"],
            "year": dates.dt.year,
            "month": dates.dt.month,
            "day": dates.dt.day,
            "weekday": dates.dt.day_of_week,
        }
    )
    fill = SimpleImputer(strategy="median").fit(numbers.loc[train.index])
    scale = StandardScaler().fit(fill.transform(numbers.loc[train.index]))
    most_frequent = train["plan"].mode()[0]
    encode = OneHotEncoder(sparse_output=False).fit(train[["plan"]].fillna(most_frequent))
    for part in (prepared.train, prepared.validation, prepared.test):
        rows = frame.loc[part.rows]
        expected = np.hstack(
            [
                scale.transform(fill.transform(numbers.loc[rows.index])),
                rows[["paid"]].to_numpy(float),
                encode.transform(rows[["plan"]].fillna(most_frequent)),
            ]
        )
        np.testing.assert_allclose(part.x, expected, rtol=1e-6, atol=1e-6)  # float32
        np.testing.assert_array_equal(part.y, rows["churned"] == "yes")
    assert prepared.features == (
        *("fee", "joined_year", "joined_month", "joined_day", "joined_weekday", "paid"),
        *("plan_basic", "plan_family", "plan_flat"),
    )


@pytest.mark.parametrize("missing", ["median", "most_frequent", "indicator"])
@pytest.mark.parametrize("categories", ["one_hot", "ordinal"])
def test_the_kept_parameters_make_the_same_inputs(
    frame: pd.DataFrame, missing: Any, categories: Any
) -> None:
    prepared = prepare_problem(problem(frame, missing=missing, categories=categories))
    assert prepared.preprocessing is not None
    for part in (prepared.train, prepared.test):
        rows = pd.read_csv("table.csv").loc[part.rows]
        np.testing.assert_array_equal(transformed(prepared.preprocessing, rows), part.x)
        plain = model_inputs(prepared.preprocessing, rows)
        scaled = (plain - prepared.input_offset) / prepared.input_divisor
        np.testing.assert_allclose(scaled, part.x, rtol=1e-4, atol=1e-4)  # years in float32


def test_nothing_of_validation_and_test_reaches_the_parameters(frame: pd.DataFrame) -> None:
    before = prepare_problem(problem(frame, missing="indicator"))
    others = np.concatenate([before.validation.rows, before.test.rows])
    changed = frame.copy()
    changed.loc[others, "fee"] = 1e6
    changed.loc[others, "plan"] = "unheard of"
    changed.loc[others, "joined"] = "1999-12-31"
    changed.loc[others, "paid"] = True
    after = prepare_problem(problem(changed, missing="indicator"))
    assert after.preprocessing == before.preprocessing
    np.testing.assert_array_equal(after.train.x, before.train.x)


def test_rows_with_gaps_may_be_left_out(frame: pd.DataFrame) -> None:
    table = load_table(source(frame, missing="drop_rows"), "table.csv")
    assert len(table.y) == len(frame.dropna())


@pytest.mark.parametrize(
    ("values", "task"),
    [
        (["no", "yes"] * 40, "classification"),
        ([True, False] * 40, "classification"),
        ([0, 1, 2, 3] * 20, "classification"),
        (np.linspace(0, 1, ROWS), "regression"),
        (np.arange(ROWS) * 37 % 1009, "regression"),
    ],
)
def test_the_task_is_inferred_from_the_target(frame: pd.DataFrame, values: Any, task: str) -> None:
    table = load_table(source(frame.assign(churned=values)), "table.csv")
    assert table.task == task


@pytest.mark.parametrize(
    ("change", "columns", "words"),
    [
        ({"features": ("feee",)}, {}, ["feee", "Did you mean `fee`"]),
        ({"ignore": ("plna",)}, {}, ["plna", "Did you mean `plan`"]),
        ({}, {"id": [f"C{n}" for n in range(ROWS)]}, ["id", "80", 'ignore = ["id"]']),
        ({}, {"void": [None] * ROWS}, ["void", 'ignore = ["void"]']),
        ({"max_categories": 2}, {}, ["plan", "max_categories"]),
        ({}, {"churned": ["yes"] * ROWS}, ["churned"]),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    frame: pd.DataFrame, change: Any, columns: Any, words: list[str]
) -> None:
    with pytest.raises(DatasetError) as caught:
        prepare_problem(problem(frame.assign(**columns), **change))
    for word in words:
        assert word in str(caught.value)


def test_a_changed_file_is_refused(frame: pd.DataFrame) -> None:
    before = problem(frame)
    frame.assign(fee=1.0).to_csv("table.csv", index=False)
    with pytest.raises(DatasetError, match="Received"):
        prepare_problem(before)


def test_a_file_in_another_encoding_is_refused(frame: pd.DataFrame) -> None:
    path = Path("table.csv").absolute()
    frame.assign(plan="Zürich").to_csv(path, index=False, encoding="latin-1")
    with pytest.raises(DatasetError, match="UTF-8"):
        load_table(DataSource("churned", path=str(path)), "table.csv")
