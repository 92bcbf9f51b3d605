"""How the order of the queue would have served past decisions, in words and numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from curation.ranking import Recall, fewest, recall_on_past
from curation.verdicts import check_vote
from db import seat
from db.errors import InputError
from db.model import Stage
from lsr.workflow.folder import Open

FOLDS = 5
NO_STOPPING = "It orders the queue and says nothing of when to stop: everything is screened by everybody."


@dataclass(frozen=True, slots=True)
class Report:
    """What was learnt from, and the recall on it; None with too few decisions."""

    included: int
    excluded: int
    recall: Recall | None

    def as_json(self) -> dict[str, object]:
        """For a program."""
        return {
            "included": self.included,
            "excluded": self.excluded,
            "folds": FOLDS,
            "recall": asdict(self.recall) if self.recall else None,
        }

    def as_text(self) -> str:
        """For people."""
        head = f"Past decisions that the order may learn from: {self.included} included, {self.excluded} excluded."
        if self.recall is None:
            return f"{head}\nToo few to judge the order by: it needs {fewest(FOLDS)} of each. {NO_STOPPING}"
        shares = "; ".join(f"{found:.0%} when {read:.0%} were read" for read, found in self.recall.at)
        return (
            f"{head}\nEach scored by a model that had not seen it ({FOLDS}-fold), the included ones would have been "
            f"found: {shares}.\n95% of them were found after {self.recall.read_for_goal} of {self.recall.texts} "
            f"(WSS@95 {self.recall.wss:.2f}).\n{NO_STOPPING}"
        )


def ranking_report(opened: Open, stage: Stage, reviewer: str) -> Report:
    """The model's recall on one's own votes and closed items. InputError without scikit-learn."""
    check_vote(opened.spec, reviewer, stage, "unsure", "")
    connection = opened.review.connection
    known = sorted(seat.labels(connection, stage, reviewer).items())
    relevant = [one for _, one in known]
    texts = [seat.text_of(connection, report) for report, _ in known]
    try:
        found = recall_on_past(texts, relevant, FOLDS)
    except ImportError as error:
        raise InputError("the report needs scikit-learn: install lsr with its extra: lsr[ranking]") from error
    return Report(sum(relevant), len(relevant) - sum(relevant), found)
