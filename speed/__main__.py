"""Compare the speed of this project with other programs: ``python -m speed``."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark.commands.options import JsonOption
from benchmark.commands.terminal import bad_input, user_errors

app = typer.Typer(add_completion=False)


@app.command(
    epilog="Examples:  python -m speed  |  python -m speed --only whole_study  |  "
    "python -m speed --gpu  |  python -m speed --optimizers --output docs/optimizers.md"
)
def speed(
    quick: Annotated[
        bool, typer.Option("--quick", help="Few trials, a few minutes; the default.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="The sizes that the targets are stated for.")
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A group of measurements or one of them; repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page in Markdown, and a figure beside it."),
    ] = None,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Trials per second on a GPU instead, on JAX.")
    ] = False,
    profile: Annotated[
        bool, typer.Option("--profile", help="Only where the time of a trial goes.")
    ] = False,
    curvature: Annotated[
        bool, typer.Option("--curvature", help="Hessians beside PyHessian and curvlinops instead.")
    ] = False,
    optimizers: Annotated[
        bool,
        typer.Option("--optimizers", help="Only the step of each optimizer, against plain SGD."),
    ] = False,
    capacity: Annotated[
        int | None, typer.Option(min=1, help="How many trials ours trains at once.")
    ] = None,
    any_device: Annotated[
        bool, typer.Option("--any-device", hidden=True, help="Let a CPU do for --gpu.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast this is beside what people use instead, on this machine."""
    from speed.command import SpeedRequest, run_speed

    if quick and full:
        bad_input("--quick and --full exclude each other. Received both. Leave one out.")
    chosen = {
        "--gpu": gpu,
        "--profile": profile,
        "--curvature": curvature,
        "--optimizers": optimizers,
    }
    if sum(chosen.values()) > 1:
        first, second = [name for name, is_set in chosen.items() if is_set][:2]
        bad_input(f"{first} and {second} exclude each other. Received both. Leave one out.")
    request = SpeedRequest(
        full=full or (gpu and not quick),
        only=only or [],
        output=output,
        as_json=as_json,
        gpu=gpu,
        any_device=any_device,
        profile=profile,
        optimizers=optimizers,
        capacity=capacity,
        curvature=curvature,
    )
    with user_errors():
        code = run_speed(request)
    raise typer.Exit(code)


if __name__ == "__main__":
    app(prog_name="python -m speed")
