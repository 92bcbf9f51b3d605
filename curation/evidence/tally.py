"""The evidence of one pair as it is weighed: words with their weights, and their sum."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tally:
    """Pieces of evidence in the order in which they were weighed. `bars` say, without a weight, why it is not sure."""

    weighed: list[tuple[float, str]] = field(default_factory=list)
    bars: list[str] = field(default_factory=list)

    def add(self, weight: float, words: str) -> None:
        """One piece of evidence; below 0 it speaks against."""
        self.weighed.append((round(weight, 3), words))

    def bar(self, words: str) -> None:
        """What keeps a person in the loop but makes the proposal no less likely."""
        self.bars.append(words)

    @property
    def score(self) -> float:
        """The sum of the weights."""
        return sum(weight for weight, _ in self.weighed)

    @property
    def against(self) -> bool:
        """Whether anything speaks against one study, or bars a sure link."""
        return bool(self.bars) or any(weight < 0 for weight, _ in self.weighed)
