"""What leaves the review as a file for other programs. Never an abstract, a quotation, a raw reply or a full text."""

from __future__ import annotations

from collections.abc import Callable

from analysis.dataset import datasets
from db import data
from db.errors import InputError
from lsr.workflow.folder import Open
from lsr.workflow.refresh import refresh


def export(opened: Open, name: str) -> str:
    """The text of an export of FORMATS; InputError for one that there is not."""
    if name not in FORMATS:
        raise InputError(f"no export {name!r}: there are {', '.join(FORMATS)}")
    return FORMATS[name](opened)


def metafor(opened: Open) -> str:
    """An R script that pools the review again by metafor and stops where it disagrees."""
    from analysis.script_metafor import metafor_script  # scipy, as in analysis.refresh

    return _script(opened, metafor_script)


def stata(opened: Open) -> str:
    """A Stata do-file that does the same."""
    from analysis.script_stata import stata_script

    return _script(opened, stata_script)


def _script(opened: Open, write: Callable[..., str]) -> str:
    from analysis.scripts import About, analyses

    connection, spec = opened.review.connection, opened.spec
    now = refresh(opened)
    last = next(iter(reversed(data.versions(connection))), None)
    same = last is not None and last.frozen["fingerprint"] == now.fingerprint
    version = "not yet published" if last is None else f"{'' if same else 'changed since '}version {last.number}"
    synthesis = spec.synthesis
    about = About(
        spec.title, version, now.fingerprint, synthesis.ci_level, synthesis.ci_method, spec.demonstration
    )  # fmt: skip
    return write(about, analyses(datasets(connection, spec), now.estimates, synthesis.model))


FORMATS: dict[str, Callable[[Open], str]] = {"metafor": metafor, "stata": stata}
