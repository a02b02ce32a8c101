"""Python text is what was meant, when it is read again."""

import pytest

from dmmix.configuration.python_text import assignments


@pytest.mark.parametrize("path", ["C:\\new data\\tiny", "/data/a folder", 'say "x"', "größer"])
def test_paths_of_any_platform_are_written_as_they_are(path):
    names = {}
    exec(assignments({"data_root": path, "model": {"of": [path]}}), names)
    assert names["data_root"] == path
    assert names["model"] == {"of": [path]}
