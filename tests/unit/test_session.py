"""A session makes the same frames however it is flown; it can be driven, told otherwise, taken back and forked."""

from __future__ import annotations

import gc
from itertools import accumulate, pairwise

import numpy as np
import pytest
import torch
from torch import Tensor

from flythrough.camera.keys import DIALECTS, parse_keys
from flythrough.camera.pose import angles
from flythrough.conditioning import Conditioning, encode_camera
from flythrough.errors import InputError
from flythrough.flight.receipt import Receipt
from flythrough.sampling.euler import sample_euler
from flythrough.session import Session
from flythrough.tensors import noise
from tests.flights import flown, parts, path, read, session, shot, two_stages

CHUNKS = [(1, False), (2, True), (3, True)]


@pytest.mark.parametrize(("chunk", "plus_one"), CHUNKS)
def test_the_frames_do_not_depend_on_how_the_path_is_pushed(chunk: int, plus_one: bool) -> None:
    way = path(51)
    whole = flown(session(chunk, plus_one), way, [51])
    assert whole.shape == (51, 64, 96, 3)
    assert whole.std() > 1
    for cuts in ([1] * 51, [8] * 6 + [3], [30, 1, 20]):
        np.testing.assert_array_equal(flown(session(chunk, plus_one), way, cuts), whole)


def test_a_longer_path_begins_like_a_shorter_one() -> None:
    short, long = flown(session(), path(33), [33]), flown(session(), path(65), [65])
    np.testing.assert_array_equal(short, long[:33])


def test_seeds_differ_and_repeat() -> None:
    one, again, other = (flown(session(seed=seed), path(25), [25]) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert (one != other).mean() > 0.05


@pytest.mark.parametrize("frames", [1, 2, 7, 8, 9, 10])
def test_any_number_of_frames_comes_out(frames: int) -> None:
    assert len(flown(session(), path(frames), [frames])) == frames


def test_finishing_a_flight_that_never_began_says_so() -> None:
    with pytest.raises(InputError, match="no poses yet"):
        session().finish()


# Streaming


@pytest.mark.parametrize(("chunk", "plus_one"), [(1, False), (3, True)])
def test_a_stream_of_forty_chunks_is_what_a_model_without_memory_makes(chunk: int, plus_one: bool) -> None:
    made: list[Tensor] = []
    flight = session(chunk, plus_one)
    flight.on_chunk = lambda _: made.append(flight.latents.clone())  # pyrefly: ignore
    way = path(8 * (40 * chunk + plus_one - 1) + 1).held(8)
    flight.push(way.c2w, way.intrinsics)
    assert len(made) == 40
    bounds = (0, *accumulate(part.shape[2] for part in made))
    clean = torch.cat(made, dim=2)

    model, _, opening = parts(chunk)
    c2w, k = (torch.cat([rows, rows[-1:].expand(8, *rows.shape[1:])]) for rows in (way.c2w, way.intrinsics))
    camera, plucker = encode_camera(c2w, k, 64, 96, flight.terms.encoding)
    words = opening.words
    for number in (0, 1, 2, 3, 4, 9, 20, 39):
        begin, end = bounds[number : number + 2]
        cond = Conditioning(
            text=words.text,
            text_mask=words.text_mask,
            camera=camera[None, :end],
            plucker=plucker[None, :, :end],
        )
        x = noise((1, 8, end - begin, 2, 3), 0, number)
        if number == 0:
            x[:, :, :1] = opening.latent
        x = torch.cat([clean[:, :, :begin], x], dim=2)
        held = torch.arange(end) < max(begin, 1)

        def velocity(x: Tensor, sigma: Tensor, cond=cond, cuts=bounds[: number + 2]) -> Tensor:
            return model(x, 1000 * sigma[None], cond, bounds=cuts)

        for guess in sample_euler(velocity, x, torch.tensor(flight.terms.sigmas), held):
            x = guess
        torch.testing.assert_close(
            x[:, :, begin:],
            clean[:, :, begin:end],
            rtol=0,
            atol=1e-5 * float(clean[:, :, begin:end].abs().max()),
        )


def _bytes_alive() -> int:
    """Of all tensors there are, counted once where several look at one memory; other tests' sparse ones have none."""
    alive = [t for t in gc.get_objects() if type(t) is Tensor and t.layout is torch.strided]
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in alive}.values())


def test_memory_does_not_grow_with_the_flight() -> None:
    flight = session(chunk=3, rewinds=2)
    way, step = path(16), flight.chunk_frames
    flight.push(way.c2w, way.intrinsics)
    sizes = []
    for second in (15, 60):
        while flight.frames_made < 16 * second:
            flight.push(way.c2w[-1:].expand(step, 4, 4), way.intrinsics[-1:].expand(step, 4))
        gc.collect()
        sizes.append(_bytes_alive())
    assert sizes[1] == sizes[0]
    assert len(flight._now.track.rows) <= 2 * step
    assert len(flight.receipts) <= 64


# Held keys


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("start", [True, False])
def test_held_keys_fly_what_the_key_string_says(dialect: str, start: bool) -> None:
    text = "w-9,dw-20,none-5,ij-11"
    flight = session(keys=dialect)
    if start:
        films = [flight.push(text)]
    else:
        films = [flight.hold("w", 9), *(flight.hold("w+d") for _ in range(20))]
        films += [flight.hold("", 5), flight.hold(frozenset("ij"), 11)]
    frames = np.concatenate([*films, flight.finish()])

    poses = parse_keys(text, dialect)
    assert torch.equal(flight.path.c2w[:46], poses)
    other = session()
    np.testing.assert_array_equal(
        np.concatenate([other.push(poses, flight.path.intrinsics[:46]), other.finish()]), frames
    )


@pytest.mark.parametrize(
    ("keys", "axis"),
    [("ws", "z"), ("lj", "x"), ("fr", "y"), ("ik", "pitch"), ("da", "yaw"), ("eq", "roll")],
)
def test_keys_move_in_all_six_degrees(keys: str, axis: str) -> None:
    for key, sign in zip(keys, (1, -1), strict=True):
        flight = session()
        flight.push(f"{key}-8")
        last = flight.path.c2w[-1]
        now = dict(zip(("x", "y", "z", "yaw", "pitch", "roll"), [*last[:3, 3], *angles(last)], strict=True))
        assert sign * now.pop(axis) > 0.1
        assert max(map(abs, now.values())) < 1e-9


def test_keys_go_on_from_the_last_pushed_pose_at_rest() -> None:
    flight, way = session(), path(60).placed(torch.diag(torch.tensor([-1.0, 1, -1, 1]).double()))
    flight.push(way.c2w, way.intrinsics * torch.tensor([0.9, 0.9, 1, 1]))
    flight.hold("", 4)
    torch.testing.assert_close(flight.path.c2w[60:], way.c2w[-1:].expand(4, 4, 4), rtol=0, atol=1e-12)
    assert torch.equal(flight.path.intrinsics[-1], way.intrinsics[-1] * torch.tensor([0.9, 0.9, 1, 1]))
    flight.hold("w", 8)
    moved = flight.path.positions[-1] - way.positions[-1]
    ahead = way.c2w[-1, :3, 2] * torch.tensor([1.0, 0, 1])
    torch.testing.assert_close(moved / moved.norm(), ahead / ahead.norm())


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda s: s.push("x-4"), "no key of flythrough"),
        (lambda s: s.hold("wx", 4), "means nothing"),
        (lambda s: s.hold("w", 0), "held for 0 frames"),
        (lambda s: s.push("w-4", torch.ones(4, 4)), "keys were pushed with intrinsics"),
        (lambda s: s.push(torch.eye(4)[None]), "without intrinsics"),
        (lambda s: s.push(torch.eye(4)[None] * torch.nan, torch.ones(1, 4)), "NaN"),
        (lambda s: s.push(torch.eye(4)[None], torch.ones(1, 4)), "field of view"),
        (lambda s: s.say("dusk", over=13), "over 13 chunks"),
        (lambda s: s.say("d" * 2001), "2001 characters"),
        (lambda s: s.rewind(3), "it can take back 2"),
        (lambda s: s.rewind(0), "it can take back 2"),
    ],
)
def test_what_cannot_be_leaves_the_flight_as_it_was(wrong, says: str) -> None:
    flight, plain = session(rewinds=8), session()
    films = [flight.push("w-11")]
    with pytest.raises(InputError, match=says):
        wrong(flight)
    films += [flight.push("d-9"), flight.finish()]
    np.testing.assert_array_equal(
        np.concatenate(films), np.concatenate([plain.push("w-11"), plain.push("d-9"), plain.finish()])
    )


# Prompts


def test_a_prompt_changes_the_chunks_after_it_and_no_other() -> None:
    same, said, at_once = session(), session(), session()
    for flight in (same, said, at_once):
        flight.push("w-20")
    said.say("a long sentence about dusk")
    at_once.say("a long sentence about dusk", over=1)
    first, second, third = (f.push("w-8") for f in (same, said, at_once))
    assert not np.array_equal(first, second)
    assert not np.array_equal(second, third)
    told = [[receipt.prompts for receipt in flight.receipts] for flight in (same, said)]
    assert told[0][:-1] == told[1][:-1]
    assert told[1][-1] == (("hills", 0.75), ("a long sentence about dusk", 0.25))
    for _ in range(3):
        said.push("w-8")
    assert said.receipts[-1].prompts == (("a long sentence about dusk", 1.0),)
    assert said._now.heard is not None
    assert torch.equal(said._now.heard.text, read("a long sentence about dusk").text)


def test_a_prompt_said_before_the_flight_is_the_prompt_it_opens_with() -> None:
    one, other = session(), session()
    one.say("somewhere else altogether")
    other.say("nowhere")
    other.say("somewhere else altogether", over=1)
    np.testing.assert_array_equal(one.push("w-16"), other.push("w-16"))
    assert one.receipts[0].prompts == (("somewhere else altogether", 1.0),)


def test_the_same_prompt_again_changes_nothing() -> None:
    one, other = session(), session()
    one.push("w-10")
    one.say("hills")
    other.push("w-10")
    np.testing.assert_array_equal(one.push("w-16"), other.push("w-16"))


def test_a_session_without_a_reader_takes_words() -> None:
    flight, other = session(), session()
    flight.read = None
    with pytest.raises(InputError, match="cannot read"):
        flight.say("dusk over water")
    for one, words in ((flight, read("dusk over water")), (other, None)):
        one.push("w-8")
        one.say("dusk over water", words=words)
    np.testing.assert_array_equal(flight.push("w-24"), other.push("w-24"))


def test_the_second_stage_hears_of_a_prompt_too() -> None:
    pipeline = two_stages()
    films = []
    for said in (False, True):
        flight = pipeline.open(shot(1))
        flight.push("w-48")
        if said:
            words = pipeline.read("hills", "")
            assert words.refiner is not None
            words = type(words)(text=words.text, text_mask=words.text_mask, refiner=-words.refiner)
            flight.say("dusk", words=words)
        films.append(flight.push("w-72"))
    assert not np.array_equal(films[0], films[1])


# Back, and two ways on


def test_rewound_and_flown_again_the_frames_are_the_same() -> None:
    flight = session(rewinds=5)
    flight.push("w-30")
    made, films = flight.frames_made, []
    for _ in range(2):
        flight.say("dusk over water")
        films.append(flight.push("dw-24"))
        assert flight.chunks_made == 7
        flight.rewind(3)
        assert (flight.frames_made, flight.chunks_made, flight.prompt) == (made, 4, "hills")
        assert flight.path.frames == flight.poses_known == made == 25
        assert flight.receipts[-1].chunk == 3
        flight.push("w-6")  # of "w-30", what came after the chunk
    np.testing.assert_array_equal(*films)


def test_frames_that_come_later_are_the_same_and_can_be_rewound_before_they_are_there() -> None:
    flight, plain = session(rewinds=5), session()
    for keys in ("w-16", "dw-24"):
        with flight.later() as first:
            assert len(flight.push(keys)) == 0
        with flight.later() as second:
            flight.push("a-8")
        flight.rewind(1)
        with flight.later() as again:
            flight.push("a-8")
        np.testing.assert_array_equal(first.film(), plain.push(keys))
        truth = plain.push("a-8")
        np.testing.assert_array_equal(second.film(), truth)
        np.testing.assert_array_equal(again.film(), truth)
    np.testing.assert_array_equal(flight.push("w-8"), plain.push("w-8"))


def test_a_flight_can_be_rewound_to_its_start() -> None:
    flight = session(rewinds=5)
    film = flight.push("w-30")
    flight.rewind(4)
    np.testing.assert_array_equal(flight.push("w-30"), film)
    flight.rewind(4)
    assert (flight.frames_made, flight.poses_known, flight.chunks_made) == (0, 0, 0)


def test_a_rewind_forgets_poses_that_no_chunk_has_used() -> None:
    flight, other = session(rewinds=2), session()
    flight.push("w-16")
    flight.push("d-6")
    flight.push("d-6")
    flight.rewind(1)
    other.push("w-16")
    np.testing.assert_array_equal(flight.push("aw-16"), other.push("aw-16"))


def test_a_flight_keeps_no_moments_unless_it_is_asked_to() -> None:
    flight = session()
    flight.push("w-20")
    with pytest.raises(InputError, match="rewinds=8"):
        flight.rewind(1)


@pytest.mark.parametrize("stages", [1, 2])
def test_forks_are_equal_when_flown_equally_and_do_not_know_of_each_other(stages: int) -> None:
    def opened() -> Session:
        return session(rewinds=2) if stages == 1 else two_stages().open(shot(1), rewinds=2)

    alone, one = opened(), opened()
    alone.push("w-77")
    one.push("w-77")
    other = one.fork()
    left = one.push("aw-50")
    one.say("dusk")
    right, expected = other.push("d-48"), alone.push("d-48")
    np.testing.assert_array_equal(right, expected)
    assert not np.array_equal(left[:48], right[: len(left)])
    assert other.prompt == "hills"
    assert torch.equal(other.path.c2w, alone.path.c2w)

    twin = other.fork()
    other.rewind(1)
    np.testing.assert_array_equal(twin.push("w-48"), alone.push("w-48"))


def test_a_fork_costs_no_memory_before_it_is_flown() -> None:
    flight = session()
    flight.push("w-40")
    other = flight.fork()
    for mine, its in zip(flight._now.state.layers, other._now.state.layers, strict=True):
        assert mine is not its
        assert mine.memory is its.memory
        assert mine.window is its.window
    assert flight._now.vae is other._now.vae


# Receipts


@pytest.mark.parametrize(("chunk", "plus_one"), CHUNKS)
def test_every_chunk_has_a_receipt(chunk: int, plus_one: bool) -> None:
    told: list[Receipt] = []
    flight = session(chunk, plus_one, on_chunk=told.append)
    frames = len(flight.push("w-120"))
    assert list(flight.receipts) == told
    assert [receipt.chunk for receipt in told] == list(range(flight.chunks_made))
    assert [f for receipt in told for f in receipt.frames] == list(range(frames))
    for before, after in pairwise(told):
        assert after.poses.start == before.frames[-1]
        assert after.poses.stop == after.frames.stop
    assert all(set(receipt.seconds) == {"model", "decode"} for receipt in told)
    assert all(seconds > 0 for receipt in told for seconds in receipt.seconds.values())


def test_a_refined_chunk_says_how_long_refining_took() -> None:
    flight = two_stages().open(shot(1))
    flight.push("w-30")
    (receipt,) = flight.receipts
    assert set(receipt.seconds) == {"model", "refine", "decode"}
    assert receipt.total_s == sum(receipt.seconds.values())


def test_a_session_says_where_its_camera_is_and_how_far_back_it_can_go() -> None:
    flight = session(rewinds=2)
    way = path(41)
    for poses, lenses in zip(way.c2w.split(8), way.intrinsics.split(8), strict=True):
        flight.push(poses, lenses)
    assert torch.equal(flight.where(range(30, 38)).c2w, way.c2w[30:38])
    assert flight.rewindable == 2
    flight.rewind(1)
    assert flight.rewindable == 1
    assert torch.equal(
        flight.where(range(20, flight.poses_known)).intrinsics, way.intrinsics[20 : flight.poses_known]
    )
    assert session().rewindable == 0
