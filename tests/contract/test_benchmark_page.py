"""docs/benchmarks.md says what the committed results say."""

from benchmarks.report import PAGE, page


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python benchmarks/report.py"
