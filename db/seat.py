"""What the reviewer's seat asks: its queue, one's own votes, companion reports, what a ranking may learn from.

Every question here is put for one reviewer, and no answer depends on what another said in a round that is still open.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Literal

from db.model import Stage
from db.queries import Vote, ids_of, marks, report_of, to_vote_on, votes

Order = Literal["relevance", "date", "random"]


@dataclass(frozen=True, slots=True)
class Companion:
    """A study that a report belongs to, or may belong to, and how many other reports of it are known."""

    label: str
    state: str  # linked or proposed
    others: int


def records_held(connection: sqlite3.Connection) -> int:
    """How many records the review holds, of whatever source."""
    return int(connection.execute("SELECT count(*) FROM record").fetchone()[0])


def surely_waiting(connection: sqlite3.Connection, reviewer: str, votes_needed: int) -> list[str]:
    """Part of what awaits the reviewer at title and abstract, found without the views: a tenth of their time.

    Records that nothing was said of (no duplicate, removal, reopening or resolution, not in the previous version),
    with no vote of the reviewer and fewer than needed by others. All of them are in `db.queries.to_vote_on`.
    """
    rows = connection.execute(
        """WITH touched(id) AS MATERIALIZED (
          SELECT record FROM assign UNION SELECT report FROM assign UNION SELECT record FROM removal
          UNION SELECT report FROM previous UNION SELECT subject FROM reopen UNION SELECT report FROM resolution
          UNION SELECT report FROM vote WHERE stage = 'title-abstract' GROUP BY report
            HAVING sum(reviewer = :reviewer) > 0 OR count(DISTINCT reviewer) >= :needed)
        SELECT DISTINCT f.record FROM run u JOIN found f ON f.run = u.id
        WHERE u.arm NOT IN ('retrieval', 'previous') AND f.record NOT IN touched
        ORDER BY f.record""",
        {"reviewer": reviewer, "needed": votes_needed},
    )
    return [record for (record,) in rows]


def own_vote(connection: sqlite3.Connection, report: str, stage: Stage, round: str, reviewer: str) -> Vote | None:
    """The reviewer's own standing vote in a round."""
    return next((vote for vote in votes(connection, report, stage, round) if vote.reviewer == reviewer), None)


def own_history(
    connection: sqlite3.Connection, stage: Stage, reviewer: str, before: list[str], limit: int
) -> list[str]:
    """The reports of the reviewer's last standing votes at a stage, the newest first, without those named in `before`:
    what undo walks back through after a pause."""
    rows = connection.execute(
        """SELECT report FROM (
          SELECT v.report, v.verdict, e.clock, row_number() OVER (PARTITION BY v.report ORDER BY e.clock DESC) k
          FROM vote v JOIN entry e ON e.n = v.n WHERE v.stage = ? AND v.reviewer = ?)
        WHERE k = 1 AND verdict <> 'withdrawn' AND report NOT IN (SELECT value FROM json_each(?))
        ORDER BY clock DESC LIMIT ?""",
        (stage, reviewer, json.dumps(before), limit),
    )
    return [report for (report,) in rows]


def own_counts(connection: sqlite3.Connection, stage: Stage, reviewer: str, votes_needed: int) -> tuple[int, int]:
    """How many reports the reviewer has a vote on at a stage, and how many of these have fewer voters than needed:
    they await somebody else. Counts of first rounds and later ones alike; no verdict enters."""
    row = connection.execute(
        """WITH last AS MATERIALIZED (
          SELECT report, round, reviewer, verdict, max(n) FROM vote WHERE stage = ?1 GROUP BY report, round, reviewer),
        item AS (
          SELECT sum(reviewer = ?2) mine, count(*) given FROM last WHERE verdict <> 'withdrawn' GROUP BY report, round)
        SELECT count(*), coalesce(sum(given < ?3), 0) FROM item WHERE mine > 0""",
        (stage, reviewer, votes_needed),
    ).fetchone()
    return int(row[0]), int(row[1])


def companions(connection: sqlite3.Connection, report: str) -> list[Companion]:
    """The studies that a report is linked to or proposed for, by point queries."""
    ids = ids_of(connection, report)
    rows = connection.execute(
        f"""SELECT study, state FROM (
          SELECT l.study, l.state, row_number() OVER (PARTITION BY l.study
            ORDER BY e.author LIKE 'machine:%', e.clock DESC, e.hash DESC) k
          FROM link l JOIN seen e ON e.n = l.n WHERE l.report IN ({marks(ids)}))
        WHERE k = 1 AND state <> 'refused' ORDER BY state, study""",
        ids,
    ).fetchall()
    found = []
    for study, state in rows:
        label = connection.execute("SELECT label FROM study WHERE study = ? ORDER BY n DESC", (study,)).fetchone()
        linked = connection.execute("SELECT DISTINCT report FROM link WHERE study = ? AND state = 'linked'", (study,))
        others = {report_of(connection, other) for (other,) in linked} - {report}
        found.append(Companion(str(label[0]) if label else study, state, len(others)))
    return found


def matching(connection: sqlite3.Connection, words: str) -> list[str]:
    """The reports of the records that hold the words as printed, in whatever field; ASCII letters in either case."""
    inside = json.dumps(words, ensure_ascii=False)[1:-1]
    for sign in ("\\", "%", "_"):
        inside = inside.replace(sign, f"\\{sign}")
    rows = connection.execute(
        """SELECT DISTINCT f.record FROM found f JOIN content c ON c.sha256 = f.sha256
        WHERE c.body LIKE ? ESCAPE '\\' ORDER BY f.record""",
        (f"%{inside}%",),
    )
    return list(dict.fromkeys(report_of(connection, record) for (record,) in rows.fetchall()))


def in_order_of_date(connection: sqlite3.Connection, reports: list[str]) -> list[str]:
    """Newest publication first by what the records print; undated ones last; ties by id."""
    dates = dict(
        connection.execute(
            """SELECT f.record, max(coalesce(nullif(c.body ->> '$.date', ''), c.body ->> '$.year', ''))
            FROM found f JOIN content c ON c.sha256 = f.sha256 GROUP BY f.record"""
        ).fetchall()
    )
    return sorted(sorted(reports), key=lambda report: str(dates.get(report) or ""), reverse=True)


def text_of(connection: sqlite3.Connection, report: str) -> str:
    """Title and abstract of a report's own record: one point query, for a ranking."""
    row = connection.execute(
        "SELECT body ->> '$.title', body ->> '$.abstract' FROM v_content WHERE record = ?", (report,)
    ).fetchone()
    return "\n".join(part or "" for part in row) if row else ""


def may_learn(connection: sqlite3.Connection, stage: Stage, reviewer: str, votes_needed: int) -> int:
    """At most so many reports a ranking could learn from: with a vote of the reviewer, or with the votes needed."""
    row = connection.execute(
        """SELECT count(*) FROM (SELECT report FROM vote WHERE stage = ?1 GROUP BY report
        HAVING sum(reviewer = ?2) > 0 OR count(DISTINCT reviewer) >= ?3)""",
        (stage, reviewer, votes_needed),
    ).fetchone()
    return int(row[0])


def labels(connection: sqlite3.Connection, stage: Stage, reviewer: str) -> dict[str, bool]:
    """{report: relevant} of all that this reviewer's ranking may learn from, and nothing else.

    The reviewer's own standing votes (unsure teaches nothing), what closed rounds amount to (a later closed word
    outranks one's own vote), and at title and abstract the previous version's reports, which were included. Another's
    vote in an open round is in none of these.
    """
    mine = connection.execute(
        "SELECT report, round, verdict FROM v_vote WHERE stage = ? AND reviewer = ? AND verdict <> 'unsure'",
        (stage, reviewer),
    )
    found = {report: verdict == "include" for report, _, verdict in mine}
    if stage == "title-abstract":
        found |= {report: True for (report,) in connection.execute("SELECT DISTINCT report FROM v_previous")}
    closed = connection.execute("SELECT report, verdict FROM v_verdict WHERE stage = ?", (stage,))
    found |= {report: verdict == "include" for report, verdict in closed}
    return found


def waiting(connection: sqlite3.Connection, stage: Stage, reviewer: str, votes_needed: int) -> list[str]:
    """All that awaits the reviewer's vote, in the order of ids."""
    return to_vote_on(connection, stage, reviewer, votes_needed)
