"""What pages, Makefile, Dockerfile, setup.py and requirements say of an install is one thing."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/install.md").read_text(encoding="utf-8")
REQUIREMENTS = ROOT / "requirements"


def load(path):
    spec = importlib.util.spec_from_file_location(f"of_install_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


resolve = load(REQUIREMENTS / "resolve.py")
fresh = load(ROOT / ".ci" / "fresh.py")
asked = load(REQUIREMENTS / "asked.py")


def made(*arguments):
    """The commands that make would run in a new checkout, without the variables that they set."""
    if shutil.which("make") is None:
        pytest.skip("no make here")
    done = subprocess.run(
        ["make", "--no-print-directory", "-nB", *arguments],
        cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=True,
    )  # fmt: skip
    return [re.sub(r"^(\w+=\S+ )+", "", line) for line in done.stdout.splitlines()]


# Pins


def wanted(file):
    """The lines of a requirements file, or of a file of pins."""
    return [Requirement(line) for line in sorted(resolve.pinned(REQUIREMENTS / f"{file}.txt"))]


def name_of(requirement):
    return requirement.name.lower().replace("_", "-")


MACHINES = {
    "Linux x86-64": dict(sys_platform="linux", platform_machine="x86_64"),
    "Linux aarch64": dict(sys_platform="linux", platform_machine="aarch64"),
    "macOS arm64": dict(sys_platform="darwin", platform_machine="arm64"),
    "Windows x86-64": dict(sys_platform="win32", platform_machine="AMD64"),
}


@pytest.mark.parametrize("python", resolve.PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_each_requirement_has_one_pin_that_satisfies_it(machine, python):
    where = dict(MACHINES[machine], python_version=python, python_full_version=f"{python}.5")
    pinned = {}
    for pin in wanted("constraints"):
        if pin.marker is None or pin.marker.evaluate(where):
            assert pin.name not in pinned
            (one,) = pin.specifier
            assert one.operator == "=="
            pinned[pin.name] = one.version
    files = {name for names in resolve.COMMANDS.values() for name in names}
    for requirement in [r for file in (*files, "chosen", "sweep") for r in wanted(file)]:
        if requirement.marker is None or requirement.marker.evaluate(where):
            assert requirement.specifier.contains(pinned[name_of(requirement)]), requirement


def test_no_requirements_file_is_left_out():
    """An extra of setup.py, what builds packages, another OpenCV, pins: all are somewhere."""
    extras = set(re.findall(r'"([a-z]+)"', re.search(r"for extra in \((.*?)\)", SETUP)[1]))
    files = {file.stem for file in REQUIREMENTS.glob("*.txt")}
    assert files == extras | {"base", "build", "headless", *resolve.MADE, *resolve.CHOSEN}


@pytest.mark.parametrize("file", ["hashed_build", "hashed"])
def test_the_hashed_pins_are_the_pins(file):
    text = (REQUIREMENTS / f"{file}.txt").read_text(encoding="utf-8").replace("\\\n", "")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(re.search(r" --hash=sha256:[0-9a-f]{64}( |$)", line) for line in lines)
    everywhere = {str(pin).split(";")[0] for pin in wanted("constraints")}
    assert {str(pin).split(";")[0] for pin in wanted(file)} <= everywhere


def test_the_hashed_pins_are_all_of_make_test():
    pinned = {pin.name for pin in wanted("hashed")}
    for file in resolve.COMMANDS["make test"]:
        assert {name_of(requirement) for requirement in wanted(file)} <= pinned
    assert "opencv-python" not in pinned  # its files are those of opencv-python-headless
    assert {name_of(r) for r in wanted("build")} <= {pin.name for pin in wanted("hashed_build")}


def test_the_oldest_pins_are_the_lower_bounds():
    pinned = {pin.name: pin for file in ("oldest", "oldest_torch") for pin in wanted(file)}
    files = {"base", "mm", "test", "docs", "sweep", "benchmarks", "headless"}
    for requirement in [each for file in sorted(files) for each in wanted(file)]:
        (bound,) = [part.version for part in requirement.specifier if part.operator == ">="]
        if requirement.name == "triton":
            continue  # each torch wants one, and no other
        (pin,) = pinned[name_of(requirement)].specifier
        # The first that is built for the oldest Python: of timm 1.0 this is 1.0.3.
        assert f"{pin.version}.".startswith(f"{bound}."), requirement


# Pythons and platforms

SETUP = (ROOT / "setup.py").read_text(encoding="utf-8")


def test_the_pythons_are_the_same_everywhere():
    first, last = resolve.PYTHONS[0], resolve.PYTHONS[-1]
    after = f"3.{int(last.split('.')[1]) + 1}"
    assert f'python_requires=">={first},<{after}"' in SETUP
    assert f"range({first.split('.')[1]}, {after.split('.')[1]})" in SETUP
    assert tuple(f"{a}.{b}" for a, b in (asked.FIRST, asked.LAST)) == (first, last)
    assert f"PYTHON = python{first}\n" in (ROOT / "Makefile").read_text(encoding="utf-8")  # oldest
    getting_started = (ROOT / "docs/getting_started.md").read_text(encoding="utf-8")
    for page in (README, PAGE, getting_started):
        assert re.search(rf"Python {first} to {last}", page)
        assert not re.search(rf"Python 3\.\d+ to (?!{last})", page)
    assert f'target-version = "py{first.replace(".", "")}"' in (ROOT / "pyproject.toml").read_text(
        encoding="utf-8"
    )


def test_the_table_of_platforms_names_all():
    (header,) = re.findall(r"^\| \| Python (.*) \|$", PAGE, re.MULTILINE)
    assert tuple(header.split(" | ")) == resolve.PYTHONS
    for platform in resolve.PLATFORMS:
        assert re.search(rf"^\|[^|]*{platform}", PAGE, re.MULTILINE), platform
    assert set(MACHINES) == set(resolve.PLATFORMS)


# The lines without make


def plain(*extras):
    """As they are on Linux, without the words that keep pip quiet in make."""
    lines = fresh.plain_lines(PAGE)
    return [fresh.for_this_platform(line, "python3", ",".join(extras)) for line in lines]


def test_the_plain_lines_are_what_make_does():
    def words(line):
        return [word for word in line.replace('"', "").split(" ") if word != "-q"]

    commands = [words(line) for line in made("test", "PYTHON=python3", "TORCH=", "VENV=.venv")]
    commands += [words(line) for line in made("quickstart", "VENV=.venv")[-1:]]
    commands = [[*c[c.index("||") + 1 :]] if "||" in c else c for c in commands]
    for line in plain("mm", "test", "docs"):
        assert line in commands
    installs = [c for c in commands if c[1:4] == ["-m", "pip", "install"]]
    assert installs == [line for line in plain("mm", "test", "docs") if "install" in line]


def test_the_plain_lines_are_windows_lines():
    lines = fresh.plain_lines(PAGE)
    assert lines[0] == "py -3.12 -m venv .venv"
    assert all(line.startswith(".venv\\Scripts\\python ") for line in lines[1:])
    assert not any("/" in line for line in lines)


# Where torch comes from


@pytest.mark.parametrize(
    ("place", "options"),
    [
        ("", None),
        ("cpu", "--no-deps --index-url https://download.pytorch.org/whl/cpu torch torchvision"),
        (
            "https://my.index/simple",
            "--no-deps --index-url https://my.index/simple torch torchvision",
        ),
        ("./wheels", "--find-links ./wheels torch"),
    ],
)
def test_torch_comes_from_where_it_is_said(place, options):
    install = ".venv/bin/python -m pip install "
    lines = made("quickstart", f"TORCH={place}", "VENV=.venv")
    commands = [line for line in lines if line.startswith(install)]
    if options is None:
        assert not any("--index-url" in line or "--find-links" in line for line in commands)
        assert len(commands) == 2
    else:
        _, torch, rest = commands
        assert torch.endswith(f"-c requirements/constraints.txt {options}")
        assert "torch" not in rest


def test_the_lines_without_a_gpu_are_those_of_make():
    lines = made("quickstart", "TORCH=cpu", "VENV=.venv")
    made_words = [line.replace("-q ", "").replace('"', "").split()[1:] for line in lines]
    shown = re.findall(r"^\$ python (-m pip .+)$", PAGE, re.MULTILINE)
    assert len(shown) == 2
    for line in shown:
        assert line.replace("'", "").split() in made_words


# Docker


def test_the_image_installs_as_make_does():
    text = (ROOT / "docker/Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^FROM python:([\d.]+)-slim$", text, re.MULTILINE)[1] in resolve.PYTHONS
    target = re.search(r"make (\S+) TORCH=\$\{TORCH\}$", text, re.MULTILINE)[1]
    assert (
        made(target, "TORCH=cpu", "VENV=.venv")
        == made("quickstart", "TORCH=cpu", "VENV=.venv")[:-1]
    )
    assert '"/dmmix/.venv/bin/dmmix"' in text


def test_the_image_takes_what_an_install_reads():
    text = (ROOT / "docker/Dockerfile.dockerignore").read_text(encoding="utf-8")
    first, *lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert first == "*"
    taken = {line[1:] for line in lines if line.startswith("!")}
    read = set(re.findall(r'ROOT / "([\w.]+)"', SETUP)) | {"setup.py", "pyproject.toml", "Makefile"}
    assert read <= taken
    assert [name for name in taken if not (ROOT / name).exists()] == []


# What is asked before an install


def ask(*arguments, cwd=None):
    done = subprocess.run(
        [sys.executable, REQUIREMENTS / "asked.py", *map(str, arguments)],
        capture_output=True, text=True, encoding="utf-8", cwd=cwd,
    )  # fmt: skip
    return done.returncode, done.stderr.strip()


@pytest.mark.parametrize(
    ("place", "says"),
    [
        *(
            (place, "")
            for place in ("", "cpu", "cu130", "rocm6.4", "xpu", "https://my.index/simple")
        ),
        ("./wheels", ""),
        *(
            (place, f"TORCH={place} is no place to take torch from: a build of download.")
            for place in ("cpuu", "CPU", "cuda", "13.0")
        ),
        ("./absent", "TORCH=./absent: there is no such folder"),
    ],
)
def test_places_of_torch(tmp_path, place, says):
    (tmp_path / "wheels").mkdir()
    code, said = ask(".venv", place, cwd=tmp_path)
    assert code == bool(says)
    assert said.startswith(says) if says else said == ""


@pytest.mark.parametrize("version", [(2, 7), (3, 10), (3, 15)])
def test_a_python_that_is_none_of_ours(tmp_path, monkeypatch, version):
    monkeypatch.setattr(asked.sys, "version_info", (*version, 0))
    with pytest.raises(SystemExit) as stop:
        asked.main(str(tmp_path / ".venv"), "")
    message = str(stop.value)
    assert message.startswith("dmmix runs on Python 3.11 to 3.14, this one (")
    number = ".".join(map(str, version))
    assert f"is {number}: name another, such as make PYTHON=python3.12 ..." in message


@pytest.fixture
def venv(tmp_path):
    """An environment of this Python, whose torch is a CPU build."""
    folder = tmp_path / ".venv"
    folder.mkdir()
    version = ".".join(map(str, sys.version_info[:3]))
    (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n", encoding="utf-8")
    (folder / ".torch").write_text("cpu\n", encoding="utf-8")
    return folder


def test_an_environment_that_was_made_otherwise(venv):
    assert ask(venv, "") == (0, "")  # not said again: as it is
    assert ask(venv, "cpu", "--python") == (0, "")
    code, said = ask(venv, "cu130")
    assert code == 1
    assert said.startswith(f"{venv} was made with torch from cpu, asked for is cu130: name another")
    (venv / ".torch").write_text("\n", encoding="utf-8")
    assert ask(venv, "") == (0, "")
    assert "was made with torch from pip's index, asked for is cpu" in ask(venv, "cpu")[1]
    (venv / ".torch").unlink()  # made by an earlier Makefile
    assert ask(venv, "cpu") == (0, "")
    (venv / "pyvenv.cfg").write_text("version_info = 3.13.99.final.0\n", encoding="utf-8")
    assert ask(venv, "") == (0, "")
    (venv / "pyvenv.cfg").write_text("version = 3.99.1\n", encoding="utf-8")
    code, said = ask(venv, "", "--python")
    assert "was made with Python 3.99, asked for is" in said
    # That an earlier dmmix was installed into, say; python3 may be one of ours by now.
    (venv / "pyvenv.cfg").write_text("version = 3.10.13\n", encoding="utf-8")
    says = f"{venv} was made with Python 3.10, asked for is 3.11 to 3.14: name another folder "
    assert ask(venv, "") == (1, f"{says}(VENV=.venv2), or make clean first")


def test_what_make_itself_refuses():
    if shutil.which("make") is None:
        pytest.skip("no make here")
    for arguments, says in (
        (["quickstart", "TROCH=cpu"], "no variable TROCH: there are PYTHON, VENV, TORCH and JOBS"),
        (["quickstart", "VENV=my env"], "VENV=my env has a space in its name, which make cannot"),
    ):
        done = subprocess.run(
            ["make", *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 2
        assert says in done.stderr


def test_an_environment_keeps_its_place_of_torch(venv):
    """New pins would otherwise take the CUDA build of the index where the CPU build was."""
    lines = made("quickstart", "TORCH=", f"VENV={venv}")
    assert any(
        line.endswith("https://download.pytorch.org/whl/cpu torch torchvision") for line in lines
    )


# The resolver


@pytest.fixture
def uv(monkeypatch):
    """Stands in for uv: what it is asked, what it answers by what stands in its arguments."""
    calls, answers = [], {}

    def run(command, **options):
        calls.append((list(map(str, command)), options["env"]))
        said = next((text for word, text in answers.items() if word in command), "")
        return subprocess.CompletedProcess(command, int(bool(said)), "", said)

    monkeypatch.setattr(resolve.subprocess, "run", run)
    return calls, answers


def test_every_case_is_resolved_without_what_lies_on_the_machine(uv, monkeypatch, capsys):
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    monkeypatch.setenv("UV_INDEX", "https://my.index")
    calls, _ = uv
    assert resolve.check(REQUIREMENTS) == 0
    cases = [call for call, _ in calls if "--output-file" not in call]
    everywhere = len(resolve.COMMANDS) * len(resolve.PYTHONS) * len(resolve.PLATFORMS)
    assert len(cases) == everywhere + len(resolve.OLDEST)
    for command, environment in calls:
        assert command[command.index("--config-file") + 1] == str(REQUIREMENTS / "uv.toml")
        assert not {"PIP_FIND_LINKS", "UV_INDEX"} & set(environment)
        assert environment["PIP_CONFIG_FILE"] == os.devnull
    assert all("--only-binary" in call for call in cases)
    (index,) = tomllib.loads((REQUIREMENTS / "uv.toml").read_text(encoding="utf-8"))["index"]
    assert (index["url"], index["default"]) == (resolve.INDEX, True)
    assert "All 50 resolve" in capsys.readouterr().out


def test_a_case_that_does_not_resolve(uv, capsys):
    _, answers = uv
    answers["aarch64-apple-darwin"] = "no wheel of torch"
    assert resolve.check(REQUIREMENTS) == 1
    said = capsys.readouterr().out
    assert (
        "make test, Python 3.12: Linux x86-64 resolves, Linux aarch64 resolves, macOS arm64 FAILS"
        in said
    )
    assert "make quickstart with Python 3.14 on macOS arm64:\nno wheel of torch" in said


def test_pins_that_the_files_do_not_give(uv, monkeypatch, tmp_path, capsys):
    for name in resolve.MADE:
        shutil.copy(REQUIREMENTS / f"{name}.txt", tmp_path)
    text = "torch==2.12.0 \\\n    --hash=sha256:{}\nnumpy==2.4.6  # via {}\n"
    (tmp_path / "hashed.txt").write_text(text.format("0f", "dmmix"), encoding="utf-8")

    def make(folder, upgrade=False):
        new = text.replace("2.12", "2.13").format("1f", "torch")
        (folder / "hashed.txt").write_text(new, encoding="utf-8")

    monkeypatch.setattr(resolve, "make", make)
    assert resolve.check(tmp_path) == 1
    said = capsys.readouterr().out
    assert "\nhashed.txt is not what the requirements files give: make constraints\n" in said
    assert said.endswith("  + torch==2.13.0\n  - torch==2.12.0\n")


def test_requirements_that_contradict_each_other(uv, tmp_path):
    _, answers = uv
    answers["--universal"] = "torch needs another triton"
    with pytest.raises(SystemExit, match=r"triton\n\n.* do not resolve; constraints\.txt stays"):
        resolve.make(tmp_path)


# The second machine of CI


@pytest.mark.parametrize(
    ("python", "room", "says"),
    [
        (None, 0, "Python 3.12 is not on this machine: skipped\n"),
        (sys.executable, 2**70, r"[\d.]+ GiB are free, the index's torch needs \d+: skipped\n"),
    ],
)
def test_where_the_second_machine_cannot_be(monkeypatch, capsys, tmp_path, python, room, says):
    monkeypatch.setattr(fresh, "CACHE", tmp_path)
    monkeypatch.setattr(fresh, "ROOM", room)
    monkeypatch.setattr(fresh, "find_python", lambda version: python)
    monkeypatch.setattr(sys, "argv", ["fresh.py", "3.12", "mm,test,docs"])
    with pytest.raises(SystemExit) as stop:
        fresh.main()
    assert stop.value.code == 3
    assert re.fullmatch(says, capsys.readouterr().err)


def test_only_the_network_of_this_machine_is_known(monkeypatch):
    for name in ("PIP_FIND_LINKS", "PIP_INDEX_URL", "UV_INDEX", "PYTHONUNBUFFERED", "LANG"):
        monkeypatch.setenv(name, "1")
    monkeypatch.setenv("HTTPS_PROXY", "proxy")
    monkeypatch.setenv("SSL_CERT_FILE", "/certificates")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    environment = fresh.clean_environment("/opt/python/bin/python")
    assert environment["HTTPS_PROXY"] == "proxy"
    assert environment["REQUESTS_CA_BUNDLE"] == "/certificates"
    assert environment["PIP_CONFIG_FILE"] == os.devnull
    assert not {"PIP_FIND_LINKS", "PIP_INDEX_URL", "UV_INDEX", "PYTHONUNBUFFERED"} & set(
        environment
    )
