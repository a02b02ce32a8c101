"""What dmmix train does in a folder that an earlier run has written to."""


def test_a_dry_run_of_a_folder_leaves_it_as_it_is(call, dm, tmp_path):
    options = ["--work-dir", tmp_path, "--cfg-options", "train_cfg.max_epochs=1"]
    assert call("train", dm, *options).status == 0
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert call("train", dm, "--dry-run", *options).status == 0
    done = call("train", dm, *options)
    assert done.status == 2
    assert "holds the checkpoints of an earlier run" in done.err
    assert len(done.err.strip().splitlines()) <= 2
    assert {file: file.read_bytes() for file in before} == before
    done = call("train", dm, "--resume", "--overwrite", *options)
    assert "take one of them" in done.err
    assert call("train", dm, "--overwrite", *options).status == 0
