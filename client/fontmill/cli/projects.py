"""Commands on whole projects: detect, adopt, verify, repair, retry-failed, rebuild, delete.

Those that work on a folder need no service: where no daemon runs, a private one does it and ends.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from fontmill.cli.arguments import Invocation
from fontmill.cli.ondisk import is_project
from fontmill.cli.output import interactive
from fontmill.cli.served import alone, runs, served, verified, write_new
from fontmill.cli.simple import lines
from fontmill.cli.text import clean, count, lacking, outcome, status_lines, table
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
        answer = verified(roots[0], call.verb_args()["level"], call.timeout)
    else:
        with served(call, roots):
            answer = _asked(call)
    damaged = [found for found in answer.get("damaged") or () if isinstance(found, Mapping)]
    told = [f"{clean(found.get('kind', '')):<20}{clean(found.get('file', ''))}" for found in damaged[:SHOWN_DAMAGE]]
    left_out = answer.get("left_out") or 0
    if len(damaged) + left_out > SHOWN_DAMAGE:
        told.append(f"and {count(len(damaged) + left_out - len(damaged[:SHOWN_DAMAGE]))} more (--json names {'more of them' if left_out else 'them all'})")
    verdict = "everything is as the labels say" if answer.get("ok") else _found_bad(damaged, left_out)
    call.output.result(answer, [*told, f"{count(answer.get('checked', 0))} files checked: {verdict}"])
    return ExitStatus.OK if answer.get("ok") else ExitStatus.FAILED


def _found_bad(damaged: Sequence[Mapping[str, Any]], left_out: int) -> str:
    foreign = sum(found.get("kind") == "foreign" for found in damaged)
    told = f"{count(len(damaged) + left_out - foreign)} damaged"
    return f"{told}, {count(foreign)} foreign" if foreign else told


def repair(call: Invocation) -> int:
    """Make anew what is damaged, and wait for it."""
    with served(call, _roots(call)):
        answer = _asked(call)
        foreign = answer.get("foreign") or 0
        if foreign:
            call.output.note(f"{count(foreign)} foreign files are left as they are; `fontmill verify` names them")
        if answer.get("session_id"):
            call.output.note(f"{count(answer.get('damaged', 0) - foreign)} damaged; {count(answer.get('remade_samples', 0))} pairs are made anew")
            return _awaited(call, answer, borne=lacking(answer["status"]))
    call.output.result(answer, ["nothing to repair"])
    return ExitStatus.OK


def complete(call: Invocation) -> int:
    """Finish a session as it stands."""
    with served(call, _roots(call)):
        answer = _asked(call)
    call.output.result(answer, lines(answer))
    return ExitStatus.OK


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
    """Remove a session and its files; who sits at a terminal is asked first."""
    with served(call, _roots(call)):
        if interactive() and not call.options.yes and not call.output.as_json and not _agreed(call):
            call.output.say("nothing is deleted")
            return ExitStatus.OK
        answer = _asked(call)
    foreign = answer.get("foreign_files") or ()
    told = [f"deleted {clean(answer.get('session_id', ''))}: {_pairs_in(answer)}"]
    if foreign:
        told.append(f"{count(len(foreign))} files that are not fontmill's stay: {clean(', '.join(map(str, foreign[:SHOWN_DAMAGE])))}")
    call.output.result(answer, told)
    return ExitStatus.OK


def _agreed(call: Invocation) -> bool:
    try:
        answer = input(f"delete {_pairs_in(_found(call))}? [y/N] ")
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
    return f"{count(about.get('exported_samples'))} pairs in {clean(about.get('project_path', ''))}"


def _roots(call: Invocation) -> tuple[str, ...]:
    """The folder the command is about, if it is named by its path and is there, and the one it lies in.

    Raises `unknown-session` for a folder that holds no project, where no daemon can know better.
    """
    args = call.verb_args()
    named = str(args.get("path") or args.get("session") or "")
    if named.startswith("/") and os.path.isdir(named) and (args.get("path") or is_project(named)):
        return (named, os.path.dirname(named))
    if (named.startswith("/") or os.path.isdir(named)) and not call.options.socket and not runs():
        action = "Name the folder that holds its session.json; `fontmill detect` finds the projects in a folder."
        raise FontmillError("unknown-session", f"There is no project in {named}.", action=action)
    return ()


def _asked(call: Invocation) -> dict[str, Any]:
    """The verb's answer; these verbs read whole projects, so they get more time than others."""
    return call.client().call(call.command, call.verb_args(), timeout=call.timeout or LONG)


def _awaited(call: Invocation, answer: Mapping[str, Any], borne: int = 0) -> int:
    """Wait for the session; `borne` pairs were lacking before, and it was not asked for them."""
    if call.options.no_wait:
        call.output.result(dict(answer), lines({key: answer[key] for key in answer if key != "status"}))
        return ExitStatus.OK
    final = call.client().wait(answer["session_id"], timeout=call.timeout)
    call.output.result({**answer, "status": final}, status_lines(final))
    return outcome(final, borne)
