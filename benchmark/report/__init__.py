"""The report of a run, remade at any time from its folder alone."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.report.exports import write_tables
    from benchmark.report.images import write_images
    from benchmark.report.page import write_report

__all__ = ["write_images", "write_report", "write_tables"]


def __getattr__(name: str) -> Any:
    """Import Plotly and its company only when a report is written."""
    if name == "write_report":
        from benchmark.report.page import write_report

        return write_report
    if name == "write_images":
        from benchmark.report.images import write_images

        return write_images
    if name == "write_tables":
        from benchmark.report.exports import write_tables

        return write_tables
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
