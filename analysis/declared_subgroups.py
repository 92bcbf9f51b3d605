"""The subgroups that a protocol declares: computed where every study of the pool is known to stand in one, else named.

A study stands in a level when a fact of it, of the field that the subgroup is named by, says just that level's name.
Subgroups of patients within studies need data by patient, and never stand in one table with those of studies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from analysis.dataset import Dataset
from analysis.estimates import Pooled
from analysis.estimation_fit import fit, plain
from analysis.subgroups import between, not_tested
from db.model import Row
from db.specs import SubgroupSpec, SynthesisSpec

PREFIX = "subgroup "
PATIENTS = "it is of patients within studies: it needs data by patient (lsr survival FILE), not counts by study"


def placed(dataset: Dataset, subgroup: SubgroupSpec) -> tuple[tuple[Row, ...], str]:
    """The rows with their level as `group`, or the reason why they cannot all be placed in one."""
    if subgroup.level == "patient":
        return (), PATIENTS
    levels = {level.strip().casefold(): level for level in subgroup.levels}
    rows, unknown = [], []
    for row in dataset.rows:
        said = {
            value.strip().casefold()
            for field, study, value in dataset.facts
            if (field, study) == (subgroup.id, row.study)
        }
        if len(said) == 1 and said <= set(levels):
            rows.append(replace(row, group=levels[said.pop()]))
        else:
            unknown.append(row.label)
    if not dataset.rows:
        return (), "no included study reports the outcome"
    if unknown:
        more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
        return (), (
            f"of {len(unknown)} of {len(dataset.rows)} studies no fact {subgroup.id!r} says one of"
            f" {', '.join(subgroup.levels)}: {', '.join(unknown[:3])}{more}"
        )
    return tuple(rows), ""


def declared_subgroups(
    dataset: Dataset, specs: Sequence[SubgroupSpec], synthesis: SynthesisSpec
) -> tuple[dict[str, Any], dict[str, str]]:
    """{subgroup: its levels pooled apart by the protocol's model, and their test}, {"subgroup …": why not}.

    Tested only with ten studies and four a level, each level pooled; else the levels stand side by side without p.
    """
    found: dict[str, Any] = {}
    lacking: dict[str, str] = {}
    for spec in specs:
        rows, reason = placed(dataset, spec)
        if reason:
            lacking[f"{PREFIX}{spec.id}"] = reason
            continue
        parts = [(level, [row for row in rows if row.group == level]) for level in spec.levels]
        pools = {level: fit(part, synthesis.model, synthesis) for level, part in parts if part}
        pooled = [one for one in pools.values() if isinstance(one, Pooled)]
        untested = not_tested([one.k for one in pools.values()]) if len(pools) > 1 else "not tested: one level only"
        if not untested and len(pooled) < len(pools):
            untested = "not tested: a level is not pooled"
        test = (None, None, None) if untested else between([(one.estimate, one.se) for one in pooled])
        found[spec.id] = {
            "level": "study",
            "tau2_is": "separate",
            "groups": {level: plain(one) for level, one in pools.items()},
            "not_tested": untested,
            **dict(zip(("Q_between", "df", "p_value"), test, strict=True)),
        }
    return found, lacking
