"""What every test shares."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

# The gate looks at the same examples each time; who works on the code looks at new ones.
settings.register_profile("gate", derandomize=True, database=None)
if os.environ.get("CI"):
    settings.load_profile("gate")
