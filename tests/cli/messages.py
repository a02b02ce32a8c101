"""What a command says of a mistake."""


def error_of(result):
    """The one message of a refused call."""
    assert result.status == 2, result.out[-2000:] + result.err
    assert "Traceback" not in result.err
    errors = [line for line in result.err.splitlines() if "error: " in line]
    assert len(errors) == 1, result.err
    return errors[0].partition("error: ")[2]
