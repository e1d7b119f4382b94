"""Pages of which commands write parts, and people the rest."""

from pathlib import Path

from benchmark.errors import UserError


def check_output(output: Path | None) -> None:
    """Refuse before minutes are spent what could not be written at their end."""
    if output is None:
        return
    if output.suffix != ".md":
        raise UserError(
            f"the file must be Markdown. Received {str(output)!r} at --output. "
            "Let its name end with .md."
        )
    if not output.absolute().parent.is_dir():
        raise UserError(
            f"the file's folder must exist. Received {str(output)!r} at --output. "
            f"Make {output.parent} first."
        )


def write_section(path: Path, name: str, text: str) -> None:
    """Write one part of a Markdown file, and leave everything else of it as it is.

    Args:
        path: the file; made where it is not there.
        name: of the part, which stands between two comments of that name.
        text: the new part; a file without it gets it at its end.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    path.write_text(with_section(before, name, text), encoding="utf-8")


def with_section(page: str, name: str, text: str) -> str:
    r"""Return a page with a part replaced, or added at its end.

    Args:
        page: the text of the page so far.
        name: of the part.
        text: the new part.

    Example:
        >>> page = with_section("# By hand\n", "cost", "| old |")
        >>> print(with_section(page + "\nMore.\n", "cost", "| new |"))
        # By hand
        <BLANKLINE>
        <!-- cost: written by a command, which replaces it. -->
        <BLANKLINE>
        | new |
        <BLANKLINE>
        <!-- end of cost -->
        <BLANKLINE>
        More.
        <BLANKLINE>
    """
    begin, end = (
        f"<!-- {name}: written by a command, which replaces it. -->",
        f"<!-- end of {name} -->",
    )
    part = f"{begin}\n\n{text.strip()}\n\n{end}\n"
    head, beginning, rest = page.partition(begin)
    if not beginning:
        return f"{page.rstrip()}\n\n{part}".lstrip("\n")
    _, _, tail = rest.partition(f"{end}\n")
    return f"{head}{part}{tail}"
