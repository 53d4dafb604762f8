"""The words that SANA-WM was trained to find before every prompt."""

from __future__ import annotations

from pathlib import Path

import yaml

from flythrough.errors import WeightsError

FILE = Path(__file__).with_name("instruction.txt")  # to the byte: it ends in a space, without a line's end


def instruction(folder: Path | None = None) -> str:
    """What a model's folder says (config.yaml, text_encoder.chi_prompt), else what all releases share.

    Raises WeightsError when a config.yaml is there and cannot be understood.
    """
    path = folder / "config.yaml" if folder is not None else None
    if path is None or not path.is_file():
        return FILE.read_bytes().decode()
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise WeightsError(f"{path}: not a readable YAML file ({str(error).splitlines()[0]})") from error
    section = config.get("text_encoder") if isinstance(config, dict) else None
    if not isinstance(section, dict) or "chi_prompt" not in section:
        return FILE.read_bytes().decode()
    lines = section["chi_prompt"]
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        raise WeightsError(
            f"{path}: text_encoder.chi_prompt is {type(lines).__name__}; it must be a list of lines"
        )
    return "\n".join(lines)
