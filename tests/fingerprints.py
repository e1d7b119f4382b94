"""Hashes of the tables of a few studies: whether a restructuring changed any number.

Run it in two checkouts and compare what they print:

    python -m tests.fingerprints > after.json
    git worktree add ../before COMMIT && cd ../before
    python ../after/tests/fingerprints.py > before.json

It trains the studies in the current folder's checkout, on both backends, which takes some
minutes. Seconds, and the sentences of findings, are left out: they may change.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

TWELVE = [
    "sgd",
    "momentum",
    "nesterov",
    "adagrad",
    "rmsprop",
    "adam",
    "adamw",
    "radam",
    "lion",
    "muon",
    "schedule_free_sgd",
    "sam",
]
STUDIES: dict[str, tuple[str, ...]] = {
    "quickstart": ("quickstart",),
    "conditioning": ("conditioning",),
    "depth": ("depth",),
    "valley": ("valley",),
    "twelve_optimizers": (
        "optimizers_digits",
        "--trials",
        "2",
        "--set",
        f"compare={json.dumps(TWELVE)}",
    ),
}
TABLES = ("trials", "curves", "curvature", "spectra")
OPTIONS = ("--no-tracking", "--run-name", "fingerprint")


def fingerprint(table: pd.DataFrame) -> str:
    """Hash every value of a table but its seconds, each float to its last bit."""
    columns = sorted(name for name in table.columns if not name.startswith("seconds."))
    digest = hashlib.sha256()
    for name in columns:
        values = table[name]
        text = [value.hex() if isinstance(value, float) else str(value) for value in values]
        digest.update("\n".join([name, *text]).encode())
    return digest.hexdigest()[:16]


def train(arguments: tuple[str, ...], backend: str, results: Path) -> Path:
    """Run a study as a user would and return its run folder."""
    command = [sys.executable, "-m", "benchmark.run", "study", *arguments, *OPTIONS]
    subprocess.run(
        [*command, "--backend", backend, "--results", str(results)],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    return next(results.glob("*/fingerprint"))


def main() -> None:
    """Print the hashes as JSON, by backend, study and table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--study", action="append", choices=STUDIES, help="by default all")
    parser.add_argument("--backend", action="append", choices=("tensorflow", "jax"))
    wanted = parser.parse_args()
    hashes: dict[str, dict[str, dict[str, str]]] = {}
    for backend in wanted.backend or ("tensorflow", "jax"):
        for study in wanted.study or STUDIES:
            with tempfile.TemporaryDirectory() as folder:
                run = train(STUDIES[study], backend, Path(folder))
                hashes.setdefault(backend, {})[study] = {
                    name: fingerprint(pd.read_parquet(run / f"{name}.parquet")) for name in TABLES
                }
            sys.stderr.write(f"{backend} {study}\n")
    sys.stdout.write(json.dumps(hashes, indent=2) + "\n")


if __name__ == "__main__":
    main()
