"""Writing the site: every page anew into a folder of its own, swapped in whole."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from db.errors import ReviewFolderError
from lsr.workflow.folder import Open
from lsr.workflow.refresh import refresh
from lsr.workflow.status import last_searches


def write_site(opened: Open) -> Path:
    """The pages of the review, in its folder `site`; returns that folder. Versions are drawn from what was frozen."""
    from analysis.pages import render_site  # jinja2 and matplotlib: only who writes pages pays for them

    review = opened.review
    searched = [at for at in last_searches(opened).values() if at != "never"]
    pages = render_site(review.connection, opened.spec, refresh(opened), now=max(searched, default=""))
    site = review.folder / "site"
    try:
        work = Path(tempfile.mkdtemp(prefix=".site-", dir=review.folder))
        try:
            _write(work / "new", pages)
            _swap(work / "new", site, work / "old")
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise ReviewFolderError(
            f"{site}: pages cannot be written ({error.strerror}): check the folder's rights and space"
        ) from error
    return site


def _write(folder: Path, pages: Mapping[str, str]) -> None:
    folder.mkdir()
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


def _swap(new: Path, site: Path, old: Path) -> None:
    """Put `new` in the place of `site`; what cannot be put there leaves `site` as it was."""
    if not site.exists():
        new.replace(site)
        return
    site.replace(old)
    try:
        new.replace(site)
    except BaseException:
        old.replace(site)
        raise
