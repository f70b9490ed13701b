"""From a request to fonts with names: every face once, every name its own, every refusal with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fontmill.errors import FontmillError
from fontmill.model import ExportSession
from fontmilld.core import layout
from fontmilld.core.accounts import excluded_samples, lacking_text
from fontmilld.intake import Intake, StartRequest, all_refused, licensed, name_fonts
from fontmilld.opening import flag_near_duplicates, refuse_different
from fontmilld.pool.messages import ProbeDone
from fontmilld.testing.house import House, Probes


def face(number=0, slug="", **more):
    return {"face_index": number, "slug": slug, "reason": slug and "because", "record": {}, **more}


def taken_in(sources, probes=None):
    results = []
    intake = Intake(House(1).request(fonts=tuple(sources)), probes or Probes(), lambda: "now", results.append)
    intake.files_found(list(sources))
    return results


def test_a_font_given_twice_is_one_font_and_the_request_is_answered():
    result, = taken_in(["/f/a.ttf", "/f/b.ttf", "/f/a.ttf"])
    assert isinstance(result, ExportSession)
    assert [font.font_id for font in result.fonts] == ["a", "b"]


def test_no_font_files_are_an_answer_too():
    result, = taken_in([])
    assert isinstance(result, FontmillError)


def test_an_error_of_the_search_is_the_answer():
    results = []
    intake = Intake(House(1).request(), Probes(), lambda: "now", results.append)
    intake.files_found(FontmillError("no-fonts"))
    assert results[0].slug == "no-fonts"


def test_a_machine_without_raqm_is_told_so():
    probes = Probes()
    probes.missing = ("There is no raqm.",)
    result, = taken_in(["/f/a.ttf"], probes)
    assert result.slug == "renderer-incomplete"


def test_where_no_process_starts_no_font_is_blamed():
    class Unable(Probes):
        def probe(self, source, settings, answer, samples=0):
            answer(ProbeDone(1, "", (face(slug="no-workers"),)))

    result, = taken_in(["/f/a.ttf", "/f/b.ttf"], Unable())
    assert isinstance(result, FontmillError) and result.slug == "no-workers"


@pytest.mark.parametrize("slug", ["font-crashed", "font-timed-out"])
def test_what_the_project_says_of_a_font_stands_when_an_accident_befalls_its_inspection(slug):
    good, = taken_in(["/f/a.ttf", "/f/b.ttf"])
    hurt = replace(good, fonts=(good.fonts[0], replace(good.fonts[1], status="skipped", slug=slug, sha256="")))
    refuse_different(good, hurt)
    refuse_different(hurt, good)


def test_a_font_that_is_refused_for_what_it_is_makes_another_project():
    good, = taken_in(["/f/a.ttf", "/f/b.ttf"])
    hurt = replace(good, fonts=(good.fonts[0], replace(good.fonts[1], status="skipped", slug="font-unreadable")))
    for one, other in ((good, hurt), (hurt, good)):
        with pytest.raises(FontmillError) as caught:
            refuse_different(one, other)
        assert caught.value.slug == "project-differs"


@given(st.lists(st.tuples(st.text("abAB .-_é漢/", min_size=1, max_size=8), st.integers(0, 3), st.booleans()), min_size=1, max_size=8))
def test_every_font_has_an_id_of_its_own_that_is_safe_as_a_folder(files):
    probed = [(f"/f/{n}/{name}.ttf", ProbeDone(n, f"{n:064x}", tuple(face(i, "font-unreadable" if bad else "") for i in range(faces + 1))))
              for n, (name, faces, bad) in enumerate(files)]
    fonts = list(name_fonts(probed, 10))
    ids = [font.font_id for font in fonts]
    assert len(ids) == len(set(ids)) == sum(faces + 1 for _, faces, _ in files)
    assert all(layout.is_font_id(name) for name in ids)
    assert all(font.accepted or font.reason for font in fonts)


def test_near_duplicates_are_flagged_in_the_records_of_both():
    looks = {f"{cp:x}": f"1000800b4{cp:016x}" for cp in range(0x41, 0x55)}
    others = {key: f"2000c00b4{value[9:]}" for key, value in looks.items()}
    records = [{"sketch": looks}, {"sketch": others}, {"sketch": dict(list(looks.items())[:12])}, {}]
    probed = [(f"/f/{n}.ttf", ProbeDone(n, f"{n:064x}", (face(record=record),))) for n, record in enumerate(records)]
    fonts = flag_near_duplicates(tuple(name_fonts(probed, 10)))
    found = [[near["font_id"] for near in font.record["near_duplicates"]] for font in fonts]
    assert found == [[fonts[2].font_id], [], [fonts[0].font_id], []]


@pytest.mark.parametrize("name", ["../x", ".x", "a/b", "", "x" * 101])
def test_a_project_name_that_leads_elsewhere_is_refused(name):
    with pytest.raises(FontmillError) as caught:
        StartRequest.from_args({"project_name": name, "output_path": "/o", "fonts": ["/f"], "force": False}, None)
    assert caught.value.details["field"] == "project_name"


@pytest.mark.parametrize(("allowed", "accepted"), [
    ((), True), (("OFL-1.1",), True), (("apache-2.0", "ofl-1.1"), True), (("Apache-2.0",), False), (("unknown",), False),
])
def test_a_font_whose_licence_is_not_allowed_is_refused_with_the_reason(allowed, accepted):
    font, = name_fonts([("/f/a.ttf", ProbeDone(0, "a" * 64, (face(record={"licence": "OFL-1.1"}),)))], 5)
    judged = licensed(font, allowed)
    assert judged.accepted == accepted
    if not accepted:
        assert (judged.slug, judged.status) == ("font-licence", "skipped")
        assert "OFL-1.1" in judged.reason and allowed[0] in judged.reason


def test_a_font_that_says_nothing_of_its_licence_is_unknown_and_a_refusal_stays_what_it_was():
    silent, broken = name_fonts([("/f/a.ttf", ProbeDone(0, "a" * 64, (face(), face(1, "font-unreadable"))))], 5)
    assert licensed(silent, ("OFL-1.1",)).slug == "font-licence"
    assert licensed(silent, ("unknown",)).accepted
    assert licensed(broken, ("OFL-1.1",)).slug == "font-unreadable"


def test_where_no_licence_is_among_those_allowed_the_ones_found_are_named_with_their_numbers():
    probed = [(f"/f/{n}.ttf", ProbeDone(n, f"{n:064}", (face(record={"licence": name} if name else {}),))) for n, name in enumerate(["GPL", "OFL-1.1", "GPL", ""])]
    fonts = tuple(licensed(font, ("ofl",)) for font in name_fonts(probed, 5))
    assert all_refused(fonts).message.endswith("Licences found: GPL (2), OFL-1.1 (1), unknown (1).")
    broken, = name_fonts([("/f/a.ttf", ProbeDone(0, "a" * 64, (face(0, "font-unreadable"),)))], 5)
    assert "Licences" not in all_refused((broken,)).message


def test_only_fonts_that_the_options_leave_out_count_as_excluded():
    result, = taken_in(["/f/a.ttf", "/f/b.ttf"])
    silent, broken = name_fonts([("/f/a.ttf", ProbeDone(0, "a" * 64, (face(), face(1, "font-unreadable"))))], 5)
    assert excluded_samples(result) == 0
    strict = replace(result.config, licences=("OFL-1.1",))
    chosen = replace(result, config=strict, fonts=tuple(licensed(font, strict.licences) for font in (silent, broken)))
    assert excluded_samples(chosen) == 5


def test_fonts_that_cannot_draw_a_text_source_are_told_by_source():
    lacks = face(record={"lacks_text_sources": ["codes"]})
    fonts = list(name_fonts([
        ("/f/a.ttf", ProbeDone(0, "a" * 64, (lacks,))), ("/f/b.ttf", ProbeDone(0, "b" * 64, (face(),))),
        ("/f/c.ttf", ProbeDone(0, "c" * 64, ({**lacks, "slug": "font-unreadable"},))), ("/f/d.ttf", ProbeDone(0, "d" * 64, (lacks,))),
    ], 5))
    assert lacking_text(fonts) == {"codes": ["a", "d"]}
