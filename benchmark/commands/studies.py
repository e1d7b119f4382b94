"""Several studies by one command, one after the other."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from benchmark.commands.outcome import DONE, INTERRUPTED, StudyRequest
from benchmark.commands.runs import code_of_study
from benchmark.commands.study import run_study
from benchmark.commands.terminal import command, warn
from benchmark.errors import UserError
from benchmark.results import check_run_name
from benchmark.study.catalogue import catalogue
from benchmark.study.data import check_data
from benchmark.study.loading import changed_study, find_study


def run_studies(
    names: Sequence[str], request: StudyRequest, select_backend: Callable[[str], None]
) -> int:
    """Run studies in order and return the exit code, the largest of all.

    All of them are checked before the first is trained, so that a mistake in the last costs
    nothing.

    Args:
        names: study files or names of studies.
        request: what the user asked for, of each of them alike.
        select_backend: as for :func:`~benchmark.commands.study.run_study`.

    Raises:
        UserError: something that the user can fix.
    """
    if len(names) == 1:
        return run_study(replace(request, name=names[0]), select_backend)
    if request.as_json:
        raise UserError(
            f"--json prints one document. Received {len(names)} studies. Run them one by one."
        )
    _check(names, request, select_backend)
    code = DONE
    for place, name in enumerate(names):
        ended = run_study(replace(request, name=name), select_backend)
        left = names[place + 1 :]
        if ended == INTERRUPTED:
            if left:
                warn(f"Not begun:\n  {command('study', *left)}")
            return ended
        code = max(code, ended)
    return code


def _check(
    names: Sequence[str], request: StudyRequest, select_backend: Callable[[str], None]
) -> None:
    known = catalogue(before_import=lambda: select_backend(""))
    studies = []
    for name in names:
        with code_of_study(find_study(name), trust=request.trust):
            studies.append(changed_study(name, request.changes, known).study)
    found = [study.name for study in studies]
    for study in studies:
        check_run_name(request.results, study.name, request.run_name)
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"a study must be named once. Received {twice!r} twice. Leave one out.")
    for study in studies:
        check_data(study, warn)
