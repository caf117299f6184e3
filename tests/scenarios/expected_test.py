# SPDX-License-Identifier: Apache-2.0
"""The committed answers are those that the definition gives."""

import pytest
from expected import Scenario, fold, scenarios


@pytest.mark.parametrize("folder", scenarios(), ids=lambda folder: folder.name)
def test_answers_are_what_the_definition_gives(folder):
    assert (folder / "expected.csv").read_text() == Scenario(folder).expected()


def test_sums_are_exact():
    inside = [(time, time, value) for time, value in enumerate((1e16, 1.0, -1e16))]
    assert fold(7, inside) == 1.0


def test_of_a_tie_the_first_encountered_counts():
    inside = [(5, 0, "a"), (9, 3, "b"), (9, 4, "c")]
    assert fold(3, inside) == "b"
    assert fold(2, inside) == "a"
