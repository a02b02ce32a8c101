import pytest


@pytest.fixture(params=["eager", "single_pass"])
def backend(request):
    """The forms that the loss terms have."""
    return request.param
