"""Subgroups: shown side by side always, tested only with enough studies, never two kinds in one table."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.effects import Effects
from analysis.inverse_variance import pool_inverse_variance
from analysis.subgroups import MIN_PER_LEVEL, MIN_STUDIES, Subgroups, one_table, subgroups
from analysis.tau2 import TAU2
from db.errors import InputError


def of(sizes: dict[str, int], **named: object) -> Subgroups:
    groups = [name for name, size in sizes.items() for _ in range(size)]
    k = len(groups)
    effects = Effects("PLO", np.sin(np.arange(k)), 0.1 + 0.01 * np.arange(k))
    return subgroups(effects, groups, **{"level": "study", **named})  # type: ignore[arg-type]


def test_the_thresholds_are_the_ones_of_the_sources() -> None:
    assert (MIN_STUDIES, MIN_PER_LEVEL) == (10, 4)


@pytest.mark.parametrize("tau2", ["separate", "common"])
@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({"auto": 5, "allo": 5}, ""),
        ({"auto": 6, "allo": 4}, ""),
        ({"auto": 5, "allo": 4}, "9 studies"),
        ({"auto": 7, "allo": 3}, "a subgroup of 3"),
        ({"a": 4, "b": 4, "c": 3}, "a subgroup of 3"),
    ],
)
def test_a_test_only_with_ten_studies_and_four_a_level(tau2: str, sizes: dict[str, int], said: str) -> None:
    found = of(sizes, tau2=tau2)
    assert said in found.not_tested
    assert len(found.groups) == len(sizes)
    if said:
        assert (found.Q_between, found.df, found.p_value) == (None, None, None)
    else:
        assert found.not_tested == ""
        assert found.p_value is not None
    assert of(sizes, tau2=tau2, min_studies=0, min_per_level=0).p_value is not None


def test_separate_groups_are_pools_of_their_own() -> None:
    found = of({"auto": 5, "allo": 5}, estimator=TAU2["REML"], test="knha")
    alone = pool_inverse_variance(
        Effects("PLO", np.sin(np.arange(5)), 0.1 + 0.01 * np.arange(5)), TAU2["REML"], test="knha"
    )
    auto = next(group for group in found.groups if group.name == "auto")
    assert (auto.estimate, auto.se, auto.tau2, auto.ci_lb) == (alone.estimate, alone.se, alone.tau2, alone.ci_lb)


def test_a_common_tau2_under_knapp_hartung_is_an_f_test() -> None:
    found = of({"auto": 5, "allo": 5}, tau2="common", test="knha")
    assert (found.df, found.df2) == (1, 8)
    assert found.groups[0].tau2 == found.groups[1].tau2


def test_studies_and_patients_never_stand_in_one_table() -> None:
    studies, patients = (of({"auto": 5, "allo": 5}, level=level) for level in ("study", "patient"))
    assert one_table([studies, studies]) == (studies, studies)
    with pytest.raises(InputError, match="a table of each"):
        one_table([studies, patients])


@pytest.mark.parametrize(
    ("groups", "named", "said"),
    [
        (["a", "b"], {}, "2 groups for 3 effects"),
        (["a", "b", ""], {}, "in no group"),
        (["a", "a", "a"], {}, "subgroups need two"),
        (["a", "b", "c"], {"tau2": "common"}, "fewer moderators"),
        (["a", "b", "b"], {"level": "lab"}, "study or patient"),
    ],
)
def test_what_makes_no_subgroups_is_refused(groups: list[str], named: dict[str, str], said: str) -> None:
    effects = Effects("PLO", np.array([0.1, 0.5, 0.2]), np.array([0.1, 0.1, 0.2]))
    with pytest.raises(InputError, match=said):
        subgroups(effects, groups, **{"level": "study", **named})  # type: ignore[arg-type]


studies = st.tuples(st.floats(-50, 50), st.floats(1e-6, 1e6), st.sampled_from("abc"))


@pytest.mark.parametrize("tau2", ["separate", "common"])
@given(rows=st.lists(studies, min_size=1, max_size=12), name=st.sampled_from([*TAU2, "EE"]), knha=st.booleans())
@settings(max_examples=100, deadline=None)
def test_any_effects_give_numbers_or_a_refusal(
    tau2: str, rows: list[tuple[float, float, str]], name: str, knha: bool
) -> None:
    effects = Effects("PR", np.array([row[0] for row in rows]), np.array([row[1] for row in rows]))
    try:
        found = subgroups(
            effects, [row[2] for row in rows], TAU2.get(name), level="patient", tau2=tau2,  # type: ignore[arg-type]
            test="knha" if knha else "z", min_studies=0, min_per_level=0,
        )  # fmt: skip
    except InputError:
        return
    json.dumps(asdict(found), allow_nan=False)
    assert sum(group.k for group in found.groups) == len(rows)
