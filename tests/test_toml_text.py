"""What bounds the time that a TOML text of anyone's may take."""

import time
import tomllib
from pathlib import Path

import pytest

from benchmark.toml_text import (
    MOST_BYTES,
    MOST_KEYS,
    TomlError,
    parse_toml,
    read_toml_text,
)
from tests.source_tree import ROOT

SECONDS = 5.0
"""For any text; the same ones took up to 152 s."""
TOO_MUCH = {
    "one key of 50,000 parts": (".".join(["a"] * 40_000) + " = 1", "40000 parts"),
    "blanks around the dots": (" . ".join(["a"] * 5_000) + " = 1", "5000 parts"),
    "quoted parts": (".".join(['"a"'] * 5_000) + " = 1", "5000 parts"),
    "parts with dots in quotes": (".".join(['"a.b"'] * 5_000) + " = 1", "parts"),
    "many keys of 15 parts": (
        "".join(".".join(["a"] * 15) + f"{k} = 1\n" for k in range(2000)),
        "15 parts",
    ),
    "a deep header": (f"[{'.'.join('abcdefg')}]\nh = 1", "8 parts"),
    "tables within tables": ("a = " + "{a = " * 60 + "1" + "}" * 60, "61 parts"),
    "tables in lists": ("a = [{b = [{c = [{d = [{e = [{f = {g = 1}}]}]}]}]}]", "7 parts"),
    "many keys": ("".join(f"k{k} = 1\n" for k in range(MOST_KEYS + 1)), "2001 keys"),
    "many dotted keys": ("".join(f"a.b.c{k} = 1\n" for k in range(MOST_KEYS)), "2002 keys"),
    "a large text": ("# " + "x" * MOST_BYTES, "100002 characters"),
    "lists without end": ("a = " + "[" * 5000, "lists within lists"),
    "lists within lists": ("a = " + "[" * 5000 + "]" * 5000, "lists within lists"),
}


@pytest.mark.parametrize("case", TOO_MUCH)
def test_what_would_take_long_is_refused_at_once(case: str) -> None:
    text, reason = TOO_MUCH[case]
    started = time.perf_counter()
    with pytest.raises(TomlError, match=reason) as refusal:
        parse_toml(text, "x.toml", "a study")
    assert time.perf_counter() - started < SECONDS
    assert "in x.toml" in str(refusal.value)
    assert len(str(refusal.value)) < 300


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    with path.open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(TomlError, match="1099511627776 bytes"):
        read_toml_text(path, "a study")


@pytest.mark.parametrize(
    "text",
    [
        "# " + "One sentence. " * 50,
        "x = [" + "1.5, " * 10_000 + "]",
        'x = "' + "a.b/" * 1000 + '"',
        *(path.read_text(encoding="utf-8") for path in ROOT.glob("*s/*.toml")),
    ],
)
def test_what_people_write_is_read_as_the_standard_library_reads_it(text: str) -> None:
    assert parse_toml(text, "x.toml", "a study") == tomllib.loads(text)
