"""What the command ``dataset describe`` does: the card of a file of rows, printed."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.commands.file_requests import DescribeRequest
from benchmark.commands.init import check_target
from benchmark.commands.terminal import say, warn
from benchmark.errors import UserError
from benchmark.study.writing import content_text

if TYPE_CHECKING:
    from benchmark.data import DatasetCard

HEADER = "# Put this file into datasets/, beside the data, as NAME.toml.\n"


def describe(request: DescribeRequest) -> None:
    """Print the complete card of a file, and to the standard error what was inferred.

    Raises:
        UserError: there is no such file, or it cannot be used as asked.
    """
    from benchmark.data.files import ENDINGS, format_of
    from benchmark.data.inference import card_of
    from benchmark.data.tables import load_table, sentences
    from benchmark.data_source import DataSource

    path = Path(request.file)
    if not path.is_file() or not format_of(path.name):
        raise UserError(
            f"dataset describe needs a file of rows that ends in {', '.join(ENDINGS)}. Received "
            f"{request.file!r}{', which is not there' if not path.is_file() else ''}. "
            "Check the path."
        )
    check_target(request.file, request.target)
    source = DataSource(
        request.target or "y",
        path=str(path.absolute()),
        ignore=tuple(request.ignore or ()),
        task=request.task.value if request.task else "",
    )
    table = load_table(source, path.name)
    for sentence in sentences(table):
        warn(sentence)
    # A card names its file from its own folder.
    say(card_text(card_of(table, path.name)).rstrip("\n"))


def card_text(card: "DatasetCard") -> str:
    """Return a card as the text of its file, which lies beside the data; defaults are left out.

    Args:
        card: complete.
    """
    content = card.model_dump(mode="json", exclude_defaults=True, exclude={"name"})
    return HEADER + content_text(content, f"the card of {card.title}")
