"""Datasets: cards, loaders, stratified splits, scaling and mini-batches.

The names below are imported when they are first asked for, so that importing this
package costs nothing and loads neither scikit-learn nor pandas.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.data.card_files import card_names as card_names
    from benchmark.data.card_files import load_card as load_card
    from benchmark.data.cards import DatasetCard as DatasetCard
    from benchmark.data.cards import DatasetError as DatasetError
    from benchmark.data.dataset import Dataset as Dataset
    from benchmark.data.dataset import checksum_of as checksum_of
    from benchmark.data.dataset import load_dataset as load_dataset
    from benchmark.data.preparation import Part as Part
    from benchmark.data.preparation import Prepared as Prepared
    from benchmark.data.preparation import prepare as prepare
    from benchmark.data.preparation import prepare_problem as prepare_problem
    from benchmark.data.sampling import SAMPLINGS as SAMPLINGS
    from benchmark.data.sampling import epoch_batches as epoch_batches
    from benchmark.data.split import part_sizes as part_sizes
    from benchmark.data.split import split_rows as split_rows

_MODULES = {
    "Dataset": "dataset",
    "DatasetCard": "cards",
    "DatasetError": "cards",
    "Part": "preparation",
    "Prepared": "preparation",
    "SAMPLINGS": "sampling",
    "card_names": "card_files",
    "checksum_of": "dataset",
    "epoch_batches": "sampling",
    "load_card": "card_files",
    "load_dataset": "dataset",
    "part_sizes": "split",
    "prepare": "preparation",
    "prepare_problem": "preparation",
    "split_rows": "split",
}
__all__ = [
    "SAMPLINGS",
    "Dataset",
    "DatasetCard",
    "DatasetError",
    "Part",
    "Prepared",
    "card_names",
    "checksum_of",
    "epoch_batches",
    "load_card",
    "load_dataset",
    "part_sizes",
    "prepare",
    "prepare_problem",
    "split_rows",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
