"""Sphinx's configuration. Build with ``python -m sphinx -W --keep-going -b html docs build/docs``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_extensions")]

# Autodoc needs the pure-Python implementation: compiled functions have no signatures.
os.environ["TXREDIS_FAST_PUREPYTHON"] = "1"

import txredis_fast

project = "txredis_fast"
author = "The txredis_fast authors"
project_copyright = author
release = version = txredis_fast.__version__

extensions = ["sphinx.ext.autodoc", "option_table", "call_path", "room_table", "state_table"]
html_theme = "furo"
html_title = f"txredis_fast {release}"
html_static_path: list[str] = []

autodoc_member_order = "groupwise"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autoclass_content = "both"

# A reference to a public name of this package must have a target. Other names are not checked: the inventories of
# Python and Twisted are on the network, on which a build must not depend; internal names have no page.
nitpicky = True
PUBLIC = "|".join(name for name in vars(txredis_fast) if not name.startswith("_"))
nitpick_ignore_regex = [("py:.*", rf"(?!(txredis_fast\.)?({PUBLIC})\b).*")]
