"""Write the server's schema to standard output; the studio's types are generated from it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from flythrough.serve.app import create_app
from flythrough.serve.settings import Settings

with tempfile.TemporaryDirectory() as folder:
    print(json.dumps(create_app(Settings(data=Path(folder))).openapi()))
