"""The command line: exit codes, sentences instead of tracebacks, help that promises nothing of later versions."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

import pytest
import torch
from tests import stand_in
from tests.synthetic_run import synthetic_run
from tests.tiny_analysis import tiny_model, write_photos

from vitscope import pipeline
from vitscope.analysis import open_run
from vitscope.cli import main
from vitscope.commands import analysis, serving, terminal
from vitscope.commands.choosing import ModelChoice
from vitscope.errors import ModelLoadError, StorageError
from vitscope.load_options import LoadOptions
from vitscope.pipeline.plan import planning

PLAIN = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "200"}


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch):
    for name, value in PLAIN.items():
        monkeypatch.setenv(name, value)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def tiny(monkeypatch):
    """`analyze tiny` and `doctor tiny` without files of weights."""
    monkeypatch.setattr(analysis, "load", lambda spec, *plain, **options: tiny_model(classes=list("abcdefg")))


def call(capsys, *words) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as end:
        main([str(word) for word in words])
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


def test_help_tells_what_there_is_and_nothing_that_comes_later(capsys):
    texts = [call(capsys, "--help")[1]]
    for command in ("demo", "analyze", "serve", "show", "doctor", "prune"):
        assert command in texts[0]
        code, out, _ = call(capsys, command, "--help")
        assert code == 0
        assert "Example" in out
        texts.append(out)
    for later in (
        "hf:",
        "torchvision:",
        "gradient",
        "estimate",
        "ray",
        "export",
        "compare",
        "--importance",
        "--engine",
    ):
        assert not any(re.search(rf"(?<!\w){later}", text) for text in texts), later


def test_no_command_and_wrong_usage_exit_with_2(capsys):
    code, out, err = call(capsys)
    assert code == 2
    assert "analyze" in out + err
    for words in (
        ["analyze"],
        ["analyze", "m", "i", "--out", "o", "--limit", "0"],
        ["draw"],
        ["export"],
        ["show", "--frob", "x"],
    ):
        assert call(capsys, *words)[0] == 2


def test_version(capsys):
    code, out, _ = call(capsys, "--version")
    assert code == 0
    assert out.startswith("vitscope ")


@pytest.mark.parametrize(
    "words",
    [
        ["analyze", "hf:google/vit", "photos", "--out", "run"],
        ["analyze", "torchvision:vit_b_16", "photos", "--out", "run"],
        ["doctor", "hf:google/vit"],
    ],
)
def test_what_comes_later_says_so_and_exits_with_2(capsys, words):
    code, out, err = call(capsys, *words)
    assert code == 2
    assert out == ""
    assert "later version" in err
    assert "Hint:" in err
    assert "Traceback" not in err


def test_analyze_and_show(capsys, tmp_path, tiny):
    photos = write_photos(tmp_path / "photos", 3)
    (photos / "broken.png").write_bytes(b"")
    (photos / "notes.md").write_text("")
    code, out, err = call(
        capsys, "analyze", "tiny", photos, "--out", tmp_path / "run", "--modes", "all", "--partial-images", 2
    )
    assert code == 0
    assert err == ""
    assert "Analysed 3 of 4 images" in out
    assert "broken.png: empty: the file has 0 bytes" in out
    assert "Ignored 1 file without an image's name, such as notes.md" in out
    assert f"vitscope show {tmp_path / 'run'}" in out
    assert f"vitscope serve {tmp_path / 'run'}" in out
    assert open_run(tmp_path / "run").manifest.options.partial_images == 2
    code, out, _ = call(capsys, "show", tmp_path / "run")
    assert code == 0
    assert "WHICH HEADS MATTER" in out
    code, out, _ = call(capsys, "show", tmp_path / "run", "--json")
    assert code == 0
    assert json.loads(out)


def test_analyze_answers_in_json(capsys, tmp_path, tiny):
    photos = write_photos(tmp_path / "photos", 2)
    (photos / "broken.png").write_bytes(b"")
    code, out, _ = call(capsys, "analyze", "tiny", photos, "--out", tmp_path / "run", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["state"] == "complete"
    assert document["skipped"] == [{"image": 2, "path": "broken.png", "problem": "empty: the file has 0 bytes"}]


def test_a_pipe_of_any_encoding_takes_the_answer(capsys, tmp_path, tiny):
    photos = write_photos(tmp_path / "photos", 2)
    (photos / "é.png").write_bytes(b"")
    _, out, _ = call(capsys, "analyze", "tiny", photos, "--out", tmp_path / "run", "--json")
    assert out.isascii()
    assert json.loads(out)["skipped"][0]["path"] == "é.png"
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONIOENCODING"}
    environment |= {"LC_ALL": "C", "PYTHONUTF8": "0"}  # names of files and all text in ASCII
    words = [sys.executable, "-m", "vitscope", "show"]
    shown = subprocess.run([*words, str(tmp_path / "run")], capture_output=True, text=True, env=environment)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "L0?H" in shown.stdout
    refused = subprocess.run([*words, "é"], capture_output=True, text=True, env=environment)
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: cannot use ?: its name is not ASCII, and Python takes names of files")
    assert "PYTHONUTF8=1" in refused.stderr


def test_interrupting_leaves_a_run_to_resume_and_says_so(capsys, tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(planning, "SHARD_SIZE", 2)
    photos = write_photos(tmp_path / "photos", 6)

    class Interrupting:
        def __enter__(self):
            def show(step):
                if step.done >= 3:
                    raise KeyboardInterrupt

            return show

        def __exit__(self, *error):
            return False

    with monkeypatch.context() as patch:
        patch.setattr(terminal, "progress_bars", Interrupting)
        code, out, err = call(capsys, "analyze", "tiny", photos, "--out", tmp_path / "run")
    assert code == 130
    assert out == ""
    assert "Interrupted: 1 of 4 units of work are kept" in err
    assert "--resume" in err
    code, _, err = call(capsys, "analyze", "tiny", photos, "--out", tmp_path / "run")
    assert code == 2
    assert "Resume it with --resume" in err
    assert call(capsys, "analyze", "tiny", photos, "--out", tmp_path / "run", "--resume")[0] == 0


def test_progress_is_shown_on_a_terminal_with_rate_and_time_left(capsys, monkeypatch):
    from rich.console import Console

    from vitscope.pipeline import Step

    monkeypatch.setattr(terminal, "errors", lambda: Console(stderr=True, force_terminal=True, width=110))
    with terminal.progress_bars() as show:
        for done in range(0, 11, 5):
            show(Step("head", done, 10))
            time.sleep(0.05)
    err = capsys.readouterr().err
    assert "Whole heads" in err
    assert "10/10" in err
    assert "images/s" in err
    assert "left" in err


def test_a_mistake_of_the_user_is_a_sentence_and_one_of_ours_exits_with_1(capsys, tmp_path, monkeypatch):
    code, _, err = call(capsys, "show", tmp_path)
    assert code == 2
    assert "there is no run.json in it." in err
    assert "Traceback" not in err

    def broken(*arguments, **options):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(analysis, "doctor", broken)
    code, _, err = call(capsys, "doctor", "demo")
    assert code == 1
    assert "vitscope failed: ZeroDivisionError: division by zero." in err
    assert "--debug" in err
    with pytest.raises(ZeroDivisionError):
        main(["doctor", "demo", "--debug"])


def test_errors_show_brackets_and_colons_as_they_are(capsys, tmp_path):
    code, _, err = call(capsys, "show", tmp_path / "[bold]:x:")
    assert code == 2
    assert "[bold]:x:" in err


def test_doctor(capsys, tmp_path, tiny):
    photos = write_photos(tmp_path / "photos", 1)
    code, out, _ = call(capsys, "doctor", "tiny", photos / "000.png")
    assert code == 0
    assert "3 layers x 3 heads = 9" in out
    assert "16 = prefix (cls) + 3 x 5 patches of 4 x 6 pixels" in out
    assert "parity" in out
    assert "%  " in out
    code, out, _ = call(capsys, "doctor", "tiny", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["row_sum_error"] < 1e-5
    assert document["parity"] < 1e-4
    assert document["image"] == "test pattern"
    code, _, err = call(capsys, "doctor", "tiny", photos / "gone.png")
    assert code == 2
    assert "gone.png: missing: there is no such file." in err


def test_serve_does_without_a_model_that_cannot_be_had(capsys, tmp_path, monkeypatch):
    synthetic_run(tmp_path / "run")
    served = []
    monkeypatch.setattr(serving, "_serve", lambda run, live, port, browser, token: served.append((live, port, browser)))

    def missing(run, weights=None, download=False):
        raise ModelLoadError("cannot load timm:vit_synthetic: timm has no such model")

    monkeypatch.setattr("vitscope.pipeline.live.model.load_live", missing)
    code, _, err = call(capsys, "serve", tmp_path / "run", "--port", 0, "--no-browser")
    assert code == 0
    assert "Serving without the model: cannot load" in err
    assert call(capsys, "serve", tmp_path / "run", "--no-live")[0] == 0
    assert call(capsys, "serve", tmp_path / "run", "--live")[0] == 2
    assert served == [(None, 0, False), (None, None, True)]


@pytest.fixture
def demo_of_tiny(monkeypatch, tmp_path):
    """The demo with a tiny model and a few photos of its own."""
    bundle = tmp_path / "bundle"
    photos = write_photos(bundle / "images", 70)
    rows = [f"{path.name},{i % 7}" for i, path in enumerate(sorted(photos.iterdir()))]
    (photos / "labels.csv").write_text("path,label\n" + "\n".join(rows) + "\n")
    monkeypatch.setattr("vitscope.models.sources.bundled.DEMO", bundle)
    monkeypatch.setattr(serving, "load", lambda *arguments: tiny_model(classes=list("abcdefg")))
    monkeypatch.setattr("vitscope.pipeline.work.patterns.learn", stand_in.learn)
    return tmp_path / "out"


def test_the_demo_serves_while_it_computes_and_reopens(capsys, demo_of_tiny, monkeypatch):
    seen = []

    def look(run, live, port, browser):
        seen.append(run.progress().state)
        end = time.monotonic() + 100
        while run.progress().state != "complete" and time.monotonic() < end:
            time.sleep(0.05)
        seen.append(live.matrices(0).shape)

    monkeypatch.setattr(serving, "_serve", look)
    code, out, _ = call(capsys, "demo", "--out", demo_of_tiny, "--no-browser")
    assert code == 0
    assert seen[0] in ("planned", "running")
    assert seen[1] == (3, 3, 16, 16)
    run = open_run(demo_of_tiny)
    assert run.manifest.options.partial_images == 60
    assert run.manifest.options.patterns == serving.DEMO_PATTERNS
    assert len(run.patterns.table) == 70 * 9
    assert run.progress().state == "complete"
    assert "Look next" in out
    seen.clear()
    assert call(capsys, "demo", "--out", demo_of_tiny, "--no-browser")[0] == 0
    assert seen[0] == "complete"


def test_the_demo_stops_and_goes_on(capsys, demo_of_tiny, monkeypatch):
    def leave_early(run, live, port, browser):
        while run.progress().done_units < 1:
            time.sleep(0.01)

    def held(run, model, progress):
        def step(done):
            if run.progress().done_units:
                assert works[0]._stopped.wait(60)
            progress(done)

        real(run, model, progress=step)

    real, start, works = pipeline.execute, serving.Background.start, []
    monkeypatch.setattr(serving, "_serve", leave_early)
    monkeypatch.setattr("vitscope.pipeline.execute", held)
    monkeypatch.setattr(serving.Background, "start", lambda self: (works.insert(0, self), start(self)))
    code, out, _ = call(capsys, "demo", "--out", demo_of_tiny)
    assert code == 0
    assert "`vitscope demo` continues with them" in out
    assert "vitscope-analysis" not in {thread.name for thread in threading.enumerate()}, "the analysis has stopped"
    assert open_run(demo_of_tiny).progress().state == "running"
    monkeypatch.setattr("vitscope.pipeline.execute", real)
    monkeypatch.setattr(serving.Background, "stop", lambda self: self._thread.join())
    code, out, _ = call(capsys, "demo", "--out", demo_of_tiny)
    assert code == 0
    assert open_run(demo_of_tiny).progress().state == "complete"


def test_the_demo_tells_at_once_when_its_analysis_fails(capsys, demo_of_tiny, monkeypatch):
    def full(run, model, progress):
        raise StorageError("cannot write to out: the disk is full", "Free some space.")

    monkeypatch.setattr("vitscope.pipeline.execute", full)
    monkeypatch.setattr(serving, "_serve", lambda *arguments: None)
    code, _, err = call(capsys, "demo", "--out", demo_of_tiny)
    assert code == 2
    assert err.count("the disk is full") == 1


def test_serve_in_a_process_of_its_own_ends_cleanly(tmp_path):
    synthetic_run(tmp_path / "run")
    words = [
        sys.executable,
        "-m",
        "vitscope",
        "serve",
        str(tmp_path / "run"),
        "--no-live",
        "--no-browser",
        "--port",
        "0",
    ]
    process = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    )
    address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline()).group()
    with urllib.request.urlopen(f"{address}api/answers/run") as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in out + err


def test_prune_saves_a_smaller_model_and_says_what_it_costs(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("vitscope.pipeline.studies.removing.ROUNDS", 7)  # as few as have an interval
    photos = write_photos(tmp_path / "photos", 6)
    (tmp_path / "labels.csv").write_text(
        "path,label\n" + "".join(f"photos/{p.name},{i % 3}\n" for i, p in enumerate(sorted(photos.iterdir())))
    )
    folder = tmp_path / "smaller"
    words = ("prune", "demo", tmp_path / "labels.csv", "--heads", "L0.H1,3.2", "--save", folder)
    code, out, _ = call(capsys, *words, "--json", "--pairs")
    found = json.loads(out)
    assert code == 0
    assert found["pairs"]["n"] == 6
    assert found["pairs"]["text"].startswith("of 1 pair ")
    assert found["heads"] == [[0, 1], [3, 2]]
    assert found["parameters_after"] < found["parameters_before"]
    assert found["agreement"] < 1e-5
    assert found["accuracy"]["n"] == 6
    assert found["speed"]["rounds"] > 0
    assert {path.name for path in folder.iterdir()} == {"load.py", "model.safetensors", "pruned.json"}
    # Not over what is there; heads and folder must be named, and be there.
    code, _, err = call(capsys, *words)
    assert code == 2
    assert f"cannot save a model to {folder}" in err
    assert "--save" in call(capsys, "prune", "demo", "--heads", "L0.H1")[2]
    assert "none is named" in call(capsys, "prune", "demo", "--save", tmp_path / "other")[2]
    assert (
        "expected a layer and a head" in call(capsys, "prune", "demo", "--heads", "3", "--save", tmp_path / "other")[2]
    )
    assert not (tmp_path / "other").exists()
    alone = ("prune", "demo", "--heads", "L0.H1", "--save", tmp_path / "unlabelled")
    assert "two heads or more and images are needed" in call(capsys, *alone, "--pairs")[2]
    _, out, _ = call(capsys, *alone)
    for words in ("without 1 of its 24 heads: L0·H1", "fewer)", "images/s", "not measured", "from load import load"):
        assert words in out


@pytest.mark.parametrize("given", [True, False])
def test_what_is_said_of_a_model_reaches_it_in_every_command(given, tmp_path, monkeypatch, capsys):
    from vitscope.commands import judging, pruning, sizing

    asked = []

    def load(choice):
        asked.append(choice)
        raise ModelLoadError("no model is loaded here")

    for module in (analysis, judging, pruning, sizing):
        monkeypatch.setattr(module, "load", load)
    commands = {
        "analyze": ("photos", "--out", tmp_path / "run"),
        "doctor": (),
        "judge": ("photos",),
        "resolution": ("photos", "--sizes", "12x30"),
        "prune": ("--heads", "L0.H1", "--save", tmp_path / "smaller"),
    }
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    options = LoadOptions(2, (32, 48), 1, (0.1,), (0.2,), "bilinear", ("cat", "dog"), str(tmp_path / "names.txt"))
    said = ["--multi-label", "--dtype", "float64", *options.words()] if given else []
    wanted = ModelChoice("tiny", dtype="float64", multi_label=True, options=options) if given else ModelChoice("tiny")
    for command, words in commands.items():
        assert call(capsys, command, "tiny", *words, *said)[0] == 2
    assert asked == [wanted] * len(commands)


def test_which_part_of_a_file_was_taken_and_what_was_not_used_is_said(tmp_path, capsys):
    from safetensors.torch import load_file

    from vitscope.models.sources.bundled import WEIGHTS

    torch.save({"teacher": load_file(WEIGHTS) | {"loss.scale": torch.ones(1)}, "epoch": 1}, tmp_path / "last.pth")
    code, out, err = call(capsys, "doctor", "demo", "--weights", tmp_path / "last.pth")
    assert code == 0
    assert "Weights: teacher of the file; 1 not used: loss.scale" in err
    assert ", teacher, 1 not used: loss.scale" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--std", "0"], "std of 0: expected positive"),
        (["--mean", "0.5,0.5"], "2 numbers of mean: the model reads 1 channel"),
        (["--num-classes", "7"], "num_classes 7: it has 10"),
        (["--class-names", "NAMES"], "it has 10 classes, got 2 names"),
        (["--img-size", "31"], "its patches are 2 x 2"),
    ],
)
def test_misuse_of_what_is_said_of_a_model(tmp_path, capsys, words, said):
    (tmp_path / "names.txt").write_text("cat\ndog\n")
    words = [str(tmp_path / "names.txt") if word == "NAMES" else word for word in words]
    code, _, err = call(capsys, "doctor", "demo", *words)
    assert code == 2
    assert said in err
