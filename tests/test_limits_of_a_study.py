"""A study of adaptive optimizers, run as a user would: a limit for each trial, in words too."""

import json

import pytest
from typer.testing import CliRunner

from benchmark.results import read_run
from benchmark.run import app

STUDY = """
question = "Do adaptive steps stay below their limits on iris?"
compare = ["rmsprop", "adamw", "lion"]
seed = 3
[problem]
dataset = "iris"
[problem.model]
name = "linear"
[training]
epochs = 2
[search.rmsprop]
learning_rate = 0.01
momentum = 0.5
[search.adamw]
learning_rate = 0.1
beta_1 = 0.8
weight_decay = 0.5
[search.lion]
learning_rate = 0.01
[budget]
trials = 1
replicates = 1
[curvature]
epochs = [0, 2]
"""
LIMITS = {"rmsprop": 2 * 1.5, "adamw": (2 - 0.05) * 1.8 / 0.2}


def test_each_trial_has_its_limit_or_the_reason_why_there_is_none(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text(STUDY, encoding="utf-8")
    words = ["study", str(path), "--no-tracking", "--results", str(tmp_path), "--run-name", "run"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    run = read_run(tmp_path / "limits" / "run")
    findings = run.findings[run.findings["topic"] == "stability"]
    table = run.curvature.set_index(["trial", "epoch", "quantity"])["value"]
    names = run.trials.set_index("number")["optimizer"]
    diagnosed = run.trials.loc[run.trials["phase"] != "search", "number"]
    assert set(findings["trial"]) == set(diagnosed)
    assert set(names[diagnosed]) == {"rmsprop", "adamw", "lion"}
    for trial, epoch, sentence in zip(
        findings["trial"], findings["epoch"], findings["sentence"], strict=True
    ):
        name = names[trial]
        if name == "lion":
            assert sentence.startswith("lion has no limit of η·λmax: it uses only signs")
        elif epoch == 0:
            assert "has made no step yet" in sentence
        else:
            sharpness = table[trial, epoch, "scaled_sharpness"]
            assert table[trial, epoch, "stability_limit"] == pytest.approx(LIMITS[name], rel=1e-6)
            assert sentence.startswith(f"η·λ_max(P⁻¹H) = {sharpness:.3g}: ")
            assert f"the limit {LIMITS[name]:.3g}, so" in sentence
            rate = {"rmsprop": 0.01, "adamw": 0.1}[name]
            largest = table[trial, epoch, "preconditioned_lambda_max"]
            assert sharpness == pytest.approx(rate * largest, rel=1e-6)
    # Of the kept weights alone the state of the optimizer is not known.
    number = int(names[names == "adamw"].index[0])
    folder = tmp_path / "page"
    words = ["curvature", "run", "--trial", str(number), "--results", str(tmp_path), "--json"]
    result = CliRunner().invoke(app, [*words, "--grid", "5", "--output", str(folder)])
    assert result.exit_code == 0, result.output
    sentences = json.loads(result.stdout)["sentences"]
    assert any("not kept with the weights" in str(line) for line in sentences)
