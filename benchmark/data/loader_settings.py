"""What a dataset card may say about where its data come from: one class a kind of loader."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from benchmark.data_source import MOST_CATEGORIES, Encoding, Missing

GENERATOR_RESERVED = (
    "n_samples",
    "random_state",
    "coef",
    "return_X_y",
    "return_centers",
    "return_distributions",
)
"""Keyword arguments of scikit-learn's generators that the card gives elsewhere or that
would change what the generator returns."""


FETCHER_RESERVED = ("data_home", "return_X_y", "as_frame")
"""Keyword arguments of scikit-learn's fetchers that would change what they return, or where."""


class Table(BaseModel):
    """Base of every table of a card: immutable, strict, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class ToySettings(Table):
    """``kind = "scikit_learn"``: one of the datasets that scikit-learn carries.

    Args:
        dataset: the name after ``load_``. Diabetes is loaded as measured
            (``scaled=False``): its scaled form is computed at run time, so its last bits,
            and the checksum with them, would depend on the machine.
        target: of linnerud, which has three, the column to predict: ``Weight``, ``Waist`` or
            ``Pulse``.
    """

    kind: Literal["scikit_learn"]
    dataset: Literal["breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"]
    target: Literal["", "Weight", "Waist", "Pulse"] = ""

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.dataset == "linnerud") != bool(self.target):
            raise ValueError("target must be given for linnerud, and for no other dataset")
        return self


class GeneratorSettings(Table):
    """``kind = "scikit_learn_generator"``: random data of ``sklearn.datasets``.

    Args:
        function: the generator.
        seed: its ``random_state``.
        options: its other keyword arguments; ``n_samples`` is the card's ``samples``.
    """

    kind: Literal["scikit_learn_generator"]
    function: Literal[
        "make_blobs",
        "make_circles",
        "make_classification",
        "make_friedman1",
        "make_friedman2",
        "make_friedman3",
        "make_gaussian_quantiles",
        "make_hastie_10_2",
        "make_moons",
        "make_regression",
        "make_s_curve",
        "make_sparse_uncorrelated",
        "make_swiss_roll",
    ]
    seed: int = Field(0, ge=0, lt=2**32)
    options: dict[str, bool | int | float | str | list[float]] = Field(default_factory=dict)

    @field_validator("options")
    @classmethod
    def _free(cls, options: dict[str, object]) -> dict[str, object]:
        for name in GENERATOR_RESERVED:
            if name in options:
                raise ValueError(f"options must not hold {name}, which the card itself decides")
        return options


class FetcherSettings(Table):
    """``kind = "scikit_learn_fetcher"``: a dataset that scikit-learn downloads.

    It is fetched once into ``datasets/.cache/``, in scikit-learn's own form; a download that was
    interrupted is begun again.

    Args:
        dataset: the name after ``fetch_``.
        options: other keyword arguments, such as ``min_faces_per_person``.
    """

    kind: Literal["scikit_learn_fetcher"]
    dataset: Literal["california_housing", "covtype", "lfw_people", "olivetti_faces"]
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)

    @field_validator("options")
    @classmethod
    def _free(cls, options: dict[str, object]) -> dict[str, object]:
        for name in FETCHER_RESERVED:
            if name in options:
                raise ValueError(f"options must not hold {name}, which the program decides")
        return options


class OpenmlSettings(Table):
    """``kind = "openml"``: a dataset of OpenML, fetched once into ``datasets/.cache/``.

    Args:
        data_id: OpenML's number of the dataset, which fixes its version too.
        target: the column to predict; empty means OpenML's own default target.
    """

    kind: Literal["openml"]
    data_id: int = Field(ge=1)
    target: str = ""


class CsvSettings(Table):
    """``kind = "csv"``: a text file with a row of column names.

    Args:
        path: the file; a relative path starts at the folder of the card.
        target: the column to predict.
        features: the input columns, in this order; empty means all others.
        separator: the character between columns.
    """

    kind: Literal["csv"]
    path: str = Field(min_length=1)
    target: str = Field(min_length=1)
    features: Annotated[tuple[str, ...], Field(strict=False)] = ()
    separator: str = Field(",", min_length=1, max_length=1)


class ParquetSettings(Table):
    """``kind = "parquet"``: an Apache Parquet file.

    Args:
        path: the file; a relative path starts at the folder of the card.
        target: the column to predict.
        features: the input columns, in this order; empty means all others.
    """

    kind: Literal["parquet"]
    path: str = Field(min_length=1)
    target: str = Field(min_length=1)
    features: Annotated[tuple[str, ...], Field(strict=False)] = ()


class NpzSettings(Table):
    """``kind = "npz"``: an archive written by ``numpy.savez``, without pickled objects.

    Args:
        path: the file; a relative path starts at the folder of the card.
        inputs: the name of the array of inputs; axes after the first are flattened.
        target: the name of the array to predict.
    """

    kind: Literal["npz"]
    path: str = Field(min_length=1)
    inputs: str = "x"
    target: str = "y"


class ColumnSettings(Table):
    """The table ``[columns]``: how the columns of a file become inputs.

    Args:
        ignore: columns that are left out.
        categorical: columns of numbers that are read as categories.
        missing: what is done about missing values, as in ``[problem.columns]`` of a study.
        categories: whether categories become one-hot columns or ordinal numbers.
        max_categories: different values that a one-hot column may have.
    """

    ignore: Annotated[tuple[str, ...], Field(strict=False)] = ()
    categorical: Annotated[tuple[str, ...], Field(strict=False)] = ()
    missing: Missing = "median"
    categories: Encoding = "one_hot"
    max_categories: int = Field(MOST_CATEGORIES, ge=2)


LoaderSettings = Annotated[
    ToySettings
    | GeneratorSettings
    | FetcherSettings
    | OpenmlSettings
    | CsvSettings
    | ParquetSettings
    | NpzSettings,
    Field(discriminator="kind"),
]
"""The table ``[loader]`` of a card; its ``kind`` decides which keys it may hold."""

SETTINGS: dict[str, type[Table]] = {
    "csv": CsvSettings,
    "npz": NpzSettings,
    "openml": OpenmlSettings,
    "parquet": ParquetSettings,
    "scikit_learn": ToySettings,
    "scikit_learn_fetcher": FetcherSettings,
    "scikit_learn_generator": GeneratorSettings,
}
"""The settings by kind."""
