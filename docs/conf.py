"""Sphinx's settings. `make docs` builds the pages into docs/_build/html, without a network."""

import re
import shutil
from pathlib import Path

from docutils import nodes

import sk_dann

HERE = Path(__file__).parent

project = "sk_dann"
author = "the sk_dann developers"
release = version = sk_dann.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "_templates"]

# Pages of Markdown. The notebooks are stored as they ran, and the tests run them again.
nb_execution_mode = "off"
nb_render_image_options = {"alt": "What the code above draws; the text says what it shows."}
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 4

# The reference: a page for each name in the `__all__` of a subpackage, by _templates/autosummary.
default_role = "literal"
autosummary_imported_members = True
autosummary_ignore_module_all = False
# numpydoc's sections say the types; it would list the members a second time.
autodoc_typehints = "none"
autodoc_inherit_docstrings = False
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False

toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = f"sk_dann {release}"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 5,
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": ["theme-version"],
}
html_sidebars = {page: [] for page in ("index", "migration", "benchmarks", "changelog")}
html_sidebars["contributing"] = []
copyright = "the sk_dann developers, BSD-3-Clause"

# Where other libraries describe their names: known without their inventories, which would have to
# be downloaded at every build. What matches nothing here is a warning.
ELSEWHERE = {
    r"sklearn\..+": r"https://scikit-learn.org/stable/modules/generated/\g<0>.html",
    r"torch\..+": r"https://docs.pytorch.org/docs/stable/generated/\g<0>.html",
    r"skorch\.(\w+)": r"https://skorch.readthedocs.io/en/stable/\1.html",
    r"matplotlib\..+": r"https://matplotlib.org/stable/api/_as_gen/\g<0>.html",
    r"functools\..+": r"https://docs.python.org/3/library/functools.html#\g<0>",
    r"joblib": r"https://joblib.readthedocs.io/en/stable/",
}


def link_elsewhere(app, env, node, content):
    """Link a name that is not ours to the page of its own library."""
    for pattern, url in ELSEWHERE.items():
        if match := re.fullmatch(pattern, node["reftarget"]):
            return nodes.reference("", "", content, internal=False, refuri=match.expand(url))
    return None


def skip_what_others_document(app, what, name, obj, skip, options):
    """Leave out what scikit-learn, torch and Python bring: it is the same everywhere."""
    of_property = getattr(obj, "fget", obj)
    owner = getattr(obj, "__objclass__", of_property)  # of what is written in C
    module = getattr(owner, "__module__", None) or "sk_dann"
    is_field_of_a_tuple = (getattr(obj, "__doc__", None) or "").startswith("Alias for field")
    return True if is_field_of_a_tuple or not module.startswith("sk_dann") else None


def copy_notebooks(app):
    """Copy the notebooks to where Sphinx looks for pages."""
    shutil.rmtree(HERE / "notebooks", ignore_errors=True)
    shutil.copytree(
        HERE.parent / "notebooks", HERE / "notebooks", ignore=shutil.ignore_patterns(".*")
    )


def setup(app):
    """Tell Sphinx of the functions above."""
    app.connect("builder-inited", copy_notebooks, priority=0)
    app.connect("missing-reference", link_elsewhere)
    app.connect("autodoc-skip-member", skip_what_others_document)
