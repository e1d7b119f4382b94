"""The transformer of a table: scikit-learn's, fitted to the training part, and its parameters."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from benchmark.data.cards import SourceError
from benchmark.data.columns import Column
from benchmark.data.scaling import new_scaler, scaling_parameters
from benchmark.data_source import DataSource

MISSING_CATEGORY = "missing"
"""What a gap in a column of categories is called where it is a category of its own."""


def fit_transformer(
    columns: Sequence[Column], source: DataSource, scaling: str, training: pd.DataFrame
) -> ColumnTransformer:
    """Fit imputers, encoders and scalers to the training part of a table.

    Its blocks are, in this order: numbers and parts of dates (filled in, then scaled); booleans
    (filled in); categories (filled in, then one-hot, or ordinal and scaled); indicators of missing
    values. A block without columns is left out.

    Args:
        columns: the input columns.
        source: what is done about missing values and categories.
        scaling: a key of :data:`benchmark.data.scaling.SCALERS`.
        training: the rows of the training part, as ``plain_table`` returns them.

    Raises:
        SourceError: a column has no value in the training part.
    """
    empty = [str(name) for name in training.columns if training[name].isna().all()]
    if empty:
        raise SourceError(
            f"every column must hold a value in the training part. Received none in {empty[0]}. "
            f'Leave it out with ignore = ["{empty[0]}"], or take a larger problem.split.train.',
            "columns.ignore",
        )
    strategy = "most_frequent" if source.missing == "most_frequent" else "median"
    numbers = _numbers_of(columns, ("number", "date"))
    booleans = _numbers_of(columns, ("boolean",))
    categories = _numbers_of(columns, ("category",))
    blocks: list[tuple[str, Any, list[str]]] = [
        (
            "numbers",
            Pipeline([("fill", SimpleImputer(strategy=strategy)), ("scale", new_scaler(scaling))]),
            numbers,
        ),
        ("booleans", SimpleImputer(strategy="most_frequent"), booleans),
        ("categories", _category_pipeline(source, scaling), categories),
    ]
    if source.missing == "indicator":
        gaps = [name for name in _indicated(columns) if training[name].isna().any()]
        indicator = MissingIndicator(features="all")
        blocks.append(("missing", indicator, gaps))
    transformer = ColumnTransformer(
        [block for block in blocks if block[2]], sparse_threshold=0, verbose_feature_names_out=False
    )
    return transformer.fit(training)


def parameters_of(
    transformer: ColumnTransformer, columns: Sequence[Column], scaling: str
) -> dict[str, Any]:
    """Return the parameters of a fitted transformer as plain values that JSON can hold.

    Args:
        transformer: what :func:`fit_transformer` returned.
        columns: the input columns, as it was given them.
        scaling: as it was given it.

    Returns:
        ``columns`` (each with its kind, its filling and its categories), ``features`` (the names
        of the inputs), and ``scaling`` (parameters by the positions of the inputs).
    """
    blocks = {name: (fitted, list(of)) for name, fitted, of in transformer.transformers_}
    fills = _fills(blocks)
    indicated = set(blocks["missing"][1]) if "missing" in blocks else set()
    entries, features = [], _features(blocks, columns)
    for column in columns:
        entry: dict[str, Any] = {"name": column.name, "kind": column.kind}
        if column.parts:
            entry["parts"] = list(column.parts)
        if column.kind == "category":
            entry |= {"fill": fills[column.name], **_encoding(blocks["categories"], column.name)}
        else:
            entry["fill"] = [fills[name] for name in column.numbers]
        if column.numbers[0] in indicated:
            entry["indicator"] = True
        entries.append(entry)
    return {
        "version": 1,
        "columns": entries,
        "features": features,
        "scaling": _scaling(blocks, columns, scaling),
    }


def _numbers_of(columns: Sequence[Column], kinds: tuple[str, ...]) -> list[str]:
    return [name for column in columns if column.kind in kinds for name in column.numbers]


def _indicated(columns: Sequence[Column]) -> list[str]:
    """A column for each indicator; a missing category is a category of its own."""
    return [column.numbers[0] for column in columns if column.kind != "category"]


def _category_pipeline(source: DataSource, scaling: str) -> Pipeline:
    fill = (
        SimpleImputer(strategy="constant", fill_value=MISSING_CATEGORY)
        if source.missing == "indicator"
        else SimpleImputer(strategy="most_frequent")
    )
    if source.categories == "one_hot":
        encoder = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        return Pipeline([("fill", fill), ("encode", encoder)])
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    return Pipeline([("fill", fill), ("encode", encoder), ("scale", new_scaler(scaling))])


def _fills(blocks: dict[str, Any]) -> dict[str, Any]:
    fills: dict[str, Any] = {}
    for block in ("numbers", "booleans", "categories"):
        if block in blocks:
            fitted, names = blocks[block]
            imputer = fitted.named_steps["fill"] if isinstance(fitted, Pipeline) else fitted
            values = np.asarray(imputer.statistics_).tolist()
            fills |= dict(zip(names, values, strict=True))
    return fills


def _encoding(block: tuple[Pipeline, list[str]], name: str) -> dict[str, Any]:
    pipeline, names = block
    encoder = pipeline.named_steps["encode"]
    categories = [str(value) for value in encoder.categories_[names.index(name)]]
    is_ordinal = isinstance(encoder, OrdinalEncoder)
    return {"encoding": "ordinal" if is_ordinal else "one_hot", "categories": categories}


def _features(blocks: dict[str, Any], columns: Sequence[Column]) -> list[str]:
    """The names of the inputs, each once."""
    names = [*_numbers_of(columns, ("number", "date")), *_numbers_of(columns, ("boolean",))]
    if "categories" in blocks:
        for name in blocks["categories"][1]:
            encoding = _encoding(blocks["categories"], name)
            is_ordinal = encoding["encoding"] == "ordinal"
            names += [name] if is_ordinal else [f"{name}_{c}" for c in encoding["categories"]]
    if "missing" in blocks:
        parents = {column.numbers[0]: column.name for column in columns}
        names += [f"{parents[name]}_is_missing" for name in blocks["missing"][1]]
    unique: dict[str, None] = {}
    for name in names:
        unused = name
        while unused in unique:
            unused += "_"
        unique[unused] = None
    return list(unique)


def _scaling(
    blocks: dict[str, Any], columns: Sequence[Column], scaling: str
) -> list[dict[str, Any]]:
    numbers = len(_numbers_of(columns, ("number", "date")))
    entries = []
    if numbers:
        fitted = blocks["numbers"][0].named_steps["scale"]
        inputs = list(range(numbers))
        entries.append({"inputs": inputs, **scaling_parameters(scaling, fitted, numbers)})
    if "categories" in blocks and "scale" in blocks["categories"][0].named_steps:
        first = numbers + len(_numbers_of(columns, ("boolean",)))
        fitted, names = blocks["categories"]
        inputs = list(range(first, first + len(names)))
        parameters = scaling_parameters(scaling, fitted.named_steps["scale"], len(names))
        entries.append({"inputs": inputs, **parameters})
    return entries
