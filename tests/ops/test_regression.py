"""Lines of least squares and quantiles of t, against tables and a textbook regression."""

from __future__ import annotations

import numpy as np
import pytest

from guerdon.errors import DataError
from guerdon.ops.regression import fit_line, student_t_quantile


@pytest.mark.parametrize(
    ("p", "df", "value"),
    # printed tables of the distribution
    [(0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 3, 3.182), (0.975, 5, 2.571), (0.975, 10, 2.228),
     (0.975, 30, 2.042), (0.95, 7, 1.895), (0.995, 4, 4.604), (0.025, 6, -2.447), (0.5, 9, 0.0)],
)  # fmt: skip
def test_quantiles_of_tables(p, df, value):
    assert student_t_quantile(p, df) == pytest.approx(value, abs=6e-4)


def test_many_degrees_are_a_normal():
    assert student_t_quantile(0.975, 100_001) == pytest.approx(1.95999, abs=1e-4)
    assert student_t_quantile(0.975, 100_000) == pytest.approx(1.95999, abs=1e-4)


def test_anscombes_first_set():
    """Anscombe 1973: slope .5001 with standard error .1179, intercept 3.0001 with 1.1247, R^2 .6665, t_9 = 2.262."""
    x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5]
    y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68]
    fit = fit_line(x, y)
    assert (fit.slope, fit.intercept, fit.r_squared) == pytest.approx((0.5001, 3.0001, 0.6665), abs=1e-4)
    assert fit.slope_interval().high - fit.slope == pytest.approx(2.2622 * 0.1179, abs=2e-4)
    assert fit.at(0.0).high - fit.intercept == pytest.approx(2.2622 * 1.1247, abs=2e-3)


def test_no_line():
    assert fit_line([1.0, 2.0], [1.0, 2.0]) is None
    assert fit_line([0.1] * 5, [1, 2, 3, 4, 5]) is None
    with pytest.raises(DataError, match="finite"):
        fit_line([1.0, np.nan, 2.0], [1.0, 2.0, 3.0])
