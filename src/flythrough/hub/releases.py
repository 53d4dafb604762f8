"""The table of official releases: what belongs to each, where it is published, under which terms.

Source: docs/sana_wm.md of NVlabs/Sana, and the model cards.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from flythrough.errors import InputError


@dataclass(frozen=True)
class Licence:
    """Whose terms hold for a part. The text at `url` counts, `terms` only says where to look."""

    terms: str
    url: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One loadable part of a release.

    repository  on Hugging Face, owner/name
    path        in the repository: the file or folder that is loaded, "" for the repository itself
    files       patterns of the files that it needs, where these are not `path` and all below it
    gigabytes   as the publisher gives them; None where nobody says
    optional    the model flies without it
    """

    repository: str
    path: str
    what: str
    licence: Licence
    files: tuple[str, ...] = ()
    gigabytes: float | None = None
    optional: bool = False

    def has(self, file: str) -> bool:
        """Whether a file of the repository belongs to this part."""
        return any(fnmatchcase(file, pattern) for pattern in self.files or (self.path, f"{self.path}/*"))


@dataclass(frozen=True, kw_only=True)
class Release:
    """A model as it is published."""

    name: str
    what: str
    parts: dict[str, Part]


BIDIRECTIONAL = "Efficient-Large-Model/SANA-WM_bidirectional"
CHUNK_CAUSAL = "Efficient-Large-Model/SANA-WM_chunk_causal"
STREAMING = "Efficient-Large-Model/SANA-WM_streaming"
GEMMA_2 = "Efficient-Large-Model/gemma-2-2b-it"

GEMMA = Licence(
    "Gemma Terms of Use and Gemma Prohibited Use Policy (Google)", "https://ai.google.dev/gemma/terms"
)
LTX_2 = Licence(
    "LTX-2 Community License Agreement (Lightricks), from whose model it derives; see also the model card",
    "https://huggingface.co/Lightricks/LTX-2",
)


def _card(repository: str) -> Licence:
    return Licence("SANA-WM (NVIDIA): see the model card", f"https://huggingface.co/{repository}")


TEXT = Part(
    repository=GEMMA_2,
    path="",
    files=("*.json", "tokenizer.model", "model*.safetensors"),  # not the same weights once more in one file
    what="Gemma-2-2B, reads the prompt",
    licence=GEMMA,
    gigabytes=5,
)
VAE = Part(
    repository=BIDIRECTIONAL,
    path="vae",
    what="LTX-2 autoencoder",
    licence=LTX_2,
    gigabytes=2,
)
REFINER = {
    "refiner": Part(
        repository=BIDIRECTIONAL,
        path="refiner/transformer",
        what="LTX-2 refiner, the second stage; 38 GB together with its connectors",
        licence=LTX_2,
        gigabytes=38,
        optional=True,
    ),
    "connectors": Part(
        repository=BIDIRECTIONAL,
        path="refiner/connectors",
        what="what the refiner reads the prompt through",
        licence=LTX_2,
        optional=True,
    ),
    "refiner-text": Part(
        repository=BIDIRECTIONAL,
        path="refiner/text_encoder",
        what="Gemma-3-12B, reads the prompt for the refiner",
        licence=GEMMA,
        gigabytes=46,
        optional=True,
    ),
}

RELEASES: dict[str, Release] = {
    one.name: one
    for one in (
        Release(
            name="sana-wm",
            what="the whole clip at once, 60 steps with guidance",
            parts={
                "transformer": Part(
                    repository=BIDIRECTIONAL,
                    path="dit/sana_wm_1600m_720p.safetensors",
                    what="the 2.6B world transformer",
                    licence=_card(BIDIRECTIONAL),
                    gigabytes=10,
                ),
                "vae": VAE,
                "text": TEXT,
                **REFINER,
            },
        ),
        Release(
            name="sana-wm-chunk-causal",
            what="the chunk-causal teacher, for research; all but the transformer is sana-wm's",
            parts={
                "transformer": Part(
                    repository=CHUNK_CAUSAL,
                    path="dit/sana_wm_chunk_causal_1600m_720p.safetensors",
                    what="the 2.6B world transformer, chunk-causal",
                    licence=_card(CHUNK_CAUSAL),
                ),
                "vae": VAE,
                "text": TEXT,
                **REFINER,
            },
        ),
        Release(
            name="sana-wm-streaming",
            what="chunk by chunk, 4 steps without guidance",
            parts={
                "transformer": Part(
                    repository=STREAMING,
                    path="sana_dit/model.pt",
                    what="the 2.6B world transformer, distilled; in a training state of which a third is read",
                    licence=_card(STREAMING),
                    gigabytes=31.950734339,
                ),
                "vae": Part(
                    repository=STREAMING,
                    path="ltx2_causal_vae",
                    what="LTX-2 autoencoder, causal",
                    licence=LTX_2,
                ),
                "text": TEXT,
                "refiner": Part(
                    repository=STREAMING,
                    path="refiner_diffusers/transformer",
                    what="LTX-2 refiner, block by block",
                    licence=LTX_2,
                    optional=True,
                ),
                "connectors": Part(
                    repository=STREAMING,
                    path="refiner_diffusers/connectors",
                    what="what the refiner reads the prompt through",
                    licence=LTX_2,
                    optional=True,
                ),
                "refiner-text": Part(
                    repository=STREAMING,
                    path="gemma3_12b",
                    what="Gemma-3-12B, reads the prompt for the refiner",
                    licence=GEMMA,
                    optional=True,
                ),
            },
        ),
    )
}


def release(name: str) -> Release:
    """Look a release up; raises InputError with the names there are."""
    if name not in RELEASES:
        raise InputError(f"there is no release called {name!r} to pull; there are {', '.join(RELEASES)}")
    return RELEASES[name]
