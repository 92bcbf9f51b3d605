"""Balance and agreement at 100,000 records; how long it takes is for `python -m benchmarks.db_scale` to say."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from analysis.prisma import flow, imbalances
from benchmarks.db_scale import RECORDS, build
from db import asof, data, ledger, queries
from db.model import Stage
from db.verify import verify


@pytest.mark.slow
def test_a_hundred_thousand_records_balance_and_the_point_queries_agree(tmp_path: Path) -> None:
    with build(tmp_path, RECORDS) as review:
        c = review.connection
        boxes = data.boxes(c)
        assert sum(n for level, _, _, n in boxes if level == "record") == RECORDS
        sought = sum(n for level, _, box, n in boxes if (level, box) == ("record", "sought"))
        assert sum(n for level, _, _, n in boxes if level == "report") == sought > 0
        found = flow(c)
        assert imbalances(found) == []
        assert found.new_reports > 0
        assert verify(review) == []
        with asof.as_of(review, ledger.heads(c)) as then:
            assert data.boxes(then) == boxes
        verdicts = {
            (report, stage): v for report, stage, v in c.execute("SELECT report, stage, verdict FROM v_verdict")
        }
        waiting = set(queries.to_vote_on(c, "title-abstract", "ann", 2))
        for line in data.listing(c)[:: RECORDS // 500]:
            report = line["report"]
            assert queries.report_of(c, line["record"]) == report
            for stage in ("title-abstract", "full-text"):
                assert queries.verdict_in_force(c, report, cast(Stage, stage)) == verdicts.get((report, stage))
            assert (report in waiting) == (not queries.votes(c, report, "title-abstract", ""))
