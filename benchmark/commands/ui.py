"""The command ``ui``: MLflow's pages with the views prepared there, or Optuna Dashboard."""

import contextlib
import json
import os
import sys
import threading
import time
import webbrowser
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from benchmark.commands.requests import UiRequest
from benchmark.commands.serving import DONE, serve
from benchmark.commands.terminal import say

HOST = "127.0.0.1"
START_SECONDS = 120.0
"""How long MLflow may take to answer; it imports for seconds, on a busy machine for a minute."""
ANSWER_SECONDS = 10.0
EXPERIMENTS = "/api/2.0/mlflow/experiments/search"
# Without the parameter MLflow opens its pages on language models.
ALL_RUNS = "/#/experiments?workflowType=machine_learning"


def run_mlflow(request: UiRequest, uri: str) -> int:
    """Serve MLflow's pages until Ctrl-C, and show the prepared views as soon as it answers.

    Args:
        request: the options.
        uri: the MLflow store.

    Returns:
        The exit code.
    """
    from benchmark.results import find_run, read_environment
    from benchmark.tracking import check_database, ui_command, ui_environment

    command = ui_command(uri, port=request.port)
    check_database(uri)
    identity = None
    if request.run is not None:
        path = find_run(request.results, request.run)
        identity = str(read_environment(path).get("identity") or path.name)
    request.results.mkdir(parents=True, exist_ok=True)
    address = f"http://{HOST}:{request.port}"
    say(f"MLflow on {address}{ALL_RUNS} (Ctrl-C ends it)")
    threading.Thread(
        target=_show_views,
        args=(address, identity),
        kwargs={"opens": request.open_browser},
        daemon=True,
    ).start()
    return serve(command, ui_environment(os.environ, uri))


def run_dashboard(request: UiRequest) -> int:
    """Serve Optuna Dashboard on the search of a run until Ctrl-C.

    Args:
        request: the options.

    Returns:
        The exit code.
    """
    from benchmark.results import find_run, read_environment
    from benchmark.search.dashboard import serve_dashboard

    path = find_run(request.results, request.run or "latest")

    def tell(sentence: str) -> None:
        say(sentence)
        if request.open_browser:
            address = f"http://{HOST}:{request.port}"
            threading.Timer(1.0, _open, [address]).start()  # the server starts in a moment

    with contextlib.suppress(KeyboardInterrupt):
        serve_dashboard(
            read_environment(path), path, storage=request.storage, port=request.port, tell=tell
        )
    return DONE


def _show_views(address: str, identity: str | None, *, opens: bool) -> None:
    """Print the links to the views of a run, and open the first one."""
    from benchmark.tracking.saved_views import links

    answer = _experiments(address)
    views = links(
        [
            (experiment["experiment_id"], {tag["key"]: tag["value"] for tag in _tags(experiment)})
            for experiment in answer.get("experiments", [])
        ],
        identity,
    )
    for title, path in views:
        say(f"{title}\n  {address}{path}", flush=True)
    if opens and answer:
        _open(f"{address}{views[0][1] if views else ALL_RUNS}")


def _tags(experiment: Mapping[str, Any]) -> list[dict[str, str]]:
    return list(experiment.get("tags", []))


def _experiments(address: str) -> dict[str, Any]:
    """Ask the server for all experiments as soon as it answers; nothing if it never does."""
    direct = build_opener(ProxyHandler({}))
    question = Request(  # noqa: S310 - the address is our own server's
        f"{address}{EXPERIMENTS}",
        data=json.dumps({"max_results": 1000}).encode(),
        headers={"Content-Type": "application/json"},
    )
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            with direct.open(question, timeout=ANSWER_SECONDS) as answer:
                experiments: dict[str, Any] = json.load(answer)
                return experiments
        except (OSError, HTTPException, ValueError):  # not yet, or something else listens there
            time.sleep(0.5)
    return {}


def _open(address: str) -> None:
    """Open a page in the browser of the desktop; a text browser would take the terminal."""
    has_desktop = sys.platform in ("darwin", "win32") or bool(
        os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if has_desktop:
        webbrowser.open(address)
