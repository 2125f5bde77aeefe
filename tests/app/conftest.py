"""What the tests of several commands begin with."""

import pytest

from app.cli import main


@pytest.fixture
def refused(capsys):
    """Runs a command that must fail, and returns its one sentence."""

    def run(*arguments):
        assert main([str(argument) for argument in arguments]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("\n") == 1, captured.err
        assert "Traceback" not in captured.err
        assert "Unexpected" not in captured.err
        return captured.err.strip()

    return run
