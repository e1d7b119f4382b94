"""What the command ``predict`` does: rows from a file, predictions to a file or to the terminal."""

from benchmark.commands.backends import select_backend
from benchmark.commands.file_requests import PredictRequest
from benchmark.commands.runs import opened_run
from benchmark.commands.terminal import say, warn
from benchmark.results import read_environment


def run_predict(request: PredictRequest) -> None:
    """Read rows, predict, and write.

    Raises:
        UserError: something that the user can fix.
    """
    from benchmark.prediction.best_model import load_best_model
    from benchmark.prediction.files import check_output, read_rows, write_predictions

    if request.output is not None:
        check_output(request.output, request.rows)
    rows = read_rows(request.rows)
    with opened_run(request.results, request.run, trust=request.trust) as path:
        recorded = str(read_environment(path).get("backend", ""))
        best = load_best_model(
            path, request.label, lambda: select_backend(request.backend or recorded or None)
        )
        predictions = best.predict(rows)
    count = f"{len(predictions)} prediction{'s' * (len(predictions) != 1)}"
    told = f"{count} by the best model of {best.label}, trial {best.trial} of {path}"
    if request.output is None:
        say(predictions.to_csv(index=False).rstrip("\n"))
        warn(told)
        return
    write_predictions(predictions, request.output)
    say(f"{told}: {request.output}")
