from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mmaction.engine.console import keep_console_readable


@pytest.mark.parametrize(
    ("level", "message", "shown"),
    [
        (logging.INFO, "Epoch(train) [1][20/100]", True),
        (logging.INFO, "Config:\nmodel = dict(\n)", False),
        (logging.WARNING, "several things:\none\ntwo", True),
        (logging.WARNING, '"FileClient" will be deprecated in future.', False),
    ],
)
def test_lines_reach_the_console_and_reports_the_file(
    level: int, message: str, shown: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import sys

    logger = logging.Logger("run")
    file = logging.FileHandler(tmp_path / "run.log")
    logger.handlers = [logging.StreamHandler(sys.stdout), file]
    keep_console_readable(logger)
    keep_console_readable(logger)
    logger.log(level, message)
    file.close()
    assert capsys.readouterr().out == (f"{message}\n" if shown else "")
    assert (tmp_path / "run.log").read_text() == f"{message}\n"
