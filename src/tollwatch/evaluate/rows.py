"""The hits of a correlation's inputs, gathered: one row a hit, sorted by (group, time)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tollwatch.evaluate.collect import Coded
from tollwatch.evaluate.numbers import running
from tollwatch.evaluate.windows import Index, Timeline, changed, timeline


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows. ``origin`` numbers the input, ``index`` the hit among that input's hits, ``event`` the event it carries.

    ``keys`` has each row's value for each group-by name; ``left_out`` counts input hits with a null key.
    """

    hits: Timeline
    event: Index
    origin: Index
    index: Index
    keys: tuple[Coded, ...]
    left_out: int

    def __len__(self) -> int:
        return len(self.event)

    @property
    def distinct_events(self) -> bool:
        """Whether no event comes twice in a group."""
        if len(self) < 2:
            return True
        # Hits of one search are its events in time order, so that the event rises within each group: no sort.
        same = self.hits.group[1:] == self.hits.group[:-1]
        if bool((self.event[1:][same] > self.event[:-1][same]).all()):
            return True
        order = np.lexsort((self.event, self.hits.group))
        return bool(changed(self.hits.group[order], self.event[order]).all())

    def of_origin(self, number: int) -> Rows:
        """The rows of one input, still sorted."""
        chosen = np.flatnonzero(self.origin == number)
        return Rows(
            timeline(self.hits.group[chosen], self.hits.time[chosen]),
            self.event[chosen],
            self.origin[chosen],
            self.index[chosen],
            tuple(key.take(chosen) for key in self.keys),
            self.left_out,
        )

    def count_of(self, number: int, first: Index, last: Index) -> Index:
        """How many rows of that input stand in each range [first, last)."""
        total = running(self.origin == number)
        return total[last] - total[first]
