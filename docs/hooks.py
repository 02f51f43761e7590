# SPDX-License-Identifier: Apache-2.0
"""What MkDocs is told beside mkdocs.yml: pages that do not lie in docs/.

The documents of the top folder are pages as they stand, so that GitHub and the site
show one text. The reference has a page for each public package, with the modules that
have an `__all__`.
"""

import pathlib
import re

from mkdocs import exceptions
from mkdocs.structure import files as files_lib

ROOT = pathlib.Path(__file__).parents[1]
TOP = ("README.md", "BUILD.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
PACKAGES = {
    "models": "Models",
    "flows": "Flows",
    "priors": "Priors",
    "networks": "Networks",
    "objectives": "Loss terms",
    "inference": "Samplers of latents",
    "masks": "Masks",
    "sharpening": "Sharpening",
    "bijectors": "Flow steps",
    "layers": "Layers",
    "data": "Images and vectors",
    "datasets": "Data sets",
    "densities": "Densities of arrays",
    "training": "Training",
    "keras_api": "fit, save and export",
    "experiments": "Runs",
    "tasks": "Tasks",
    "metrics": "Metrics",
    "evaluation": "Evaluation",
    "export": "Exports",
    "errors": "Errors",
    "types": "Types",
}
"""What people import, and what the navigation calls it."""

_ONLY_TEXT = "{members: [], show_root_heading: false}"

_OVERVIEW = """# Reference

Made of the docstrings. Import the module that you need, such as
`from glf_tf.models import glf`. What most models have is said at the classes that they
share:

| method | class |
|---|---|
| `fit`, `evaluate` | [Trainable][glf_tf.keras_api.trainable.Trainable] |
| `compile` | [Compiled][glf_tf.keras_api.compiling.Compiled] |
| `predict`, `save`, `export` | [Saved][glf_tf.keras_api.saving.Saved] |
| `sample` | [AbstractModel][glf_tf.models.base_model.AbstractModel] |
| `log_prob` | [AbstractLatentModel][glf_tf.models.latent.AbstractLatentModel] |
| `encode` | [AbstractAutoencoder][glf_tf.models.autoencoder.AbstractAutoencoder] |

"""


def on_config(config):
    """Puts the reference into the navigation."""
    for section in config.nav:
        if "Reference" in section:
            section["Reference"] = [
                {"Overview": "reference/index.md"},
                *({title: f"reference/{name}.md"} for name, title in PACKAGES.items()),
            ]
    return config


def on_files(files, config):
    """Adds the documents of the top folder, and the pages of the reference."""
    for name in TOP:
        page = files_lib.File.generated(config, name, abs_src_path=str(ROOT / name))
        files.append(page)
    pages = {name: reference(name, title) for name, title in PACKAGES.items()}
    for name, text in {"index": overview(), **pages}.items():
        page = files_lib.File.generated(config, f"reference/{name}.md", content=text)
        files.append(page)
    return files


def overview() -> str:
    """Returns the first page of the reference: what the others are about."""
    rows = ["| package | what it has |", "|---|---|"]
    for name, title in PACKAGES.items():
        file = ROOT / "glf_tf" / name / "__init__.py"
        text = (file if file.exists() else ROOT / f"glf_tf/{name}.py").read_text()
        first = text.split('"""')[1].split("\n\n")[0].replace("\n", " ")
        rows.append(f"| [{title}]({name}.md), `glf_tf.{name}` | {first} |")
    return _OVERVIEW + "\n".join(rows) + "\n"


def reference(name: str, title: str) -> str:
    """Returns the page of a package, or of a module of the top."""
    folder = ROOT / "glf_tf" / name
    if not folder.is_dir():
        return f"# {title}\n\n::: glf_tf.{name}\n"
    modules = [
        f"glf_tf.{name}.{path.stem}"
        for path in sorted(folder.glob("*.py"))
        if "\n__all__ = " in path.read_text()
    ]
    package = f"::: glf_tf.{name}\n    options: {_ONLY_TEXT}"
    return "\n\n".join(
        [f"# {title}", package, *(f"::: {module}" for module in modules), ""]
    )


def on_page_markdown(markdown, page, config, files):
    """Turns links between the top folder and docs/ into those of the site."""
    if page.parent is None:  # nothing stands beside it
        page.meta["hide"] = ["navigation"]
    if page.file.src_uri in TOP:
        return re.sub(r'(\]\(|src=")docs/', r"\1", markdown)
    return markdown.replace("](../", "](")


def on_post_page(output, page, config):
    """Refuses a page that loads anything from elsewhere, or shows a list's stars."""
    loaded = r'<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)="(?:https?:)?//[^"]+"'
    if found := re.search(loaded, output):
        raise exceptions.PluginError(
            f"A page loads nothing from elsewhere. Received: {found.group()} in "
            f"{page.file.src_uri}. Put the file into docs/."
        )
    text = re.sub(r"<pre\b.*?</pre>", "", output, flags=re.DOTALL)
    if found := re.search(r"^(?:<p>)?[*|] .*", text, flags=re.MULTILINE):
        raise exceptions.PluginError(
            f"A list or a table has an empty line before it, not inside. Received: "
            f"{found.group()} in {page.file.src_uri}. Add or remove one."
        )
    return output
