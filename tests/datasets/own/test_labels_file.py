"""Files of labels."""

import os
import re

import numpy as np
import pytest
from PIL import Image

from dmmix.datasets import DecodedImages
from dmmix.datasets.own.parts import find_parts

pytestmark = pytest.mark.openmmlab

FILES = ("a.jpg", "b.jpg", "c.jpg", "more/d e.jpg")


@pytest.fixture
def table(tmp_path):
    """Writes a file of labels beside some images."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.new("RGB", (6, 8)).save(tmp_path / name)

    def write(text, name="labels.csv", encoding="utf-8"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return str(tmp_path / name)

    return write


def told(part):
    """Files below their folder, and the names of their classes."""
    names = [os.path.basename(file) for file in part.files]
    if part.multi_label:
        found = [";".join(np.array(part.classes)[row > 0]) for row in part.labels]
    else:
        found = [part.classes[label] if label >= 0 else "" for label in part.labels]
    return dict(zip(names, found, strict=True))


PLAIN = {"a.jpg": "cat", "b.jpg": "dog", "c.jpg": "cat"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("filename,label\na.jpg,cat\nb.jpg,dog\nc.jpg,cat\n", "labels.csv"),
        ("\ufeffImage Path;Class\r\na.jpg;cat\r\n\r\n./b.jpg; dog\r\nc.jpg;cat", "LABELS.CSV"),
        ("breed\tid\timage\tlabel\nx\t1\ta.jpg\tcat\nx\t2\tb.jpg\tdog\nx\t3\tc.jpg\tcat", "l.tsv"),
        ("path,y\nmore/../a.jpg,cat\nb.jpg,dog\nc.jpg,cat\na.jpg,cat\n", "labels.csv"),
        ("a.jpg cat\nb.jpg dog\n\nc.jpg cat\n", "train.txt"),
        ("file,dog,cat\na.jpg,0,1\nb.jpg,1,0\nc.jpg,0.0,True\n", "one_hot.csv"),
        ("label,file\ncat,a.jpg\ndog,b.jpg\ncat,c.jpg", "labels.txt"),
    ],
)
def test_one_label_an_image(table, text, name):
    data = find_parts(table(text, name))
    assert told(data.train) == PLAIN
    assert (data.train.classes, data.train.counts) == (("cat", "dog"), (2, 1))
    assert data.val is data.test is data.unlabelled is None
    twice = text.count("a.jpg") > 1
    assert data.train.passed_over == ("1 lines that are there before" if twice else None)


@pytest.mark.parametrize(
    "text",
    [
        "filename,label\na.jpg,cat;dog\nb.jpg,dog\nc.jpg,cat| dog|dog\n",
        'filename;labels\na.jpg;cat|dog\nb.jpg;dog\nc.jpg;"dog;cat"\n',
        "filename,cat,dog\na.jpg,1,1\nb.jpg,0,1\nc.jpg,1,1\n",
        "a.jpg cat;dog\nb.jpg dog\nc.jpg dog;cat",
    ],
)
def test_several_labels_an_image(table, text):
    data = find_parts(table(text, "labels.txt" if text.startswith("a.jpg") else "labels.csv"))
    assert data.train.multi_label
    assert told(data.train) == {"a.jpg": "cat;dog", "b.jpg": "dog", "c.jpg": "cat;dog"}
    assert data.train.counts == (2, 3)


def test_an_image_of_no_class_is_none_without_labels(table):
    data = find_parts(table("file,cat,dog\na.jpg,1,1\nb.jpg,0,0\nc.jpg,,\nmore/d e.jpg,0,1\n"))
    assert told(data.train) == {"a.jpg": "cat;dog", "b.jpg": "", "d e.jpg": "dog"}
    assert told(data.unlabelled) == {"c.jpg": ""}


def test_parts(table):
    text = "file,label,split\na.jpg,10,\nb.jpg,9,Train\nc.jpg,9,validation\nmore/d e.jpg,,\n"
    data = find_parts(table(text))
    assert told(data.train) == {"a.jpg": "10", "b.jpg": "9"}
    assert data.train.classes == ("9", "10")  # by their values
    assert (told(data.val), data.val.classes) == ({"c.jpg": "9"}, ("9",))
    assert data.val.where.endswith("labels.csv (val)")
    assert told(data.unlabelled) == {"d e.jpg": ""}
    text = (
        "file,label,split\na.jpg,x,train\nb.jpg,y,train\nc.jpg,,test\nmore/d e.jpg,x,unlabelled\n"
    )
    data = find_parts(table(text))
    assert data.test is None
    assert data.train.passed_over == "1 lines of test without a label"
    assert told(data.unlabelled) == {"d e.jpg": ""}


def test_names_of_classes(table):
    decomposed = "A\u0308pfel"
    data = find_parts(table(f'file,label\na.jpg,{decomposed}\nb.jpg, Äpfel \nc.jpg,"金, 銀"\n'))
    assert told(data.train) == {"a.jpg": "Äpfel", "b.jpg": "Äpfel", "c.jpg": "金, 銀"}


def test_paths_with_spaces_and_none_with_labels(table):
    data = find_parts([table("a.jpg cat\nb.jpg dog\n", "l.txt"), table("more/d e.jpg\n", "u.txt")])
    assert told(data.unlabelled) == {"d e.jpg": ""}


def test_several_at_once(table, tmp_path):
    for name in ("photos/train/dog/1.jpg", "photos/train/emu/2.jpg", "photos/val/emu/3.jpg"):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.new("RGB", (6, 8)).save(tmp_path / name)
    one = table("file,label\na.jpg,cat\nb.jpg,dog\n")
    data = find_parts([one, str(tmp_path / "photos")])
    assert told(data.train) == {"a.jpg": "cat", "b.jpg": "dog", "1.jpg": "dog", "2.jpg": "emu"}
    assert told(data.val) == {"3.jpg": "emu"}
    assert data.train.where == f"{one}, {tmp_path}/photos/train"
    several = find_parts([table("file,label\na.jpg,cat;dog\n", "m.csv"), str(tmp_path / "photos")])
    assert told(several.train) == {"a.jpg": "cat;dog", "1.jpg": "dog", "2.jpg": "emu"}
    with pytest.raises(ValueError, match=r"labels\.csv is given twice"):
        find_parts([one, one])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty: it must have a header"),
        (" \n\n", "is empty"),
        ("filename,label\n", r"has a header \(filename, label\) and no lines"),
        ("a.jpg,cat\nb.jpg,dog\n", r"first line \(a.jpg, cat\) names no column of files .*header"),
        ("filename,value\na.jpg,cat\n", r"\(filename, value\) names no column of labels"),
        ("filename:label\na.jpg:cat\n", r"no column of files .*; columns are separated by a comma"),
        ("file,label\na.jpg,cat,dog\n", r"labels.csv, line 2: 3 columns, and the header has 2"),
        ("file,label\na.jpg,cat\n,dog\n", "line 3: no file"),
        ("file,label\na.jpg,\nb.jpg,\n", "has unlabelled but no folder train.*split is train"),
        ("file,label\na.jpg,cat\nb.jpg,cat\n", r"one class alone \(cat\)"),
        (
            "file,label\na.jpg,cat\nx.jpg,dog\nd e.jpg,dog\n",
            r"2 of 3 files are not there, the first is x.jpg \(line 3\); paths begin at .*did you",
        ),
        ("file,label\nd e.jpg,cat\nb.jpg,dog", r"it is in the folder more: write more/d e.jpg"),
        (
            "file,label\na.jpg,cat\nb.jpg,dog\n./a.jpg,dog\n",
            r"a.jpg has the label cat \(line 2\) and dog \(line 4\): leave one; several labels",
        ),
        (
            "file,label,split\na.jpg,cat,train\na.jpg,cat,test\n",
            r"a.jpg is in train \(line 2\) and in test \(line 3\)",
        ),
        ("file,label,split\na.jpg,cat,tran\n", "line 2: 'tran' is no part.*'train'"),
        ("file,cat,dog\na.jpg,1,0\nb.jpg,1,2\n", "line 3: '2' in the column dog, .* 0 or 1"),
        ("file,cat,cat\na.jpg,1,0\n", "two columns cat"),
    ],
)
def test_mistakes(table, text, says):
    path = table(text)
    with pytest.raises(ValueError, match=says) as error:
        find_parts(path)
    assert path in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_are_none(table):
    path = table("file,label\na.jpg,Käse\n", encoding="latin-1")
    with pytest.raises(ValueError, match=r"labels.csv is not UTF-8 .*: save it as CSV UTF-8"):
        find_parts(path)
    with pytest.raises(FileNotFoundError, match=r"no file .*label.csv; did you mean '.*labels.csv"):
        find_parts(path.replace("labels", "label"))
    with pytest.raises(FileNotFoundError, match=r"a.jpg is a file, and must be a folder or a file"):
        find_parts(path.replace("labels.csv", "a.jpg"))


def test_as_a_dataset(table):
    path = table("file,label\na.jpg,cat;dog\nb.jpg,dog\nc.jpg,cat\n")
    dataset = DecodedImages(dict(type="OwnImages", data=path), size=8)
    assert dataset.CLASSES == ("cat", "dog")
    assert [dataset[i]["labels"].tolist() for i in range(3)] == [[1, 1], [0, 1], [1, 0]]
    assert dataset.get_gt_labels().tolist() == [[1, 1], [0, 1], [1, 0]]
    assert [dataset.get_cat_ids(i) for i in range(3)] == [[0, 1], [1], [0]]
    assert dataset.get_data_info(1)["gt_label"] == [1]
    dataset.renumber_classes(["emu", "dog", "cat"])
    assert dataset[0]["labels"].tolist() == [0, 1, 1]
    rest = DecodedImages(
        dict(type="OwnImages", data=path), size=8, subset=dict(labels_per_class=1, rest=True)
    )
    assert len(rest) == 1
    with pytest.raises(ValueError, match=re.escape(f"{path} has no part val, only train")):
        DecodedImages(dict(type="OwnImages", data=path, split="val"))


def test_a_sample_of_several_classes_stands_for_the_rarest():
    from dmmix.datasets.subsets.strata import strata

    labels = np.array([[1, 1, 0], [0, 1, 0], [0, 1, 1], [1, 0, 0], [0, 0, 0]])
    assert strata(labels).tolist() == [0, 1, 2, 0, 3]
    assert strata(np.array([2, 0])).tolist() == [2, 0]
