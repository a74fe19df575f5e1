"""Many things at once: processes that die lose nothing, and what kills them is named."""

import json
from pathlib import Path

import pytest
from many_work import Work

from agents.commands import draw, many

TODO = {f"{i}": i for i in range(-1, 40)} | {"bad": 3}


@pytest.fixture(params=["processes", "ray"])
def work(request, tmp_path, monkeypatch):
    """Runs work on ``TODO`` in a way of two."""
    monkeypatch.setenv("PYTHONPATH", "tests")
    for key in ("3", "20", "21", "bad"):
        (tmp_path / key).touch()
    if request.param == "processes":
        return many.in_processes(Work, tmp_path, TODO, 2)
    pytest.importorskip("ray")
    monkeypatch.setattr(many, "BLOCK", 1)
    return many.on_ray(Work, tmp_path, TODO, 2, "local")


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_what_dies_is_begun_again(work):
    found = list(work)
    assert len(found) == len(TODO)  # each once
    results = dict(found)
    assert "died 4 times" in str(results.pop("bad")) and str(results.pop("-1")) == "-1"
    assert results == {str(i): i * i for i in range(40)}


def test_who_stops_waits_for_nothing(tmp_path):
    for _ in many.in_processes(Work, tmp_path, TODO, 2):
        break


def test_a_manifest_says_what_became_of_each(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"\x89PNG")
    picture = Path("examples/pictures/digits/0.png")
    options = {"recipe": "quickstart", "effort": 0, "manifest": tmp_path / "some/all.jsonl"}
    with pytest.raises(SystemExit, match="2"):
        draw.main(draw.Arguments([picture, tmp_path / "bad.png"], out=tmp_path / "out", **options))
    good, bad = map(json.loads, options["manifest"].read_text().splitlines())
    assert good.pop("strokes") <= 2
    assert good == {"picture": str(picture), "drawing": str(tmp_path / "out/0.svg")}
    assert bad["picture"].endswith("bad.png") and "cannot be read" in bad["error"]
    with pytest.raises(ValueError, match=r"no Ray|needs Ray"):
        next(many.on_ray(Work, tmp_path, TODO, 1, "nowhere"))
