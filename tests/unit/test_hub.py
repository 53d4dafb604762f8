"""Pulling weights from a server that breaks, lies and moves; and everything else without any server."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import save

from flythrough import hub
from flythrough.cli import app
from flythrough.errors import InputError, WeightsError
from flythrough.hub import download, releases, store
from tests.hubserver import REVISION, Hub, serving

DIT = "dit/sana_wm_1600m_720p.safetensors"
VAE = "vae/diffusion_pytorch_model.safetensors"


def published() -> dict[str, dict[str, bytes]]:
    weights = {name: save({name: torch.full((5000,), float(len(name)))}) for name in ("dit", "vae", "causal")}
    config = b'{"_class_name": "something"}'
    return {
        releases.BIDIRECTIONAL: {
            "README.md": b"# a model",
            "dit/sana_wm_1600m_720p.safetensors": weights["dit"],
            "vae/config.json": config,
            VAE: weights["vae"],
            "refiner/transformer/config.json": config,
            "refiner/transformer/diffusion_pytorch_model.safetensors": save({"r": torch.zeros(9)}),
            "refiner/connectors/config.json": config,
            "refiner/text_encoder/model.safetensors": save({"t": torch.zeros(7)}),
            "vae_other/config.json": config,
        },
        releases.CHUNK_CAUSAL: {"dit/sana_wm_chunk_causal_1600m_720p.safetensors": weights["causal"]},
        releases.GEMMA_2: {
            "config.json": config,
            "tokenizer.model": b"tokens",
            "model-00001-of-00001.safetensors": save({"g": torch.zeros(3)}),
            "model.safetensors.index.json": b"{}",
            "gemma-2-2b-it.safetensors": b"the same weights once more",
        },
    }


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "WAIT_S", 0.0)
    with serving(Hub(published())) as running:
        yield running


def pulled(server: Hub, home: Path, name: str = "sana-wm", parts: list[str] | None = None) -> hub.Plan:
    plan = hub.plan(name, parts, home=home, endpoint=server.url)
    hub.pull(plan)
    return plan


def files(home: Path) -> set[str]:
    root = home / "models"
    return {
        str(file.relative_to(root))
        for file in root.rglob("*")
        if file.is_file() and file.name != store.RECORD
    }


def test_a_pull_brings_what_the_model_needs_bit_for_bit(server: Hub, tmp_path: Path) -> None:
    pulled(server, tmp_path)

    parts = hub.parts("sana-wm", tmp_path)
    assert set(parts) == {"transformer", "vae", "text"}
    assert parts["transformer"].read_bytes() == server.repositories[releases.BIDIRECTIONAL][DIT]
    assert {file.name for file in parts["vae"].iterdir()} == {
        "config.json",
        "diffusion_pytorch_model.safetensors",
    }
    assert files(tmp_path) == {
        f"{releases.BIDIRECTIONAL}/{DIT}",
        f"{releases.BIDIRECTIONAL}/vae/config.json",
        f"{releases.BIDIRECTIONAL}/{VAE}",
        f"{releases.GEMMA_2}/config.json",
        f"{releases.GEMMA_2}/tokenizer.model",
        f"{releases.GEMMA_2}/model-00001-of-00001.safetensors",
        f"{releases.GEMMA_2}/model.safetensors.index.json",
    }


def test_parts_are_chosen_by_name_and_a_later_pull_adds_to_them(server: Hub, tmp_path: Path) -> None:
    pulled(server, tmp_path, parts=["vae"])
    with pytest.raises(InputError, match=r"its transformer is not here.*flythrough models pull sana-wm"):
        hub.parts("sana-wm", tmp_path)
    server.requests.clear()

    pulled(server, tmp_path, parts=["all"])

    assert set(hub.parts("sana-wm", tmp_path)) == set(hub.release("sana-wm").parts)
    assert not [request for request in server.requests if VAE in request], "it was here already"


@pytest.mark.parametrize("at", [0, 1, 1000, 20_000])
def test_a_broken_connection_goes_on_where_it_broke(at: int, server: Hub, tmp_path: Path) -> None:
    server.break_at[DIT] = [at]

    pulled(server, tmp_path, parts=["transformer"])

    assert server.ranges == [None, f"bytes={at}-" if at else None]
    assert (tmp_path / "models" / releases.BIDIRECTIONAL / DIT).read_bytes() == published()[
        releases.BIDIRECTIONAL
    ][DIT]


def test_another_process_goes_on_where_the_first_one_gave_up(server: Hub, tmp_path: Path) -> None:
    server.break_at[DIT] = [3000, *[0] * download.TRIES]
    with pytest.raises(InputError, match="goes on from there"):
        pulled(server, tmp_path, parts=["transformer"])
    assert not (tmp_path / "models" / releases.BIDIRECTIONAL / DIT).exists(), (
        "no name before its hash is right"
    )
    plan = hub.plan("sana-wm", ["transformer"], home=tmp_path, endpoint=server.url)
    needed = plan.bytes_needed
    assert needed == len(server.repositories[releases.BIDIRECTIONAL][DIT]) - 3000
    server.ranges.clear()
    arrived: list[int] = []

    hub.pull(plan, lambda _, count: arrived.append(count))

    assert server.ranges == ["bytes=3000-"]
    assert sum(arrived) == needed
    assert plan.bytes_needed == 0
    assert "transformer" in {name for name, part in plan.parts.items() if store.complete(part, tmp_path)}
    assert not list(tmp_path.rglob("*.part"))


def test_a_server_that_cannot_resume_sends_it_all_again(server: Hub, tmp_path: Path) -> None:
    server.break_at[DIT] = [3000]
    server.no_range = True
    pulled(server, tmp_path, parts=["transformer"])
    assert (tmp_path / "models" / releases.BIDIRECTIONAL / DIT).read_bytes() == published()[
        releases.BIDIRECTIONAL
    ][DIT]


@pytest.mark.parametrize("file", [DIT, "vae/config.json"], ids=["SHA-256", "git"])
def test_a_wrong_hash_is_refused_and_nothing_of_the_file_stays(
    file: str, server: Hub, tmp_path: Path
) -> None:
    server.garbled.add(file)

    with pytest.raises(WeightsError, match=f"{Path(file).name}: what .* is not what its publisher hashed"):
        pulled(server, tmp_path)

    assert f"{releases.BIDIRECTIONAL}/{file}" not in files(tmp_path)
    assert not list(tmp_path.rglob("*.part"))
    server.garbled.clear()
    pulled(server, tmp_path)
    assert "transformer" in hub.parts("sana-wm", tmp_path)


def test_a_file_published_anew_replaces_the_old_one_of_the_same_size(server: Hub, tmp_path: Path) -> None:
    pulled(server, tmp_path)
    new = save({"dit": torch.full((5000,), 9.0)})
    assert len(new) == len(server.repositories[releases.BIDIRECTIONAL][DIT])
    server.repositories[releases.BIDIRECTIONAL][DIT] = new

    plan = pulled(server, tmp_path)

    assert hub.parts("sana-wm", tmp_path)["transformer"].read_bytes() == new
    assert not plan.missing


def test_a_new_version_that_stops_half_way_is_not_taken_for_whole(server: Hub, tmp_path: Path) -> None:
    pulled(server, tmp_path)
    server.repositories[releases.BIDIRECTIONAL][DIT] = save({"dit": torch.full((5000,), 9.0)})
    server.break_at[DIT] = [10, *[0] * download.TRIES]

    with pytest.raises(InputError):
        pulled(server, tmp_path)

    with pytest.raises(InputError, match="its transformer is not here"):
        hub.parts("sana-wm", tmp_path)


def test_nothing_but_a_pull_connects(server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pulled(server, tmp_path)
    server.requests.clear()

    for words in (["list"], ["show", "sana-wm"], ["rm", "sana-wm", "--yes"], ["list"]):
        app(["models", *words, "--home", str(tmp_path)], standalone_mode=False)

    assert server.requests == []
    shown = capsys.readouterr().out
    for needed in (
        "sana-wm: complete",
        "sha256:",
        REVISION,
        "Gemma Terms of Use",
        "LTX-2 Community License",
        "freed",
    ):
        assert needed in shown
    assert shown.endswith("not here, optional\n")


def test_a_pull_tells_sizes_room_and_terms_before_anything_is_fetched(
    server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    words = ["models", "pull", "sana-wm", "--home", str(tmp_path), "--endpoint", server.url]

    with pytest.raises(InputError, match="--yes"):
        app(words, standalone_mode=False)

    assert all(request.startswith("api/") for request in server.requests)
    assert not list(tmp_path.iterdir())
    told = capsys.readouterr().out
    for needed in (
        "Gemma Terms of Use",
        "https://ai.google.dev/gemma/terms",
        "tagged: apache-2.0",
        "to come",
        "free",
    ):
        assert needed in told
    app([*words, "--yes"], standalone_mode=False)
    assert capsys.readouterr().out.endswith("sana-wm: transformer, vae, text here\n")


def test_a_disk_without_room_is_refused_before_anything_is_fetched(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9 + 30_000))
    with pytest.raises(
        InputError, match=r"sana-wm: 0\.0 GB are still to come.* has 1\.0 GB; name another disk"
    ):
        hub.plan("sana-wm", home=tmp_path, endpoint=server.url)
    hub.plan("sana-wm", ["transformer"], home=tmp_path, endpoint=server.url)


def test_what_two_releases_share_is_pulled_once_and_stays_for_the_other(server: Hub, tmp_path: Path) -> None:
    pulled(server, tmp_path, "sana-wm")
    server.requests.clear()
    pulled(server, tmp_path, "sana-wm-chunk-causal")
    assert not [request for request in server.requests if "vae" in request]

    assert hub.remove("sana-wm", tmp_path) == len(server.repositories[releases.BIDIRECTIONAL][DIT])
    assert set(hub.parts("sana-wm-chunk-causal", tmp_path)) == {"transformer", "vae", "text"}

    hub.remove("sana-wm-chunk-causal", tmp_path)
    assert files(tmp_path) == set()
    assert list((tmp_path / "models").iterdir()) == [], "no empty folders stay"


def test_rm_deletes_half_pulled_files_too_and_nothing_of_anyone_else(server: Hub, tmp_path: Path) -> None:
    server.break_at[DIT] = [3000, *[0] * download.TRIES]
    with pytest.raises(InputError):
        pulled(server, tmp_path, parts=["transformer"])
    note = tmp_path / "models" / releases.BIDIRECTIONAL / "dit" / "my-note.txt"
    note.write_text("mine")

    assert hub.remove("sana-wm", tmp_path) == 3000

    assert files(tmp_path) == {f"{releases.BIDIRECTIONAL}/dit/my-note.txt"}


@pytest.mark.parametrize(
    "path", ["../../outside.json", "/etc/outside.json", "a/../../outside.json", "C:\\outside.json"]
)
def test_a_listing_cannot_write_outside_its_folder(path: str, server: Hub, tmp_path: Path) -> None:
    server.repositories[releases.GEMMA_2][path] = b"{}"
    with pytest.raises(WeightsError, match=r"outside"):
        hub.plan("sana-wm", home=tmp_path, endpoint=server.url)


def test_a_record_cannot_delete_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_text("{}")
    where = tmp_path / "models" / releases.GEMMA_2
    where.mkdir(parents=True)
    entry = {"path": "../../../outside.json", "size": 2, "digest": "git:0", "revision": "x"}
    (where / store.RECORD).write_text(json.dumps({"files": [entry]}))

    hub.remove("sana-wm", tmp_path)

    assert (tmp_path / "outside.json").exists()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"files": [{"size": 1}]}', '{"files": 5}'])
def test_a_damaged_record_is_named(content: str, tmp_path: Path) -> None:
    where = tmp_path / "models" / releases.GEMMA_2
    where.mkdir(parents=True)
    (where / store.RECORD).write_text(content)
    with pytest.raises(WeightsError, match=store.RECORD):
        store.record(releases.GEMMA_2, tmp_path)


def test_a_users_token_is_for_hugging_face_alone(
    server: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    pulled(server, tmp_path)
    assert server.authorized == []


def test_a_token_is_not_sent_on_to_where_a_redirect_leads(server: Hub, tmp_path: Path) -> None:
    content = server.repositories[releases.BIDIRECTIONAL][DIT]
    digest = next(f.digest for f in _listed(server, tmp_path) if f.path == DIT)
    url = f"{server.url}/{releases.BIDIRECTIONAL}/resolve/{REVISION}/{DIT}"

    download.download(download.Source(url, len(content), digest, token="hf_secret"), tmp_path / "dit")

    assert server.authorized == [f"{releases.BIDIRECTIONAL}/resolve/{REVISION}/{DIT}"]


def _listed(server: Hub, home: Path) -> list[hub.Held]:
    return hub.plan("sana-wm", ["transformer"], home=home, endpoint=server.url).files["transformer"]


@pytest.mark.parametrize(
    ("name", "parts", "says"),
    [
        ("sana", None, "no release called 'sana'.*sana-wm-streaming"),
        ("sana-wm", ["vea"], "no part 'vea'; it has transformer, vae"),
        ("sana-wm-streaming", None, "SANA-WM_streaming: .* no such repository"),
    ],
)
def test_what_does_not_exist_is_named(
    name: str, parts: list[str] | None, says: str, server: Hub, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=says):
        hub.plan(name, parts, home=tmp_path, endpoint=server.url)


def test_a_repository_whose_terms_were_not_accepted_says_where_to_do_so(server: Hub, tmp_path: Path) -> None:
    server.gated.add(releases.GEMMA_2)
    with pytest.raises(InputError, match=f"terms accepted first, at {server.url}/{releases.GEMMA_2}"):
        hub.plan("sana-wm", home=tmp_path, endpoint=server.url)


def test_a_repository_without_a_part_is_named(server: Hub, tmp_path: Path) -> None:
    del server.repositories[releases.BIDIRECTIONAL][DIT]
    with pytest.raises(InputError, match=f"has no {DIT} at"):
        hub.plan("sana-wm", home=tmp_path, endpoint=server.url)


@pytest.mark.parametrize("endpoint", ["file:///etc", "huggingface.co", ""])
def test_an_endpoint_is_a_web_address(endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--endpoint"):
        hub.plan("sana-wm", home=tmp_path, endpoint=endpoint)


def test_an_endpoint_where_nobody_answers_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"http://127\.0\.0\.1:9 does not answer"):
        hub.plan("sana-wm", home=tmp_path, endpoint="http://127.0.0.1:9")


def test_home_is_the_users_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert hub.default_home() == tmp_path / "flythrough"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hub.default_home() == tmp_path / ".local" / "share" / "flythrough"


def test_every_part_has_terms_and_the_required_ones_are_the_same_three() -> None:
    for one in hub.RELEASES.values():
        assert {name for name, part in one.parts.items() if not part.optional} == {
            "transformer",
            "vae",
            "text",
        }
        for part in one.parts.values():
            assert part.licence.terms
            assert part.licence.url.startswith("https://")
