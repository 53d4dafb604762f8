"""What a user can meet, and the package's door."""

from __future__ import annotations

import subprocess
import sys

import flythrough
from flythrough.errors import InputError, WeightsError


def test_weights_errors_are_input_errors_are_value_errors() -> None:
    assert issubclass(WeightsError, InputError)
    assert issubclass(InputError, ValueError)


def test_the_package_is_light() -> None:
    code = "import sys, flythrough; print('torch' in sys.modules, 'numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == ["False", "False"]


def test_the_command_line_is_light() -> None:
    code = "import sys, flythrough.cli; print(*(m for m in ('torch', 'numpy', 'av') if m in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == []


def test_every_public_name_is_there() -> None:
    for name in flythrough.__all__:
        assert getattr(flythrough, name) is not None
