from __future__ import annotations

import io

import pytest

rich = pytest.importorskip("rich.console")

from guerdon.cli.live import LiveView, PlainView, Trace, evaluation, sparkline, view  # noqa: E402

METRICS = {"reward/total/mean": 0.5, "accuracy": 0.25, "entropy": 1.5, "kl": 0.01, "length/mean": 7.0,
           "group/zero_variance": 0.125, "status/unscored": 0.02, "failure/no answer": 0.07}  # fmt: skip
TIME = {"step": 0.5, "left": 65.0, "tokens_per_second": 3900.0}


class Clock:
    def __init__(self, drawing: float):
        self.t, self.drawing = 0.0, drawing

    def __call__(self) -> float:
        return self.t


def live(drawing: float = 0.0):
    clock = Clock(drawing)
    console = rich.Console(file=io.StringIO(), force_terminal=True, width=100)
    shown = LiveView(console, now=clock)
    inner = shown.view

    def slow():
        clock.t += drawing
        return inner()

    shown.view = slow
    return shown, clock, console


def test_live_shows_every_number():
    shown, _, console = live()
    shown.on_start({"name": "arith", "parameters": 812_000, "device": "cpu", "folder": "runs/x"})
    shown.on_step(5, 10, METRICS, TIME)
    shown.on_eval(5, {"eval/accuracy": 0.8, "eval/n": 10})
    shown.on_message("warning", "entropy is low")
    shown.close()
    console.print(shown.view())
    text = console.file.getvalue()
    # 8 of 10: Wilson interval 0.4902 to 0.9433
    for part in ("arith", "0.81 M", "cpu", "5/10", "1:05 left", "0.500", "25.0%", "1.500", "0.0100", "7.0", "3,900",
                 "12.5%",
                 "unscored 2.0%, at worst 2.0%", "no answer 7.0%", "80.0%",
                 "[49.0%, 94.3%] n=10", "entropy is low"):  # fmt: skip
        assert part in text


def test_at_most_eight_frames_a_second():
    shown, clock, _ = live()
    shown.on_start({})
    for i in range(1000):
        clock.t += 0.01
        shown.on_step(i + 1, 1000, METRICS, TIME)
        shown.on_eval(i + 1, {"eval/accuracy": 0.5})
    assert shown.draws <= 8 * clock.t + 1
    assert shown.draws > 50


def test_drawing_takes_at_most_one_percent_of_the_time():
    shown, clock, _ = live(drawing=0.02)
    shown.on_start({})
    for i in range(2000):
        clock.t += 0.05
        shown.on_step(i + 1, 2000, METRICS, TIME)
    # one frame may run over the budget before the next one waits
    assert shown.spent <= 0.01 * clock.t + 0.02
    assert shown.draws > 20


def test_close_is_safe_twice_and_before_the_start():
    shown, _, _ = live()
    shown.close()
    shown.on_start({})
    shown.close()
    shown.close()
    assert not shown.live.is_started


def test_plain_lines():
    stream = io.StringIO()
    shown = PlainView(stream, every=10)
    shown.on_start({"name": "arith"})
    calm = {k: v for k, v in METRICS.items() if k != "status/unscored"}
    for i in range(1, 26):
        shown.on_step(i, 25, calm, TIME)
    shown.on_message("warning", "careful")
    lines = stream.getvalue().splitlines()
    assert [line.split()[1] for line in lines[1:-1]] == ["1/25", "10/25", "20/25", "25/25"]
    assert "reward 0.500  accuracy 25.0%" in lines[1]
    assert lines[-1] == "warning: careful"


def test_a_step_with_unscored_rows_is_always_written():
    stream = io.StringIO()
    PlainView(stream, every=10).on_step(3, 100, METRICS, TIME)
    assert "unscored 2.0%" in stream.getvalue()


def test_trace_stays_short_and_keeps_its_mean():
    trace = Trace(limit=16)
    for i in range(1024):
        trace.add(float(i))
    assert len(trace.points) <= 17
    assert trace.last == 1023
    # pairs are averaged, so the mean of the whole history survives while all points weigh the same
    assert sum(trace.points) / len(trace.points) == pytest.approx(511.5, rel=0.1)
    trace.add(float("nan"))
    assert len(trace.line(8)) == 8


def test_sparkline_orders_bars():
    bars = sparkline([float(i) for i in range(8)])
    assert list(bars) == sorted(bars)
    assert len(set(bars)) == 8


def test_evaluation_without_a_count_has_no_interval():
    assert evaluation(3, {"eval/accuracy": 0.5}) == "eval @ 3  accuracy 50.0%"


def test_view_fits_the_output(capsys):
    assert view(quiet=True) is None
    assert isinstance(view(), PlainView)
    assert view(json=True).stream is not view().stream


def test_a_reader_that_leaves_does_not_stop_the_run():
    class Gone(io.StringIO):
        def write(self, text):
            raise BrokenPipeError

    shown = PlainView(Gone(), every=1)
    for i in range(3):
        shown.on_step(i + 1, 3, METRICS, TIME)
    assert shown.stream is None
