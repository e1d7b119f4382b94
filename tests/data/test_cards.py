import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.data import DatasetError, card_names, load_card
from benchmark.data.card_files import find_card, read_card
from benchmark.data.loader_settings import SETTINGS
from benchmark.data.loaders import LOADERS
from benchmark.resources import shipped

SHIPPED = sorted(path.stem for path in shipped("datasets").glob("*.toml"))
GOOD = """
title = "Moons"
description = "Two half circles."
task = "classification"
samples = 40
features = 2
classes = 2
licence = "CC0-1.0"
source = "https://example.org/moons"
[loader]
kind = "scikit_learn_generator"
function = "make_moons"
seed = 3
"""


def write(folder: Path, text: str, name: str = "moons") -> Path:
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_shipped_cards_are_found_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert card_names() == SHIPPED
    assert find_card("iris").parent == shipped("datasets")


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_cards_are_complete(name: str) -> None:
    card = load_card(name)
    assert card.name == name
    assert card.source.startswith("https://"), f"source in datasets/{name}.toml must be a URL"
    # A card of generated data has none: their last bits depend on the machine.
    has_checksum = len(card.checksum) == 64 or card.loader.kind == "scikit_learn_generator"
    assert has_checksum, (
        f"checksum must be given in datasets/{name}.toml. "
        f"Add what benchmark.data.checksum_of returns for the loaded arrays."
    )
    assert card.reference, f"reference must be given in datasets/{name}.toml. Cite a source."
    assert card.units == (card.classes if card.task == "classification" else 1)


def test_card_in_current_folder_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "datasets").mkdir()
    write(tmp_path / "datasets", GOOD)
    write(tmp_path / "datasets", GOOD, "iris")
    monkeypatch.chdir(tmp_path)
    assert card_names() == sorted([*SHIPPED, "moons"])
    assert load_card("iris").title == "Moons"


def test_card_is_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_card("iris").samples = 3  # type: ignore[misc]


@pytest.mark.parametrize("name", ["digit", "../datasets/iris", "", "IRIS"])
def test_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(DatasetError, match=r"dataset must be one of .*wine. Received "):
        load_card(name)


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(DatasetError, match="Did you mean `breast_cancer`"):
        load_card("breastcancer")


MISTAKES = [
    (
        "samples = 40",
        "sampels = 40",
        ["'sampels'", "Did you mean `samples`"],
    ),
    (
        "samples = 40",
        "samples = 40.0",
        ["samples must be a valid integer. Received 40.0 at samples in"],
    ),
    ("samples = 40", "samples = 0", ["samples must be greater than or equal to 3. Received 0"]),
    ("classes = 2", "classes = 0", ["classes must be >= 2 where task is classification"]),
    ('"classification"', '"regression"', ["classes must be 0 or absent where task is regression"]),
    ('"classification"', '"cluster"', ["task must be 'classification' or 'regression'"]),
    ("classes = 2", 'classes = 2\nclass_names = ["a"]', ["one name for each class"]),
    ("classes = 2", 'classes = 2\nchecksum = "12"', ["checksum must be", "Received '12'"]),
    ("classes = 2", 'classes = 2\nname = "stars"', ["name must be that of the file, 'moons'"]),
    (
        'kind = "scikit_learn_generator"',
        'kind = "scikit_lern"',
        ["kind must be one of", "Did you mean `scikit_learn`"],
    ),
    ('kind = "scikit_learn_generator"', "", ["kind must be one of", "Received None at loader in"]),
    ("seed = 3", "sed = 3", ["'sed' at loader.sed", "Did you mean `seed`"]),
    (
        "seed = 3",
        "seed = -1",
        ["seed must be greater than or equal to 0. Received -1 at loader.seed"],
    ),
    (
        "seed = 3",
        "options = { n_samples = 4 }",
        ["options must not hold n_samples", "loader.options"],
    ),
    ('"make_moons"', '"make_mons"', ["function must be 'make_blobs'", "Did you mean `make_moons`"]),
    ("[loader]", "[loader", ["a dataset card must be valid TOML", "at line"]),
]


@pytest.mark.parametrize(("old", "new", "parts"), MISTAKES)
def test_mistake_in_card_is_refused_with_a_sentence(
    tmp_path: Path, old: str, new: str, parts: list[str]
) -> None:
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(DatasetError) as caught:
        read_card(path)
    for part in [*parts, str(path)]:
        assert part in str(caught.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="readable TOML file"):
        read_card(tmp_path / "nothing.toml")


def test_every_kind_has_a_loader() -> None:
    assert set(LOADERS) == set(SETTINGS)


def test_cards_and_sizes_need_no_heavy_import() -> None:
    code = (
        "import sys, benchmark.data as d; assert 'numpy' not in sys.modules;"
        "[d.load_card(name) for name in d.card_names()]; d.part_sizes(9, (0.6, 0.2, 0.2));"
        "heavy = {'sklearn', 'pandas', 'keras', 'tensorflow', 'jax', 'scipy'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_package_lists_its_names() -> None:
    import benchmark.data

    assert {*benchmark.data.__all__} <= {*dir(benchmark.data)}
    for name in benchmark.data.__all__:
        assert getattr(benchmark.data, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        benchmark.data.nothing  # noqa: B018
