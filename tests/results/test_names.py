"""Names of files that stand for names of a study."""

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from benchmark.results import model_file

# What a study may call a compared optimizer, and more.
LABELS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.:-]*", fullmatch=True), st.text(min_size=1)
)


@given(LABELS, LABELS)
def test_two_labels_never_share_a_file_on_any_system(first: str, second: str) -> None:
    # macOS does not tell cases apart.
    names = [model_file("run", label).name.casefold() for label in (first, second)]
    assert (names[0] == names[1]) == (first == second)


@given(LABELS)
def test_a_label_gives_a_plain_name_in_the_folder(label: str) -> None:
    file = model_file("run", label)
    assert file.parent.as_posix() == "run/best"
    assert len(file.name) < 200 and file.name.isascii() and not file.name.startswith("..")
    assert not set(file.name) & set('/\\:*?"<>| ')
    if "~" not in file.name:
        assert unquote(file.stem) == label


def test_long_labels_are_cut_and_differ() -> None:
    names = {model_file("run", "a" * 500 + end).name for end in "xy"}
    assert len(names) == 2 and all(len(name) < 200 for name in names)
