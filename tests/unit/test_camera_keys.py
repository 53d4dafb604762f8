"""The key language: what keys do, and what is refused."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from flythrough.camera import pose as se3
from flythrough.camera.keys import DIALECTS, LiveKeys, parse_keys
from flythrough.errors import InputError

AXES = {"l": 0, "j": 0, "f": 1, "r": 1, "w": 2, "s": 2}
TURNS = {"d": 0, "a": 0, "i": 1, "k": 1, "e": 2, "q": 2}


@pytest.mark.parametrize(("key", "sign"), [("l", 1), ("j", -1), ("f", 1), ("r", -1), ("w", 1), ("s", -1)])
def test_each_move_key_drives_one_axis_at_two_metres_a_second(key: str, sign: int) -> None:
    expected = torch.zeros(3).double()
    expected[AXES[key]] = sign * 2.0

    c2w = parse_keys(f"{key}-16")

    assert_close(c2w[-1, :3, 3], expected)
    assert_close(c2w[:, :3, :3], torch.eye(3).double().expand(17, 3, 3))


@pytest.mark.parametrize(("key", "sign"), [("d", 1), ("a", -1), ("i", 1), ("k", -1), ("e", 1), ("q", -1)])
def test_each_turn_key_drives_one_angle_at_twenty_degrees_a_second(key: str, sign: int) -> None:
    expected = torch.zeros(3).double()
    expected[TURNS[key]] = sign * math.radians(20)

    c2w = parse_keys(f"{key}-16")

    assert_close(se3.angles(c2w[-1]), expected)
    assert not c2w[:, :3, 3].any()


def test_all_six_degrees_can_be_held_together() -> None:
    c2w = parse_keys("wlrdie-16")

    assert_close(se3.angles(c2w[-1]), torch.full((3,), math.radians(20)).double())
    assert c2w[-1, 1, 3] == -2
    assert c2w[-1, [0, 2], 3].norm() > 2


@pytest.mark.parametrize("name", DIALECTS)
def test_a_live_drive_flies_what_the_string_says(name: str) -> None:
    live = LiveKeys(name)
    poses = [live.c2w]
    poses += [live.step(held) for held, n in [("w", 5), ("wa", 7), ("", 4), ("Kj", 3)] for _ in range(n)]

    assert torch.equal(torch.stack(poses), parse_keys("w-5,aw-7,none-4,jk-3", name))


def test_a_restored_drive_goes_on_bit_for_bit() -> None:
    live, other = LiveKeys(), LiveKeys()
    for _ in range(9):
        live.step("wde")
    other.restore(json.loads(json.dumps(live.to_dict())))

    for held in ("w", "", "ra"):
        assert torch.equal(live.step(held), other.step(held))


def test_forward_follows_the_heading_but_stays_level() -> None:
    c2w = parse_keys("d-72,none-200,i-32,none-200,w-16")  # right by about 90 degrees, then up

    moved = c2w[-1, :3, 3] - c2w[-17, :3, 3]

    assert moved[1] == 0
    assert_close(moved[0] / moved.norm(), torch.sin(se3.angles(c2w[-1])[0]), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("name", "limit"), [("flythrough", 80.0), ("sana-wm", 60.0), ("sana-wm-v1", 85.0)])
def test_pitch_stops_at_the_dialects_limit(name: str, limit: float) -> None:
    pitch = math.degrees(float(se3.angles(parse_keys("i-400", name)[-1])[1]))

    assert limit - 1.21 < pitch <= limit + 1e-9


def test_opposite_keys_cancel_and_a_released_key_coasts() -> None:
    assert not parse_keys("ws-8")[-1, :3, 3].any()
    coasting = parse_keys("w-8,none-64")[:, 2, 3].diff()
    assert (coasting[8:].diff() < 0).all()
    assert 0 < coasting[-1] < 0.01


def test_writing_does_not_matter() -> None:
    plain = parse_keys("aw-3,none-2")

    for text in ("WA-3,NONE-2", " a w - 3 , none - 2 ", "wwa-3\uff0cnone-2"):
        assert torch.equal(parse_keys(text), plain)


def test_speeds_can_be_changed() -> None:
    fast = replace(DIALECTS["flythrough"], metres_per_s=5.0)

    assert_close(float(parse_keys("w-16", fast)[-1, 2, 3]), 5.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "keys are empty"),
        ("w-40,", "segment 2 is empty"),
        ("w-40,,a-3", "segment 2 is empty"),
        ("w-40,jw20", "segment 2 'jw20' is not keys, a dash and frames"),
        ("w-40,-20", "segment 2 '-20' is not keys, a dash and frames"),
        ("w-40,jx-20", "segment 2 'jx-20': 'x' is no key of flythrough"),
        ("w-0", "segment 1 'w-0' lasts '0' frames"),
        ("w-1.5", "segment 1 'w-1.5' lasts '1.5' frames"),
        ("w-ten", "segment 1 'w-ten' lasts 'ten' frames"),
        ("w--5", "segment 1 'w--5': '-' is no key"),
        ("w-99999999", "the most is"),
    ],
)
def test_a_malformed_segment_is_named(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        parse_keys(text)


def test_our_extra_keys_are_refused_in_the_official_dialects() -> None:
    for name in ("sana-wm", "sana-wm-v1"):
        with pytest.raises(InputError, match=f"'r' is no key of {name}"):
            parse_keys("r-4", name)


def test_an_unknown_dialect_lists_those_there_are() -> None:
    with pytest.raises(InputError, match="flythrough, sana-wm, sana-wm-v1"):
        parse_keys("w-4", "sana")
