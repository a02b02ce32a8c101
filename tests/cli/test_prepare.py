"""dmmix data prepare: what a user sees, and exit statuses."""

import pytest

import dmmix.cli.prepare
from dmmix.datasets import preparation
from tests.datasets.preparation.archives import files_in, publish


@pytest.fixture
def run(call, monkeypatch):
    """Runs it in this process, with the table of the tests; status, output, errors."""
    monkeypatch.setattr(dmmix.cli.prepare, "_load_preparation", lambda: preparation)
    return lambda *arguments: call("data prepare", *arguments)


def test_from_an_archive(run, tmp_path, monkeypatch):
    data_set, shop, made = publish("cub200", tmp_path, monkeypatch)
    data = tmp_path / "data"
    archive = shop / data_set.archives[0].name
    status, out, _ = run("cub200", "--from", archive, "--to", data)
    assert status == 0
    assert out.splitlines() == [
        f"{data}/CUB_200_2011: 12 train, 12 test images, 3 classes",
        f"{data}/CUB_200_2011 is ready",
    ]
    assert files_in(data / "CUB_200_2011") == files_in(made)
    status, out, _ = run("cub200", "--to", data)
    assert (status, out.splitlines()[0]) == (0, "it is there already")
    status, out, err = run("cub200", "--to", data, "--check", "--decode")
    assert (status, out.splitlines()[-1]) == (0, "it is whole")
    assert "error" not in err
    (data / "CUB_200_2011" / "images.txt").unlink()
    status, out, err = run("cub200", "--to", data, "--check")
    assert status == 1
    assert err == f"error: {data}/CUB_200_2011/images.txt is missing\n"


@pytest.mark.parametrize("name", ["cifar10", "imagenet", "stanford_cars"])
def test_without_from_it_says_what_to_get(run, tmp_path, name):
    status, out, err = run(name, "--to", tmp_path / "data")
    assert status == 1
    assert f"dmmix data prepare {name} --to {tmp_path}/data --from" in out
    assert err.endswith("does not exist, and there is no --from\n")
    assert not (tmp_path / "data").exists()


def test_without_a_network_it_says_what_to_get(run, tmp_path):
    url = "https://127.0.0.1:9/CUB_200_2011.tgz"
    status, out, err = run("cub200", "--to", tmp_path / "data", "--from", url)
    assert status == 1
    assert "With the files at hand:" in out
    assert err.splitlines()[-1].startswith(f"error: {url}: no connection (")


@pytest.mark.parametrize("end", [-50, 0])
def test_errors_are_one_line(run, tmp_path, monkeypatch, end):
    data_set, shop, _ = publish("cub200", tmp_path, monkeypatch)
    archive = shop / data_set.archives[0].name
    archive.write_bytes(archive.read_bytes()[:end])
    status, _, err = run("cub200", "--from", archive, "--to", tmp_path / "data")
    assert status == 1
    line = next(line for line in err.splitlines() if line.startswith("error: "))
    assert line.startswith(f"error: {archive}: wrong checksum")
    assert "Traceback" not in err
    status, _, err = run("cub200", "--from", archive, "--to", tmp_path / "data", "--no-checksum")
    assert status == 1
    assert f"error: {archive} is " in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["birds"], "invalid choice: 'birds'"),
        (["cub200", "--check", "--from", "x"], "--check looks at what is unpacked"),
        (["cub200", "--decode"], "--decode goes with --check"),
        (["cub200", "--from"], "expected at least one argument"),
    ],
)
def test_mistakes_of_the_command(run, arguments, says):
    status, _, err = run(*arguments)
    assert status == 2
    assert says in err


def test_a_source_that_is_not_there(run, tmp_path):
    status, _, err = run("cub200", "--from", tmp_path / "none.tgz", "--to", tmp_path / "data")
    assert (status, err) == (1, f"error: there is no file {tmp_path}/none.tgz\n")
    assert not (tmp_path / "data").exists()
