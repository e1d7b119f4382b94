"""The copy of Plotly that pages carry: the file that was published, of the release that draws."""

import hashlib
import re

from packaging.version import Version
from plotly.offline import get_plotlyjs

from benchmark.report.rendering import PLOTLY

SHA256 = "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"
"""Of ``package/plotly-cartesian.min.js`` in npm's plotly.js-cartesian-dist-min 4.1.1."""


def test_the_copy_is_the_file_that_was_published():
    assert hashlib.sha256(PLOTLY.read_bytes()).hexdigest() == SHA256
    assert "MIT License" in (PLOTLY.parent / "LICENSE").read_text(encoding="utf-8")
    assert b"</script" not in PLOTLY.read_bytes()


def version_of(script: str) -> Version:
    """The version that the first comment of a Plotly names."""
    match = re.search(r"plotly\.js.* v(\d+\.\d+\.\d+)", script[:300])
    assert match
    return Version(match[1])


def test_the_copy_is_not_older_than_the_one_of_the_python_package():
    version, whole = map(version_of, (PLOTLY.read_text(encoding="utf-8"), get_plotlyjs()))
    assert version.base_version in PLOTLY.name
    assert version >= whole, "npm pack plotly.js-cartesian-dist-min@VERSION has the newer one"
