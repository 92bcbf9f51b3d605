"""Writing the site: every page anew into a folder of its own, swapped in whole."""

from __future__ import annotations

import shutil
import tempfile
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
        fresh = Path(tempfile.mkdtemp(prefix=".site-", dir=review.folder))
        for name, text in pages.items():
            path = fresh / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        fresh.chmod(0o755)
        if site.exists():
            old = Path(tempfile.mkdtemp(prefix=".old-", dir=review.folder))
            site.replace(old / "site")
            fresh.replace(site)
            shutil.rmtree(old)
        else:
            fresh.replace(site)
    except OSError as error:
        raise ReviewFolderError(
            f"{site}: pages cannot be written ({error.strerror}): check the folder's rights"
        ) from error
    return site
