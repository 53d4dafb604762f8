"""The whole evaluation of flyers whose figures are known: one shows the truth, one never moves."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from flythrough.errors import InputError
from flythrough.evaluate import control, film, paths, prompts
from flythrough.evaluate.bench import Bench
from flythrough.evaluate.examine import examine
from flythrough.evaluate.figures import Figure, Report
from flythrough.evaluate.parts import apart
from flythrough.evaluate.report import run
from flythrough.worlds.world import World
from tests.flyers import Frozen, Perfect

SEED = 7  # a world that is quick to film
CAMERA = paths.Camera(64, 96)


def named(report: Report, start: str) -> list[Figure]:
    return [figure for figure in report.figures if figure.name.startswith(start)]


def test_the_truth_reaches_the_ceiling() -> None:
    report = examine(Perfect(), [SEED], ["vae", "truth"])

    for figure in (*named(report, "truth"), *named(report, "sharpness")):
        assert figure.value == pytest.approx(figure.ceiling, rel=0.02)
        assert figure.unit == "x" or figure.value > max(figure.copied or 0, figure.wrong or 0)
    (quality,) = named(report, "VAE: PSNR")
    assert quality.value > 20


def test_the_truth_obeys_on_every_axis() -> None:
    bench = Bench(Perfect(), [SEED], Report({}))
    with torch.no_grad():
        control.measure(bench, frames=17)

    match, weakest, margin, *axes = bench.report.figures
    assert (match.value, match.ceiling) == (1, 1)
    assert match.copied == pytest.approx(1 / 13)  # standing still is one of the 13
    assert weakest.value == 1
    assert margin.value == pytest.approx(margin.ceiling, abs=0.5)
    assert [axis.value for axis in axes] == [1] * 7


def test_a_frozen_picture_is_no_better_than_a_copy(tmp_path: Path) -> None:
    report = examine(Frozen(), [SEED], ["truth", "back"])
    report.write(tmp_path / "report.json")

    for figure in (*named(report, "truth"), *named(report, "out and back")):
        assert figure.value == pytest.approx(figure.copied, nan_ok=True)
    written = json.loads((tmp_path / "report.json").read_text())
    assert [row["name"] for row in written["figures"]] == [figure.name for figure in report.figures]
    assert {file.name for file in tmp_path.iterdir()} == {"report.json", "report.png"}


def test_the_same_seed_flies_the_same_ways() -> None:
    def ways() -> list[torch.Tensor]:
        world = World.from_seed(SEED)
        flown = [paths.flight(world, CAMERA, 25), paths.tour(world, CAMERA, 41)]
        return [path.c2w for path in flown + paths.single_axis_set(world, CAMERA, 9)]

    assert all(torch.equal(a, b) for a, b in zip(ways(), ways(), strict=True))


def test_the_judge_tells_kinds_apart_and_a_frozen_sky_follows_no_prompt() -> None:
    bench = Bench(Frozen(), [SEED], Report({}))
    with torch.no_grad():
        judge = prompts.trained_judge(bench, worlds=1)
        rows = prompts.asked(bench, judge, "tilt", pairs=2)

    assert [case["model"] for case in rows] == [0.5, 0.5]
    assert all(case["new_cells"] > 0 for case in rows)
    assert rows[0]["kind"] == rows[1]["other"]
    assert {len(case["prompts"]) for case in rows} == {2}


def test_a_logistic_judge_finds_a_plane() -> None:
    kinds = torch.arange(400) % 2
    features = torch.randn(400, 3)
    features[:, 1] += 4 * kinds

    judge = prompts.fit(features, kinds)

    new = torch.ones(1, dtype=torch.bool)
    lake, snow = prompts.KINDS[:2]
    assert judge.log_odds(torch.tensor([[0.0, 0.0, 0.0]]), new, lake, snow) > 1
    assert judge.log_odds(torch.tensor([[0.0, 4.0, 0.0]]), new, lake, snow) < -1
    assert judge.log_odds(torch.tensor([[0.0, 4.0, 0.0]]), ~new, lake, snow) == 0


def test_a_still_is_a_film_of_one_frame() -> None:
    frames = torch.randint(256, (3, 64, 96, 3), dtype=torch.uint8)

    expected = torch.cat([film.reconstructed(Frozen(), frame[None]) for frame in frames])
    assert torch.equal(film.stills(Frozen(), frames), expected)


def test_a_cell_is_new_where_less_than_half_was_seen() -> None:
    seen = torch.zeros(64, 64, dtype=torch.bool)
    seen[:32, :16] = True  # half of the first cell
    seen[32:, 32:63] = True

    assert prompts.new_cells(seen).tolist() == [False, True, True, False]


def test_thirteen_paths_move_along_one_axis_each() -> None:
    ways = paths.single_axis_set(World.from_seed(SEED), CAMERA, 41)

    assert len(ways) == 13
    for name, way in zip(paths.SINGLE, ways, strict=True):
        ahead = way.relative_to_first()
        metres, degrees = paths.travel(way)
        if name[1:] in ("x", "y", "z"):
            step = ahead.positions[-1] / metres
            axis = {"x": 0, "y": 1, "z": 2}[name[1:]]
            assert float(step[axis]) == pytest.approx(1 if name[0] == "+" else -1)
            assert degrees == pytest.approx(0, abs=1e-4)
        else:
            assert metres == pytest.approx(0, abs=1e-9)
            assert degrees == pytest.approx(0 if name == "still" else 30, abs=1e-4)


def test_out_and_back_ends_where_it_began() -> None:
    way = paths.out_and_back(World.from_seed(SEED), CAMERA, 33)

    assert way.frames == 33
    torch.testing.assert_close(way.c2w, way.c2w.flip(0), rtol=0, atol=1e-9)
    assert max(paths.travel(way)) > 0.5


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_tour_goes_on_and_turns_smoothly(seed: int) -> None:
    way = paths.tour(World.from_seed(seed), CAMERA, 161)

    steps = way.positions.diff(dim=0).norm(dim=1) * way.fps
    assert way.frames == 161
    assert float(steps.max()) < 6
    assert float(steps.diff().abs().max()) < 1
    assert float(World.from_seed(seed).free(way.positions.float()).double().mean()) > 0.9


def test_a_model_is_not_compared_with_its_own_way_as_the_wrong_one() -> None:
    world = World.from_seed(SEED)
    way = paths.flight(world, CAMERA, 25)
    wrong = paths.elsewhere(world, way, [paths.flight(World.from_seed(8), CAMERA, 25)])

    assert torch.equal(wrong.c2w[0], way.c2w[0])
    assert torch.equal(wrong.intrinsics, way.intrinsics)
    assert not torch.allclose(wrong.c2w[-1], way.c2w[-1])


def test_some_frames_of_a_long_flight_keep_their_latents() -> None:
    frames = torch.arange(25, dtype=torch.uint8).view(1, 25, 1, 1, 1).expand(1, 25, 2, 2, 3)
    latents = torch.arange(4.0).view(1, 1, 4, 1, 1)
    chunks = [
        (frames[:, :1], latents[:, :, :1]),
        (frames[:, 1:17], latents[:, :, 1:3]),
        (frames[:, 17:], latents[:, :, 3:]),
    ]

    pictures, codes = film.kept(chunks, [0, 1, 8, 9, 24])

    assert {at: int(picture[0, 0, 0, 0]) for at, picture in pictures.items()} == {
        at: at for at in (0, 1, 8, 9, 24)
    }
    assert {at: float(code) for at, code in codes.items()} == {0: 0, 1: 1, 8: 1, 9: 2, 24: 3}


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"clips": 0}, "clips is 0"),
        ({"steps": 0}, "steps is 0"),
        ({"processes": 0}, "processes is 0"),
        ({"seeds": (5, 5)}, "seeds are 5:5"),
        ({"seeds": (0, 2**31 + 1)}, "A:B"),
        ({"parts": ["luck"]}, "no part 'luck'"),
        ({"out": Path("report.txt")}, r"report\.txt"),
        ({"text_folder": Path("nowhere")}, "nowhere"),
        ({"model": "grand"}, "grand"),
    ],
)
def test_a_wrong_question_is_refused_before_work(asked: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        run(**asked)


def test_parts_join_in_the_order_of_the_report() -> None:
    whole = Report({"seconds": {}})
    for section, value in (("back", 1.0), ("vae", 2.0), ("truth", 3.0)):
        part = Report({"seconds": {section: value}}, [Figure(section, section, value)], {section: [value]})
        whole.add(part)

    assert [figure.section for figure in whole.figures] == ["vae", "truth", "back"]
    assert whole.about["seconds"] == {"back": 1, "vae": 2, "truth": 3}
    assert whole.details == {"back": [1], "vae": [2], "truth": [3]}
    assert apart(("vae", "back", "truth")) == [("vae", "truth"), ("back",)]


def test_random_numbers_depend_on_their_purpose() -> None:
    draws = {tuple(paths.stream(seed, purpose).random(2)) for seed in (1, 2) for purpose in ("a", "b")}

    assert len(draws) == 4
    assert np.array_equal(paths.stream(1, "a").random(2), paths.stream(1, "a").random(2))
