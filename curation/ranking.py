"""The order of a screening queue: likely relevant first, with the reason for it. It orders and never excludes.

Without past votes the protocol's terms order the queue. With enough of them a linear support vector machine over
TF-IDF of single words and pairs does so together with the terms (the set-up of ASReview's ELAS u4; Ferdinands et al.,
Syst Rev 2023;12:100, found TF-IDF with simple linear models to do best). What it may learn from is the caller's to keep
blind: db.seat.labels.
scikit-learn is an optional extra, and takes seconds to import: only functions that train import it.
"""

from __future__ import annotations

import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from curation.highlight import terms_in

# The protocol's terms count as much as so many relevant decisions. Not fitted: with a few decisions a model knows less
# than the people who wrote the terms (validation/ranking), with hundreds far more.
TERMS_COUNT_AS = 50
# Below so many of each kind a model says more about chance than about the review: the protocol's terms order on.
MIN_EACH = 5
# ASReview's ELAS u4 (asreview/models/__init__.py): a soft margin, since titles of both kinds overlap.
SVM_C = 0.11
# The words kept to explain an order, of each fit; a title and abstract hold about 250.
WORDS_KEPT = 3_000
WHY = 5  # words of a reason that fit one line of a narrow screen
CHUNK = 2_000  # texts scored at once: tens of megabytes
RECALL_GOAL = 0.95  # of work saved over sampling, as published backtests state it (Cohen et al., JAMIA 2006;13:206)


@dataclass(frozen=True, slots=True)
class Model:
    """A fitted order: `words` are those that speak for relevance, with their weight."""

    vectoriser: Any
    classifier: Any
    words: Mapping[str, float]
    learned: int
    relevant: int  # of the decisions it learnt from

    def scores(self, texts: Sequence[str]) -> list[float]:
        """One number for each text, larger for what looks more like what was included."""
        found: list[float] = []
        for k in range(0, len(texts), CHUNK):
            found += self.classifier.decision_function(self.vectoriser.transform(texts[k : k + CHUNK])).tolist()
        return found


@dataclass(frozen=True, slots=True)
class Recall:
    """How an order would have served past decisions: shares of all texts read, and of the relevant found by then."""

    texts: int
    relevant: int
    at: tuple[tuple[float, float], ...]  # (share read, share of the relevant found)
    read_for_goal: int  # texts read when 95% of the relevant were found
    wss: float  # work saved over sampling at 95% recall


def term_score(text: str, include: Sequence[str], exclude: Sequence[str]) -> int:
    """How many different inclusion terms a text holds, less its exclusion terms."""
    for_it, against = terms_in(text, include, exclude)
    return len(for_it) - len(against)


def fit(texts: Sequence[str], relevant: Sequence[bool], others: Sequence[str] = ()) -> Model | None:
    """A model of past decisions, or None with fewer than MIN_EACH of either kind. ImportError without scikit-learn.

    The vocabulary is that of the decided texts (words met nowhere else have no weight); `others` only tell how common
    its words are.
    """
    if min(sum(relevant), len(relevant) - sum(relevant)) < MIN_EACH:
        return None
    from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
    from sklearn.svm import LinearSVC

    try:
        counted = CountVectorizer(ngram_range=(1, 2)).fit(texts)
    except ValueError:  # no text holds a word
        return None
    vectoriser = TfidfVectorizer(ngram_range=(1, 2), vocabulary=counted.vocabulary_, sublinear_tf=True)
    vectoriser.fit([*texts, *others])
    classifier = LinearSVC(C=SVM_C, class_weight="balanced", random_state=0)
    classifier.fit(vectoriser.transform(texts), list(relevant))
    weights = zip(vectoriser.get_feature_names_out().tolist(), classifier.coef_[0].tolist(), strict=True)
    best = sorted(((weight, word) for word, weight in weights if weight > 0), reverse=True)[:WORDS_KEPT]
    return Model(vectoriser, classifier, {word: weight for weight, word in best}, len(texts), sum(relevant))


def combined(terms: Sequence[float], learned: Sequence[float], relevant: int) -> list[float]:
    """Both orders as one: the mean of each text's place in them, 0 to 1 from last to first, ties in one place.

    The learnt order weighs as many as the `relevant` decisions that it was learnt from, the terms TERMS_COUNT_AS.
    """
    weight = relevant / (relevant + TERMS_COUNT_AS)
    places = zip(_places(terms), _places(learned), strict=True)
    return [(1 - weight) * by_terms + weight * by_model for by_terms, by_model in places]


def _places(scores: Sequence[float]) -> list[float]:
    """The share of scores that are lower; of equal ones half count."""
    ordered = sorted(scores)
    return [(bisect_left(ordered, one) + bisect_right(ordered, one)) / (2 * len(ordered)) for one in scores]


def why_by_words(text: str, words: Mapping[str, float]) -> tuple[str, ...]:
    """The words of a text that speak most for relevance, a pair before the words in it."""
    tokens = _tokens(text)
    held = {*tokens, *(f"{a} {b}" for a, b in pairwise(tokens))}
    ranked = sorted((word for word in held if word in words), key=lambda word: (-words[word], word))
    told: list[str] = []
    for word in ranked:
        parts = set(word.split())
        if not any(parts & set(other.split()) for other in told):
            told.append(word)
        if len(told) == WHY:
            break
    return tuple(told)


def _tokens(text: str) -> list[str]:
    """Words as scikit-learn's vectorisers cut them: two or more letters or digits, lower case."""
    return re.findall(r"(?u)\b\w\w+\b", text.lower())


def recall(scores: Sequence[float], relevant: Sequence[bool]) -> Recall:
    """How reading in the order of `scores`, largest first, would have found the relevant ones. At least one is."""
    order = sorted(range(len(scores)), key=lambda i: (-scores[i], i))
    return recall_of_order([relevant[i] for i in order])


def recall_of_order(relevant: Sequence[bool]) -> Recall:
    """The same for texts in the order in which they were read."""
    total, all_of_them = len(relevant), sum(relevant)
    found, at_rank = 0, []
    for one in relevant:
        found += one
        at_rank.append(found)
    goal = next(k for k, so_far in enumerate(at_rank, 1) if so_far >= RECALL_GOAL * all_of_them)
    shares = ((share, at_rank[max(1, round(share * total)) - 1] / all_of_them) for share in (0.1, 0.2, 0.5))
    return Recall(total, all_of_them, tuple(shares), goal, (total - goal) / total - (1 - RECALL_GOAL))


def fewest(folds: int = 5) -> int:
    """How many of each kind a recall on past decisions needs: MIN_EACH are left when a fold is set apart."""
    return MIN_EACH + -(-MIN_EACH // (folds - 1))


def recall_on_past(texts: Sequence[str], relevant: Sequence[bool], folds: int = 5) -> Recall | None:
    """The model's recall on past decisions: each text scored by a model that did not see it. None with too few."""
    kinds = {kind: [i for i, one in enumerate(relevant) if one is kind] for kind in (True, False)}
    if min(len(indices) for indices in kinds.values()) < fewest(folds):
        return None
    scores = [0.0] * len(texts)
    part: dict[int, int] = {}
    for indices in kinds.values():
        random.Random(0).shuffle(indices)
        part |= {i: k % folds for k, i in enumerate(indices)}
    for fold in range(folds):
        train = [i for i in part if part[i] != fold]
        test = [i for i in part if part[i] == fold]
        model = fit([texts[i] for i in train], [relevant[i] for i in train])
        if model is None:
            return None
        for i, score in zip(test, model.scores([texts[i] for i in test]), strict=True):
            scores[i] = score
    return recall(scores, relevant)


def replay(
    texts: Sequence[str],
    relevant: Sequence[bool],
    seed: int,
    terms: tuple[Sequence[str], Sequence[str]] = ((), ()),
    every: int = 1,
) -> list[int]:
    """A backtest: the order in which a reviewer would have read `texts`, the model learning after `every` decisions.

    The terms order until the model has MIN_EACH of either kind; ties fall by chance, seeded. Returns indices.
    """
    tie = list(range(len(texts)))
    random.Random(seed).shuffle(tie)
    base = [float(term_score(text, *terms)) for text in texts]
    read: list[int] = []
    left = set(range(len(texts)))
    scores: Mapping[int, float] = dict(enumerate(base))
    while left:
        if len(read) % every == 0 and (model := fit([texts[i] for i in read], [relevant[i] for i in read], texts)):
            learnt = model.scores(texts)
            scores = dict(enumerate(combined(base, learnt, model.relevant) if any(terms) else learnt))
        best = max(left, key=lambda i: (scores[i], tie[i]))
        read.append(best)
        left.remove(best)
    return read


def shuffled(reports: Iterable[str], seed: str) -> list[str]:
    """An order by chance that stays when reports leave or join: each has its own place, by hash of seed and id."""
    from hashlib import blake2b

    return sorted(reports, key=lambda report: blake2b(f"{seed}\n{report}".encode(), digest_size=8).digest())
