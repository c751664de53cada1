"""What every app makes of a user's mistakes."""

import pytest

from apps import flags, runner


def test_a_file_s_error_is_told_without_its_number(tmp_path, capsys):
    assert runner.run(lambda words: tmp_path.read_bytes() and 0, []) == 1
    assert capsys.readouterr().err == f"Error: Is a directory: {tmp_path}\n"


def test_a_path_of_the_environment_that_is_not_utf_8(monkeypatch):
    monkeypatch.setenv("GENKERAS_DATA_DIR", "/a\udcff")
    with pytest.raises(flags.UsageError, match=r"--data_dir holds '/a\\udcff', which is not UTF-8"):
        runner.data_options(flags.parse([], "A program.", flags.DATA))
