"""Counts that always add up, and rates that are sane from the first second on."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fontmilld.core.progress import RATE_MIN_SECONDS, FontProgressTracker, RateMeter, waited_for_storage

FONTS = ("a", "b")
TOTAL = 40
AT = "2026-01-01T00:00:00.000+00:00"


class Tracking(RuleBasedStateMachine):
    """Whatever happens to a session, I4 holds and no figure is absurd."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.tracker = FontProgressTracker()
        for font in FONTS:
            self.tracker.register_font(font, TOTAL)

    def left(self, font: str) -> int:
        p = self.tracker.font_progress(font, self.now)
        return p.total_samples - p.done_samples - p.failed_samples - p.skipped_samples

    @rule(seconds=st.floats(0, 100))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def run(self) -> None:
        self.tracker.run_clock(self.now)

    @rule()
    def pause(self) -> None:
        self.tracker.stop_clock(self.now)

    @rule(font=st.sampled_from(FONTS))
    def begin(self, font: str) -> None:
        self.tracker.start_font(font, self.now, AT)

    @rule(font=st.sampled_from(FONTS), data=st.data())
    def done(self, font: str, data: st.DataObject) -> None:
        self.tracker.update(font, data.draw(st.integers(0, self.left(font))), 1, self.now)

    @rule(font=st.sampled_from(FONTS), data=st.data(), kind=st.sampled_from(["fail", "skip"]))
    def give_up(self, font: str, data: st.DataObject, kind: str) -> None:
        getattr(self.tracker, kind)(font, data.draw(st.integers(0, self.left(font))), "because")

    @invariant()
    def fonts_with_something_left_are_unfinished(self) -> None:
        assert set(self.tracker.unfinished) == {font for font in FONTS if self.left(font)}
        assert all(self.tracker.is_finished(font) == (not self.left(font)) for font in FONTS)

    @rule(font=st.sampled_from(FONTS), data=st.data())
    def reopen(self, font: str, data: st.DataObject) -> None:
        p = self.tracker.font_progress(font, self.now)
        self.tracker.reopen(
            font, data.draw(st.integers(0, p.failed_samples)), data.draw(st.integers(0, p.skipped_samples)),
            data.draw(st.integers(0, p.done_samples)))

    @rule(font=st.sampled_from(FONTS))
    def complete(self, font: str) -> None:
        if self.tracker.is_finished(font):
            self.tracker.complete_font(font, AT)

    @invariant()
    def counts_add_up(self) -> None:
        overall = self.tracker.overall(self.now)
        fonts = [self.tracker.font_progress(font, self.now) for font in FONTS]
        assert overall.total_samples == TOTAL * len(FONTS)
        assert overall.exported_samples == sum(f.done_samples for f in fonts)
        assert overall.failed_samples == sum(f.failed_samples for f in fonts)
        assert overall.skipped_samples == sum(f.skipped_samples for f in fonts)
        assert sum(overall.fonts.values()) == len(FONTS)
        assert all(self.left(font) >= 0 for font in FONTS)
        assert all(f.completed_images == 2 * f.done_samples for f in fonts)

    @invariant()
    def figures_are_sane(self) -> None:
        for figure in (self.tracker.overall(self.now), *(self.tracker.font_progress(f, self.now) for f in FONTS)):
            assert figure.processing_rate >= 0
            assert figure.estimated_time_remaining is None or figure.estimated_time_remaining >= 0


TestTracking = Tracking.TestCase
TestTracking.settings = settings(max_examples=60, stateful_step_count=30)


def steady(tracker: FontProgressTracker, now: float, seconds: float, per_second: float) -> float:
    for _ in range(round(seconds * 10)):
        now += 0.1
        tracker.update("a", round(per_second / 10), 1, now)
    return now


def running(total: int = 1_000_000) -> FontProgressTracker:
    tracker = FontProgressTracker()
    tracker.register_font("a", total)
    tracker.run_clock(0.0)
    tracker.start_font("a", 0.0, AT)
    return tracker


def test_no_rate_is_told_before_there_is_one():
    tracker = running()
    tracker.update("a", 500, 500, 0.01)
    assert tracker.overall(0.01).processing_rate == 0.0
    assert tracker.overall(0.01).estimated_time_remaining is None


@pytest.mark.parametrize("seconds", [0.6, 1, 2, 5, 20, 120])
def test_the_rate_is_the_true_one_from_the_first_second_on(seconds):
    tracker = running()
    now = steady(tracker, 0.0, seconds, 100)
    assert tracker.overall(now).processing_rate == pytest.approx(100, rel=0.05)
    assert tracker.font_progress("a", now).processing_rate == pytest.approx(100, rel=0.05)


def test_a_pause_neither_slows_the_rate_nor_lengthens_the_rest():
    tracker = running()
    now = steady(tracker, 0.0, 20, 100)
    tracker.stop_clock(now)
    before = tracker.overall(now)
    now += 3600
    tracker.run_clock(now)
    after = tracker.overall(now)
    assert after.processing_rate == pytest.approx(before.processing_rate)
    assert after.estimated_time_remaining == pytest.approx(before.estimated_time_remaining, rel=0.01)
    now = steady(tracker, now, 2, 100)
    assert tracker.overall(now).processing_rate == pytest.approx(100, rel=0.05)


def test_a_change_of_speed_is_seen_within_a_minute():
    tracker = running()
    now = steady(tracker, 0.0, 60, 100)
    now = steady(tracker, now, 60, 20)
    assert tracker.overall(now).processing_rate == pytest.approx(20, rel=0.1)


def test_nothing_left_takes_no_time_and_a_standstill_fades():
    tracker = running(100)
    now = steady(tracker, 0.0, 1, 100)
    assert tracker.overall(now).estimated_time_remaining == 0.0
    stalled = running()
    now = steady(stalled, 0.0, 10, 100)
    assert stalled.overall(now + 60).processing_rate < 3


@given(st.lists(st.tuples(st.floats(0.01, 30), st.integers(0, 1000)), min_size=1, max_size=20))
def test_the_rate_lies_between_the_slowest_and_the_fastest_moment(steps):
    meter, now = RateMeter().started(0.0), 0.0
    for seconds, amount in steps:
        now += seconds
        meter = meter.fed(amount, now)
    rate = meter.rate(now)
    if meter.seconds >= RATE_MIN_SECONDS:
        # A count at the end of its interval weighs more than the time it took: by 1 + interval/constant.
        assert 0 <= rate <= max(amount / seconds * (1 + seconds) for seconds, amount in steps) + 1e-9


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_what_earlier_runs_left_is_counted(done, failed, skipped):
    tracker = FontProgressTracker()
    tracker.register_font("a", 90, done, failed, skipped, last_index=done)
    overall = tracker.overall(0.0)
    assert (overall.exported_samples, overall.failed_samples, overall.skipped_samples) == (done, failed, skipped)
    assert tracker.is_finished("a") == (done + failed + skipped == 90)


def test_the_shares_of_the_stages_sum_to_one_and_name_the_bottleneck():
    tracker = running()
    tracker.record_work(10, 1000, {"draw": 1.0, "encode": 2.0, "write": 1.0, "stall": 5.0, "wait": 1.0})
    metrics = tracker.metrics(0.0)
    assert sum(metrics.stages.values()) == pytest.approx(1)
    assert metrics.bottleneck == tracker.bottleneck == "disk"
    assert metrics.samples_per_cpu_second == pytest.approx(10 / 4)
    stats = tracker.stats()
    assert (stats.render_seconds, stats.write_seconds) == (3.0, 6.0)


@pytest.mark.parametrize(("stages", "named"), [
    ({}, ""),
    ({"draw": 1.0, "write": 4.0, "stall": 2.0, "wait": 1.0}, "cpu"),  # writing that keeps a processor busy
    ({"draw": 1.0, "write": 1.0, "stall": 3.0, "wait": 1.0}, "disk"),
    ({"draw": 1.0, "write": 1.0, "stall": 1.0, "wait": 3.0}, "dispatch"),
])
def test_the_bottleneck_is_what_most_time_went_into(stages, named):
    tracker = running()
    if stages:
        tracker.record_work(10, 1000, stages)
    assert tracker.bottleneck == named


def test_the_bottleneck_is_that_of_now_and_the_shares_are_those_of_the_session():
    tracker = running()
    for _ in range(100):
        tracker.record_work(10, 1000, {"draw": 2.0})
    for _ in range(20):
        tracker.record_work(10, 1000, {"draw": 1.0, "stall": 3.0})
    assert tracker.bottleneck == "disk"
    metrics = tracker.metrics(0.0)
    assert metrics.bottleneck == "disk"
    assert metrics.stages["draw"] > metrics.stages["stall"]


def test_waiting_for_the_storage_to_take_earlier_batches_is_the_storage_s():
    assert waited_for_storage({"draw": 1.0, "wait": 2.0}) == {"draw": 1.0, "stall": 2.0, "wait": 0.0}
