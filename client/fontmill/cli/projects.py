"""Commands on whole projects: detect, adopt, verify, repair, retry-failed, rebuild, delete.

Those that work on a folder need no service: where no daemon runs, a private one does it and ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

from fontmill.cli.arguments import Invocation
from fontmill.cli.live import Heard, Lasting, lasting, view
from fontmill.cli.ondisk import is_project
from fontmill.cli.output import interactive
from fontmill.cli.served import alone, runs, served, verified, write_new
from fontmill.cli.simple import lines
from fontmill.cli.text import (
    clean,
    count,
    counted,
    lacking,
    outcome,
    parts_lines,
    project,
    settled,
    status_lines,
    table,
    whole,
)
from fontmill.errors import ExitStatus, FontmillError, invalid

LONG = 600.0
SHOWN_DAMAGE = 50


def detect(call: Invocation) -> int:
    """The sessions on disk at a path."""
    with served(call, _roots(call)):
        answer = _asked(call)
    rows = [
        (found.get("session_id", ""), "complete" if found.get("completed") else "incomplete",
         f"{count(found.get('exported_samples', 0))}/{count(found.get('total_samples', 0))}",
         "known" if found.get("known") else "", found.get("project_path", ""))
        for found in answer.get("sessions") or () if isinstance(found, Mapping)
    ]
    call.output.result(answer, table(("SESSION", "STATE", "PAIRS", "DAEMON", "PROJECT"), rows) if rows else ["no sessions found"])
    return ExitStatus.OK


def adopt(call: Invocation) -> int:
    """Take up a project from elsewhere."""
    answer = _asked(call)
    call.output.result(answer, status_lines(answer["status"]))
    return ExitStatus.OK


def verify(call: Invocation) -> int:
    """Name every damaged file; exit status 1 when there is one."""
    roots = _roots(call)
    if alone(call, roots) and call.verb_args()["level"] != "deep":
        with Lasting(call.output, _DOING["verify"]) as shown:
            answer = verified(roots[0], call.verb_args()["level"], call.timeout, shown.tick)
    else:
        with served(call, roots):
            answer = _asked(call)
    damaged = [found for found in answer.get("damaged") or () if isinstance(found, Mapping)]
    told = [f"{clean(found.get('kind', '')):<20}{clean(found.get('file', ''))}" for found in damaged[:SHOWN_DAMAGE]]
    left_out = answer.get("left_out") or 0
    if len(damaged) + left_out > SHOWN_DAMAGE:
        told.append(f"and {count(len(damaged) + left_out - len(damaged[:SHOWN_DAMAGE]))} more (--json names {'more of them' if left_out else 'them all'})")
    verdict = "everything is as the labels say" if answer.get("ok") else _found_bad(damaged, left_out)
    elsewhere = parts_lines(answer, call.verb_args()["session"])
    call.output.result(answer, [*told, *elsewhere, f"{counted(answer.get('checked', 0), 'file')} checked: {verdict}"])
    return ExitStatus.OK if answer.get("ok") else ExitStatus.FAILED


def _found_bad(damaged: Sequence[Mapping[str, Any]], left_out: int) -> str:
    kinds = {name: sum(found.get("kind") == kind for found in damaged) for kind, name in _APART.items()}
    others = [f"{count(number)} {name}" for name, number in kinds.items() if number]
    return ", ".join([f"{count(len(damaged) + left_out - sum(kinds.values()))} damaged", *others])


_APART = {"foreign": "foreign", "out-of-reach": "out of reach"}
"""Findings that are no damage to a file of the project, in words."""


def repair(call: Invocation) -> int:
    """Make anew what is damaged, and wait for it."""
    with served(call, _roots(call)):
        answer = _asked(call)
        foreign = answer.get("foreign") or 0
        if foreign:
            call.output.note(f"left as they are: {counted(foreign, 'foreign file')}; `fontmill verify` names them")
        if answer.get("session_id"):
            if answer.get("litter"):
                call.output.note(f"removed: {counted(answer['litter'], 'leftover')} of writing that was cut short")
            for part in answer.get("parts") or ():
                call.output.note(_taken_in(part))
            lost = sum(not part["in_reach"] for part in answer.get("parts") or ())
            call.output.note(f"{count(answer.get('damaged', 0) - foreign - lost)} damaged; to be made anew: {_remade(answer)}")
            gathered = answer.get("gathered_samples")
            together = f"brought together: {counted(gathered, 'pair')}; " if gathered else ""
            return _awaited(call, answer, borne=lacking(answer["status"]), told=f"{together}made anew: {_remade(answer)}")
    call.output.result(answer, ["nothing to repair"])
    return ExitStatus.OK


def _taken_in(part: Mapping[str, Any]) -> str:
    """What a repair does with the pairs that lie in another folder."""
    pairs, path = counted(part["samples"], "pair"), clean(part["path"])
    if part["in_reach"]:
        return f"copied from {path}: {pairs}, those that are sound; that folder is left as it is"
    return f"{path} cannot be read, or is not of this session: its {pairs} are drawn anew, to the same bytes"


def _remade(answer: Mapping[str, Any]) -> str:
    """What a repair makes, in words."""
    numbers = {"pair": answer.get("remade_samples") or 0, "document": answer.get("rewritten_files") or 0}
    return ", ".join(counted(number, noun) for noun, number in numbers.items() if number) or "nothing but the summary"


def complete(call: Invocation) -> int:
    """Finish a session as it stands; who would leave pairs out is asked first."""
    with served(call, _roots(call)):
        if not call.options.yes and (question := _left_out(_found(call))) and not _agreed(call, question):
            call.output.say("nothing is changed")
            return ExitStatus.OK
        answer = _asked(call)
    call.output.result(answer, lines(answer))
    return ExitStatus.OK


def _left_out(status: Mapping[str, Any]) -> str:
    """What completing a session would do to it, or an empty text when no pair would be left out."""
    left = whole(status, "total_samples") - settled(status)
    if left <= 0 or status.get("completed") or status.get("status") in ("completed", "failed"):
        return ""
    made = f"{count(whole(status, 'exported_samples'))} of {count(whole(status, 'total_samples'))} pairs"
    return f"complete {project(status)} with {made} and leave out the other {count(left)}"


def retry_failed(call: Invocation) -> int:
    """Try failed samples again, and wait for it."""
    with served(call, _roots(call)):
        return _awaited(call, _asked(call))


def rebuild(call: Invocation) -> int:
    """Draw one pair anew and write its files into a folder; exit status 1 when they are not as its label says."""
    folder = os.path.abspath(os.path.expanduser(call.options.folder or "."))
    with served(call, _roots(call)):
        answer = _asked(call)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        raise invalid("folder", f"{folder} cannot be made ({error.strerror}).") from error
    pictures: Mapping[str, bytes] = answer.pop("files")
    paths = [os.path.join(folder, name) for name in pictures]
    for path, data in zip(paths, pictures.values(), strict=True):
        write_new("folder", path, data)
    verdict = {True: "as its label says", False: "NOT as its label says", None: "the project has no label of it"}
    call.output.result({**answer, "files": paths}, [*map(clean, paths), verdict[answer.get("as_recorded")]])
    return ExitStatus.FAILED if answer.get("as_recorded") is False else ExitStatus.OK


def delete(call: Invocation) -> int:
    """Remove a session and its files; it is asked for first."""
    with served(call, _roots(call)):
        if not call.options.yes and not _agreed(call, f"delete {_pairs_in(_found(call))}"):
            call.output.say("nothing is deleted")
            return ExitStatus.OK
        answer = _asked(call)
    foreign = answer.get("foreign_files") or ()
    told = [f"deleted {clean(answer.get('session_id', ''))}: {_pairs_in(answer)}"]
    if foreign:
        told.append(f"left as they are: {counted(len(foreign), 'foreign file')}: {clean(', '.join(map(str, foreign[:SHOWN_DAMAGE])))}")
    call.output.result(answer, told)
    return ExitStatus.OK


def _agreed(call: Invocation, what: str) -> bool:
    """Whether who sits at the terminal wants `what`. Raises `invalid-argument` where nobody can be asked."""
    if call.output.as_json or not interactive():
        raise FontmillError("invalid-argument", f"This would {what}, and nobody is there to ask.", action="Give --yes if it shall.")
    try:
        answer = input(f"{what}? [y/N] ")
    except EOFError:
        answer = ""
    return answer.strip().lower() in ("y", "yes")


def _found(call: Invocation) -> Mapping[str, Any]:
    """What the daemon, or else the disk, says of the session that is named."""
    named = call.verb_args()["session"]
    try:
        status: Mapping[str, Any] = call.client().call("status", {"session": named})
    except FontmillError as error:
        if error.slug != "unknown-session" or not named.startswith("/"):
            raise
        sessions = call.client().call("detect", {"path": named}, timeout=call.timeout or LONG)["sessions"]
        found = next((one for one in sessions if os.path.basename(one["project_path"]) == os.path.basename(named)), None)
        if found is None:
            raise
        status = found
    return status


def _pairs_in(about: Mapping[str, Any]) -> str:
    return f"{counted(whole(about, 'exported_samples'), 'pair')} in {project(about)}"


def _roots(call: Invocation) -> tuple[str, ...]:
    """The folder the command is about, if it is named by its path and is there, and the one it lies in.

    Raises `unknown-session` for a folder that holds no project, where no daemon can know better.
    """
    args = call.verb_args()
    named = str(args.get("path") or args.get("session") or "")
    if named.startswith("/") and os.path.isdir(named) and (args.get("path") or is_project(named)):
        return (named, os.path.dirname(named))
    if (named.startswith("/") or os.path.isdir(named)) and not call.options.socket and not runs():
        if call.command == "detect":
            raise invalid("path", f"there is no folder {named}.")
        action = "Name the folder that holds its session.json; `fontmill detect` finds the projects in a folder."
        raise FontmillError("unknown-session", f"There is no project in {named}.", action=action)
    return ()


def _asked(call: Invocation) -> dict[str, Any]:
    """The verb's answer; these verbs read whole projects, so they get more time than others, and a terminal sees them go on."""
    client = call.client()
    if not call.output.live:
        return client.call(call.command, call.verb_args(), timeout=call.timeout or LONG)
    named = call.verb_args().get("session") or call.verb_args().get("path") or ""
    heard = Heard(client.endpoint.control, f"{_TOLD_AS.get(call.command, call.command)}-progress", named, _far)
    with closing(heard), lasting(client, call.output, _DOING[call.command], heard.far):
        return client.call(call.command, call.verb_args(), timeout=call.timeout or LONG)


_DOING = {
    "verify": "checking", "repair": "checking", "delete": "deleting", "detect": "looking for projects", "adopt": "looking at the project",
    "complete": "completing", "retry-failed": "looking at the project", "rebuild": "drawing",
}
_TOLD_AS = {"repair": "verify"}


def _far(told: Mapping[str, Any]) -> str:
    """How far a verification or a deletion is."""
    if "total_images" in told:
        return f"{count(told.get('removed_images'))} of {counted(told['total_images'], 'picture')},"
    return f"{counted(told.get('checked'), 'file')},"


def _awaited(call: Invocation, answer: Mapping[str, Any], borne: int = 0, told: str = "") -> int:
    """Wait for the session; `borne` pairs were lacking before, and it was not asked for them. `told` is said when it is done."""
    if call.options.no_wait:
        call.output.result(dict(answer), lines({key: answer[key] for key in answer if key != "status"}))
        return ExitStatus.OK
    final = _followed(call, answer["session_id"])
    exit_status = outcome(final, borne)
    call.output.result({**answer, "status": final}, [*([told] if told and exit_status == ExitStatus.OK else []), *status_lines(final)])
    return exit_status


def _followed(call: Invocation, session: str) -> Mapping[str, Any]:
    """The status of a session once it has ended or paused; a terminal sees it go on."""
    client = call.client()
    if call.output.live and not call.timeout:
        with closing(view(call.output, lines=False)) as shown:
            for status in client.statuses(session):
                shown.update(status)
                if status.get("status") != "active":
                    break
    return client.wait(session, timeout=call.timeout)
