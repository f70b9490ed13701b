"""What a terminal sees of a command that works on something for long: what, for how long, and how far it is."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from fontmill import Client
from fontmill.cli import live
from fontmill.cli.output import Output
from fontmill.cli.text import status_line

fake = sys.modules["fake_daemon"]


class Screen(Output):
    """A terminal that keeps what is drawn on it."""

    def __init__(self, live: bool = True) -> None:
        super().__init__(as_json=False)
        self.terminal, self.drawn, self.noted = live, list[str](), list[str]()

    @property
    def live(self) -> bool:
        return self.terminal

    def draw(self, text: str) -> None:
        self.drawn.append(text)

    def note(self, line: str) -> None:
        self.noted.append(line)


def test_a_terminal_sees_what_is_worked_on_and_for_how_long_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now, screen = [0.0], Screen()
    monkeypatch.setattr(live, "monotonic", lambda: now[0])
    with live.Lasting(screen, "deleting", far=lambda: "5 of 9 pictures,") as shown:
        for now[0] in (0.5, 1.2, 1.9, 2.1):
            shown.tick()
    assert screen.drawn == ["deleting ... 5 of 9 pictures, 1 s", "deleting ... 5 of 9 pictures, 2 s", ""]
    pipe = Screen(live=False)
    with live.Lasting(pipe, "looking at the fonts", lines=True) as shown:
        now[0] = 9.0
        shown.tick()
    assert (pipe.drawn, pipe.noted) == ([], ["looking at the fonts ..."])


def test_a_client_ticks_as_before_once_the_work_is_over(daemon: Any) -> None:
    ticks: list[int] = []
    with Client(daemon.path, tick=lambda: ticks.append(1)) as client:
        before = client.tick
        with live.lasting(client, Screen(), "checking"):
            assert client.tick is not None and client.tick is not before
            client.tick()
        assert client.tick is before and ticks == [1]


@pytest.fixture
def heard(daemon: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setattr(live, "ANSWER_WITHIN", 60.0)
    made = [live.Heard(str(daemon.path), "delete-progress", named, lambda told: str(told["removed_images"])) for named in ("5e55", "/data/plates")]
    yield made
    for one in made:
        one.close()


def test_what_is_heard_is_the_newest_of_this_work_alone(daemon: Any, heard: Any) -> None:
    def tell(number: int, kind: str = "delete-progress", session: str = "5e55104a", path: str = "/data/plates") -> None:
        daemon.publish(kind, session, project_path=path, removed_images=number)

    tell(1)
    assert [one.far() for one in heard] == ["", ""], "what was told before is of other work"
    for number in (2, 3):
        tell(number)
    tell(4, kind="verify-progress")
    tell(5, session="other", path="/data/other")
    assert [one.far() for one in heard] == ["3", "3"]
    daemon.stop()
    assert [one.far() for one in heard] == ["3", "3"], "a daemon that is gone changes nothing"


def test_the_same_line_is_printed_once_and_again_when_it_has_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    now, screen = [10.0], Screen(live=False)
    monkeypatch.setattr(live, "monotonic", lambda: now[0])
    waiting, going = fake.status(status="paused", pause_reasons=["disk"]), fake.status(exported_samples=20)
    shown = live.Lines(screen)
    for status in (waiting, waiting, waiting, going, waiting):
        shown.update(status)
        now[0] += 2
    assert screen.noted == [status_line(waiting), status_line(going), status_line(waiting)]
