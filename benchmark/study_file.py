"""Finding, reading and checking study files: every mistake becomes a sentence."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from benchmark.errors import UserError, did_you_mean
from benchmark.resources import shipped
from benchmark.study import Study
from benchmark.study_checks import check_study
from benchmark.study_facts import Catalogue
from benchmark.study_messages import mistakes_of
from benchmark.toml_text import TomlError, parse_toml, read_toml_text

WHAT = "a study"


class StudyError(UserError, ValueError):
    """A study file that cannot be run, with one line for every mistake in it."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = tuple(lines)


def study_files() -> dict[str, Path]:
    """All studies by name: the shipped ones, overlaid by ``studies/`` of the current folder."""
    places = (shipped("studies"), Path("studies"))
    return {path.stem: path for place in places for path in sorted(place.glob("*.toml"))}


def find_study(name: str) -> Path:
    """Return the file of a study given by path or by name.

    A path or a name in the current folder wins over a shipped study.

    Raises:
        StudyError: there is no such file.
    """
    for path in (Path(name), Path(f"{name}.toml"), Path("studies") / f"{name}.toml"):
        if path.is_file():
            return path
    known = study_files()
    if name in known:
        return known[name]
    raise StudyError(
        [
            f"a study must be a TOML file or the name of a study. Received {name!r}."
            f"{did_you_mean(name, known)} `python -m benchmark.run list studies` shows them all."
        ]
    )


def parse_study(text: str, source: str, name: str = "study") -> Study:
    r"""Read the text of a study file, checking its shape only.

    Args:
        text: the TOML text.
        source: the file named in messages.
        name: the study's name if the text gives none.

    Raises:
        StudyError: with one line for each mistake.

    Example:
        >>> text = 'question = "?"\ncompare = ["sgd"]\n[problem]\ndataset = "iris"'
        >>> parse_study(text, "x.toml").budget.trials
        20
        >>> parse_study(text + "\nmetrik = 1", "x.toml")
        Traceback (most recent call last):
        benchmark.study_file.StudyError: ... Received 'metrik' at problem.metrik in x.toml. ...
    """
    try:
        content = parse_toml(text, source, WHAT)
    except TomlError as error:
        raise StudyError([str(error)]) from None
    try:
        return Study.model_validate({"name": name, **content})
    except ValidationError as error:
        raise StudyError([m.line(source) for m in mistakes_of(error)]) from None


def read_text(path: Path) -> str:
    """Return the text of a study file, without the mark that some editors begin it with.

    Raises:
        StudyError: the file cannot be read.
    """
    try:
        return read_toml_text(path, WHAT)
    except TomlError as error:
        raise StudyError([str(error)]) from None
    except OSError as error:
        raise StudyError(
            [
                f"a study must be a readable UTF-8 file. Received {error} at {path}. "
                "Save it as UTF-8 where you may read it."
            ]
        ) from None


def load_study(path: Path, catalogue: Catalogue) -> Study:
    """Read a study file and check all of it.

    Raises:
        StudyError: the file cannot be read, or with one line for each mistake.
    """
    return checked_study(read_text(path), str(path), path.stem, catalogue)


def checked_study(text: str, source: str, name: str, catalogue: Catalogue) -> Study:
    """Read the text of a study file and check all of it.

    Args:
        text: the TOML text.
        source: the file named in messages.
        name: the study's name if the text gives none.
        catalogue: what the study may name.

    Raises:
        StudyError: with one line for each mistake.
    """
    study = parse_study(text, source, name)
    mistakes = [mistake.line(source) for mistake in check_study(study, catalogue)]
    if mistakes:
        raise StudyError(mistakes)
    return study


def study_of_run(path: Path) -> Study:
    """Read the frozen study of a run; its name is that of the folder above.

    Args:
        path: the run folder.
    """
    file = path / "study.toml"
    return parse_study(read_text(file), str(file), path.parent.name)
