"""What stands around a table's pooled effect: how sure tau2 is, subgroups, moderators, each study's part, the funnel.

Names are metafor's: `confint`, `leave1out`, `cumul`, `influence`, `regtest`, `ranktest`, `trimfill`. Leave-one-out,
cumulative and subgroup pools are made by the table's own method. What needs yi and vi with a tau2 of their own takes
the method where it is an inverse-variance one, else REML, and says which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from analysis.estimates import MIN_STUDIES
from analysis.heterogeneity import h_squared, i_squared, q_based_interval
from analysis.influence import influence
from analysis.inverse_variance import Test
from analysis.meta_regression import meta_regression
from analysis.sequence import sorted_places
from analysis.small_study import egger, rank_test, regression_test, small_study_refusal
from analysis.subgroups import Subgroup, between, not_tested, subgroups
from analysis.table_choice import Choice
from analysis.table_kinds import NUMBER, AnyRow
from analysis.table_pooling import (
    TablePool,
    effects_of,
    not_pooled,
    plain,
    pool_groups,
    pool_rows,
    to_back,
    within_the_machine,
)
from analysis.tau2 import TAU2, Estimator
from analysis.tau2_interval import q_profile, tau2_standard_error
from analysis.trim_and_fill import trim_and_fill
from analysis.two_groups import TwoGroupRow
from db.errors import InputError
from db.model import Row

WEIGHTED: Final = ("EE", *TAU2)  # the methods that weigh yi by vi
SAME_PATIENTS: Final = (
    "not tested: a study stands in several subgroups, which are of patients within studies and not independent"
)
NO_PROFILE: Final = "the Q-profile interval is of inverse-variance methods with a tau2, such as REML"


def weighted_method(choice: Choice) -> str:
    """The inverse-variance method of what needs one: the table's own, or REML."""
    return choice.method if choice.method in WEIGHTED else "REML"


def heterogeneity(rows: Sequence[AnyRow], choice: Choice, found: TablePool) -> dict[str, Any]:
    """se(tau2), the Q-profile interval of tau2 with those of I2 and H2, and I2's test-based interval (R's meta).

    `refused` says why a model has none of them.
    """
    if choice.method not in TAU2:
        return {"refused": NO_PROFILE}

    def told() -> dict[str, Any]:
        effects = effects_of(rows, choice)
        interval = asdict(q_profile(effects, level=choice.level))
        by_q = q_based_interval(found.Q, found.k, choice.level)
        se = tau2_standard_error(TAU2[choice.method], effects.yi, effects.vi, found.tau2 or 0.0)
        tested = {} if by_q is None else {"I2_test_lb": by_q.I2_lb, "I2_test_ub": by_q.I2_ub}
        return {"interval": "Q-profile", "tau2_se": se, **interval, **tested}

    return _or_refused(told)


def grouped(rows: Sequence[AnyRow], choice: Choice, tau2: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A pool for each group, and their comparison; both {} where the rows have no group.

    `tau2` "separate" pools each group by the table's own method; "common" gives them one tau2 (inverse-variance methods
    only, else InputError). `level` is "patient" where a study stands in several groups: then nothing is tested.
    """
    names = sorted({row.group for row in rows})
    if tau2 not in ("separate", "common"):
        raise InputError(f"unknown tau2 of subgroups {tau2!r}; use separate or common")
    if tau2 == "common" and choice.method not in TAU2:
        raise InputError(f"{choice.method} has no common tau2 of subgroups: use separate, or a method such as REML")
    if names == [""]:
        return {}, {}
    studies: dict[str, set[str]] = {}
    for row in rows:
        studies.setdefault(row.study, set()).add(row.group)
    within = any(len(groups) > 1 for groups in studies.values())
    sizes = [len({row.study for row in rows if row.group == name}) for name in names]
    reason = SAME_PATIENTS if within else _untested(names, sizes)
    about: dict[str, Any] = {"tau2_is": tau2, "level": "patient" if within else "study", "not_tested": reason}
    if tau2 == "common" and "" not in names and len(names) > 1:
        shared, figures = _common(rows, choice)
        return shared, _tested(about, figures)
    about["tau2_is"] = "separate"
    found = pool_groups(rows, choice)
    pools = {name: plain(part) for name, part in found.items()}
    parts = [part for part in found.values() if isinstance(part, TablePool)]
    if not reason:  # a method may leave out studies that tell nothing: k counts those it took
        few = len(parts) < len(found)
        about["not_tested"] = "not tested: a subgroup is not pooled" if few else not_tested([part.k for part in parts])
    tested: dict[str, Any] = dict.fromkeys(("Q_between", "df", "df2", "p_value"))
    if not about["not_tested"]:
        with within_the_machine():
            tested["Q_between"], tested["df"], tested["p_value"] = between([(part.estimate, part.se) for part in parts])
    return pools, _tested(about, tested)


def _untested(names: Sequence[str], sizes: Sequence[int]) -> str:
    if "" in names:
        return "not tested: some studies stand in no subgroup"
    return "not tested: there is one subgroup" if len(names) < 2 else not_tested(sizes)


def _tested(about: dict[str, Any], tested: Mapping[str, Any]) -> dict[str, Any]:
    """Without the test where it may not be made."""
    return about | (dict.fromkeys(tested) if about["not_tested"] else dict(tested))


def _common(rows: Sequence[AnyRow], choice: Choice) -> tuple[dict[str, Any], dict[str, Any]]:
    effects, member = effects_of(rows, choice), [row.group for row in rows]
    with within_the_machine():
        found = subgroups(
            effects, member, TAU2[choice.method], level="study", tau2="common", test=_test(choice),
            confidence=choice.level, min_studies=0, min_per_level=0,
        )  # fmt: skip

    def one(group: Subgroup) -> dict[str, Any]:
        part = [row for row in rows if row.group == group.name]
        if group.k < MIN_STUDIES:
            studies = "1 study" if group.k == 1 else f"{group.k} studies"
            why = f"{studies}: pooling by {choice.method} needs at least {MIN_STUDIES}"
            return plain(not_pooled(part, choice, why))
        vi = effects_of(part, choice).vi
        body = asdict(group) | {"I2": i_squared(group.tau2, vi), "H2": h_squared(group.tau2, vi)}
        body |= dict.fromkeys(("statistic", "p_value", "pi_lb", "pi_ub", "weights"))
        shown = ("estimate", "ci_lb", "ci_ub")
        back = {name: to_back(body[name], part, choice) for name in shown} | {"pi_lb": None, "pi_ub": None}
        return {"pooled": True, **body, "tests": {}, "details": {}, "back": back}

    tested = {name: getattr(found, name) for name in ("Q_between", "df", "df2", "p_value", "QE", "R2")}
    return {group.name: one(group) for group in found.groups}, tested


def regressed(rows: Sequence[AnyRow], choice: Choice, moderators: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The meta-regression on numeric columns, each a cell for each row; InputError for what cannot be one."""
    columns = {name: _numbers(name, cells, rows) for name, cells in moderators.items()}
    with within_the_machine():
        found = meta_regression(
            effects_of(rows, choice), columns, _estimator(choice), test=_test(choice), level=choice.level
        )
    return {"method": weighted_method(choice), **asdict(found)}


def _numbers(name: str, cells: Sequence[str], rows: Sequence[AnyRow]) -> list[float]:
    for cell, row in zip(cells, rows, strict=True):
        if not NUMBER.fullmatch(cell):
            raise InputError(
                f"moderator {name}, study {row.study}: {cell!r} is no number; mend it or leave the study out"
            )
    return [float(cell) for cell in cells]


def left_out(rows: Sequence[AnyRow], choice: Choice) -> list[dict[str, Any]]:
    """The pool without each study (all its rows), by the table's own method: metafor's `leave1out`."""
    studies = list(dict.fromkeys(row.study for row in rows))
    return [_step(study, [row for row in rows if row.study != study], choice) for study in studies if len(studies) > 1]


def added(rows: Sequence[AnyRow], choice: Choice, order: Sequence[str]) -> list[dict[str, Any]]:
    """The pool of the first study, the first two and so on, by the table's own method: metafor's `cumul`.

    `order` has a cell for each row, dates or numbers; without it the rows stay as they are. InputError for an order
    that is neither.
    """
    keys: list[str | float] = list(order)
    if order and all(NUMBER.fullmatch(cell) for cell in order):
        keys = [float(cell) for cell in order]
    places = sorted_places(keys, len(rows)) if order else range(len(rows))
    ordered = [rows[place] for place in places]
    found, cells = [], [order[place] for place in places] if order else [""] * len(rows)
    for size, row in enumerate(ordered, 1):
        if size < len(ordered) and ordered[size].study == row.study:
            continue  # its other arm comes with it
        found.append(_step(row.study, ordered[:size], choice) | ({"at": cells[size - 1]} if order else {}))
    return found


def _step(study: str, rows: Sequence[AnyRow], choice: Choice) -> dict[str, Any]:
    try:
        return {"study": study, **plain(pool_rows(rows, choice))}
    except InputError as error:
        return {"study": study, **plain(not_pooled(rows, choice, str(error)))}


def influences(rows: Sequence[AnyRow], choice: Choice) -> dict[str, Any]:
    """The case diagnostics of each study: metafor's `influence`."""

    def told() -> dict[str, Any]:
        found = influence(effects_of(rows, choice), _estimator(choice), labels=[row.study for row in rows])
        return {"studies": [asdict(one) for one in found]}

    return {"method": weighted_method(choice), **_or_refused(told)}


def small_study(rows: Sequence[AnyRow], choice: Choice) -> dict[str, Any]:
    """Egger's test (lm and rma), the test on 1/n, Begg's rank test, trim-and-fill by L0 and R0; each may be refused.

    `refused` for all where the rule says so: proportions of fewer than ten studies.
    """
    body: dict[str, Any] = {"method": weighted_method(choice)}
    refusal = small_study_refusal(len(rows), proportions=choice.kind == "proportions")
    if refusal:
        return body | {"refused": refusal}
    effects, estimator, sizes = effects_of(rows, choice), _estimator(choice), _sizes(rows)
    tests: dict[str, Callable[[], Any]] = {
        "egger_lm": lambda: egger(effects, level=choice.level),
        "egger_rma": lambda: egger(effects, "rma", estimator, level=choice.level),
        "regtest_ninv_lm": lambda: regression_test(effects, sizes=sizes, level=choice.level),
        "ranktest": lambda: rank_test(effects),
        "trimfill_L0": lambda: trim_and_fill(effects, estimator, level=choice.level),
        "trimfill_R0": lambda: trim_and_fill(effects, estimator, missing="R0", level=choice.level),
    }
    if sizes is None:
        del tests["regtest_ninv_lm"]
    for name, test in tests.items():
        body[name] = _or_refused(lambda test=test: asdict(test()))  # type: ignore[misc]
        if name.startswith("trimfill") and "refused" not in body[name]:
            shown = ("estimate", "ci_lb", "ci_ub")
            body[name]["back"] = {end: to_back(body[name][end], rows, choice) for end in shown}
    return body


def _sizes(rows: Iterable[AnyRow]) -> list[int] | None:
    sizes = [
        row.total if isinstance(row, Row) else row.total1 + row.total2
        for row in rows
        if isinstance(row, Row | TwoGroupRow)
    ]
    return sizes or None


def _estimator(choice: Choice) -> Estimator | None:
    return TAU2.get(weighted_method(choice))


def _test(choice: Choice) -> Test:
    return "knha" if choice.test == "knha" else "z"


def _or_refused(told: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        with within_the_machine():
            return told()
    except InputError as error:
        return {"refused": str(error)}


def json_numbers(value: Any) -> Any:
    """The value with None for every number that is not finite, which JSON has no word for; tuples become lists."""
    if isinstance(value, dict):
        return {key: json_numbers(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [json_numbers(part) for part in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
