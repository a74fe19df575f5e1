"""The site, ``make site``: these pages and what the docstrings say."""

import drawenv

project = "drawenv"
release = drawenv.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"drawenv {release}"
html_static_path: list[str] = []
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # docstrings give types with their shapes
# Files beside the pages are no pages; the repository shows them.
suppress_warnings = ["myst.xref_missing"]
