"""Training as a job: taken up once, ended once, and whatever goes wrong leaves what the agent knew."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.db.models.functions import Now
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.knowledge import training
from agents.models import Agent, RemovedPair, Source, SourcePart
from agents.sources import adding, jobs, leases, listing, upkeep, working
from billing.models import Bucket, Hold, Plan, Transfer
from workspaces.models import AuditEvent

pytestmark = pytest.mark.django_db
LONG = "# Hours\n\nWe open at nine.\n\n" + "Nothing else is said here. " * 2_000


def page_of(agent: Agent, rest: str = "") -> str:
    return f"/w/acme/agents/{agent.pk}/{rest}"


def upload(edith: Client, agent: Agent, content: bytes, name: str = "hours.txt") -> Source:
    edith.post(page_of(agent, "sources/files/"), {"files": SimpleUploadedFile(name, content)})
    return agent.sources.get(file_name=name)


def shown(edith: Client, agent: Agent) -> str:
    return edith.get(page_of(agent)).content.decode()


def test_a_long_text_waits_and_is_trained_by_the_job(agent: Agent, edith: Client) -> None:
    edith.post(page_of(agent, "sources/new/"), {"title": "Book", "text": LONG})
    source = agent.sources.get()
    assert (source.state, agent.passages.count()) == ("queued", 0)
    assert "waits for its turn" in shown(edith, agent)

    working.train(source.pk)

    source.refresh_from_db()
    assert (source.state, source.lease_token) == ("ready", None)
    assert agent.passages.first().heading == "Hours"  # type: ignore[union-attr]


def test_a_file_is_read_and_its_bytes_are_not_kept(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"# Hours\n\nWe open at nine.")
    assert SourcePart.objects.count() == 1

    working.train(source.pk)

    source.refresh_from_db()
    assert (source.state, source.text) == ("ready", "# Hours\n\nWe open at nine.")
    assert not SourcePart.objects.exists()


def test_a_file_whose_letters_were_guessed_says_so_where_it_is_listed(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, "Bilet altı yaşından küçük çocuklara ücretsizdir.".encode("cp1254"))

    working.train(source.pk)

    page = shown(edith, agent)
    assert "read as Western European ones (Windows-1252)" in page
    assert "save it as UTF-8" in page
    assert "Failed" not in page


def test_website_of_more_pages_than_are_shown_says_so(
    agent: Agent, edith: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS_SHOWN", 2)
    site = Source.objects.create(agent=agent, kind="website", title="a.test", url="https://a.test/", text="")
    for number in range(3):
        Source.objects.create(
            agent=agent,
            parent=site,
            kind="page",
            title="A",
            url=f"https://a.test/{number}",
            text=f"Of {number}.",
        )
        page = edith.get(page_of(agent, f"sources/{site.pk}/")).content.decode()
        assert ("2 of 3 pages are shown" in page) == (number == 2)


def test_the_page_tells_characters_and_reads_no_text_for_it(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, "# Größe\n\nWir öffnen um neun 🕘.".encode())
    working.train(source.pk)

    with CaptureQueriesContext(connection) as asked:
        assert "30 characters" in shown(edith, agent)

    assert [one["sql"] for one in asked if "length(" in one["sql"].lower()] == []
    Source.objects.filter(pk=source.pk).update(text="Ten signs.")
    assert "10 characters" in shown(edith, agent)


def test_training_moves_no_ledger_row(agent: Agent, edith: Client) -> None:
    def ledger() -> list[object]:
        agent.workspace.account.refresh_from_db()
        account = agent.workspace.account
        rows = [model.objects.count() for model in (Transfer, Hold, Bucket)]
        return [account.posted, account.held, *rows]

    before = ledger()
    source = upload(edith, agent, b"We open at nine.")
    working.train(source.pk)
    edith.post(page_of(agent, "sources/new/"), {"title": "Book", "text": LONG})
    working.train(agent.sources.get(title="Book").pk)
    edith.post(page_of(agent, f"sources/{source.pk}/train/"))
    working.train(source.pk)
    edith.post(page_of(agent, "questions/new/"), {"question": "When?", "answer": "At nine."})

    assert ledger() == before


def test_of_two_that_take_it_one_trains(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")

    assert leases.take(source.pk) is not None
    assert leases.take(source.pk) is None
    working.train(source.pk)

    source.refresh_from_db()
    assert source.state == "training"


def test_what_a_killed_worker_had_is_taken_up_again(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")
    leases.take(source.pk)
    assert upkeep.revive() == 0

    Source.objects.filter(pk=source.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert upkeep.revive() == 1
    working.train(source.pk)

    source.refresh_from_db()
    assert (source.state, source.attempts) == ("ready", 2)


def test_a_late_end_of_whoever_lost_the_lease_changes_nothing(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")
    token = leases.take(source.pk)
    late = leases.held(source.pk, token).get()  # type: ignore[arg-type]
    Source.objects.filter(pk=source.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    working.train(source.pk)

    with pytest.raises(working.Taken):
        working._swap_in(late, "Something old.", training.cut("Something old."), note="")

    assert [one.text for one in agent.passages.all()] == ["We open at nine."]


def test_a_source_that_ends_its_worker_each_time_is_given_up(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")
    for _ in range(working.MOST_ATTEMPTS):
        leases.take(source.pk)
        Source.objects.filter(pk=source.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        upkeep.revive()

    working.train(source.pk)

    source.refresh_from_db()
    assert (source.state, source.note) == ("failed", working.CUT_OFF)


def test_a_job_that_was_lost_before_it_began_is_put_into_the_queue_again(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")
    assert upkeep.revive() == 0

    Source.objects.filter(pk=source.pk).update(queued_at=timezone.now() - jobs.LOST - timedelta(seconds=1))
    assert (upkeep.revive(), upkeep.revive()) == (1, 0)


def test_a_failed_retrain_keeps_what_the_agent_knew(
    agent: Agent, edith: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = training.add_text(agent, title="Hours", text="We open at nine.")
    edith.post(page_of(agent, f"sources/{source.pk}/"), {"title": "Hours", "text": LONG})

    def fail(*arguments: object) -> None:
        raise ValueError("secret words of the text")

    with monkeypatch.context() as patch:
        patch.setattr(training, "index", fail)
        working.train(source.pk)

    source.refresh_from_db()
    assert (source.state, source.note) == ("failed", working.OURS)
    assert [one.text for one in agent.passages.all()] == ["We open at nine."]
    assert "still answers from what it had" in shown(edith, agent)

    assert edith.post(page_of(agent, f"sources/{source.pk}/train/")).status_code == 302
    working.train(source.pk)
    assert agent.passages.first().heading == "Hours"  # type: ignore[union-attr]


def test_cancelling_ends_it_and_keeps_what_the_agent_knew(agent: Agent, edith: Client) -> None:
    source = training.add_text(agent, title="Hours", text="We open at nine.")
    edith.post(page_of(agent, f"sources/{source.pk}/"), {"title": "Hours", "text": LONG})

    edith.post(page_of(agent, f"sources/{source.pk}/cancel/"))
    working.train(source.pk)

    source.refresh_from_db()
    assert source.state == "cancelled"
    assert [one.text for one in agent.passages.all()] == ["We open at nine."]


def test_cancelled_in_the_middle_nothing_is_swapped_in(
    agent: Agent, edith: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = upload(edith, agent, b"We open at nine.")
    cut = training.cut

    def cut_while_a_person_cancels(text: str, *, seconds: float) -> object:
        edith.post(page_of(agent, f"sources/{source.pk}/cancel/"))
        return cut(text, seconds=seconds)

    monkeypatch.setattr(training, "cut", cut_while_a_person_cancels)
    working.train(source.pk)

    source.refresh_from_db()
    assert source.state == "cancelled"
    assert not agent.passages.exists()


def test_unchanged_text_is_not_indexed_again(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")
    working.train(source.pk)
    before = list(agent.passages.values_list("pk", flat=True))

    edith.post(page_of(agent, f"sources/{source.pk}/train/"))
    working.train(source.pk)

    source.refresh_from_db()
    assert source.state == "ready"
    assert list(agent.passages.values_list("pk", flat=True)) == before


def test_the_same_text_from_another_file_fails_and_says_so(agent: Agent, edith: Client) -> None:
    working.train(upload(edith, agent, b"We open at nine.").pk)
    again = upload(edith, agent, b"We open at nine.  \r\n", name="again.txt")

    working.train(again.pk)

    again.refresh_from_db()
    assert (again.state, again.note) == ("failed", working.KNOWN)
    assert agent.passages.count() == 1


def test_a_deleted_source_answers_no_more_and_comes_back(agent: Agent, edith: Client) -> None:
    source = training.add_text(agent, title="Hours", text="We open at nine.")

    edith.post(page_of(agent, f"sources/{source.pk}/delete/"))
    assert not agent.passages.exists()
    assert "can be brought back" in shown(edith, agent)
    assert edith.get(page_of(agent, f"sources/{source.pk}/")).status_code == 404

    edith.post(page_of(agent, f"sources/{source.pk}/restore/"))
    working.train(source.pk)
    assert [one.text for one in agent.passages.all()] == ["We open at nine."]


def test_after_ten_minutes_a_deleted_source_is_gone(agent: Agent, edith: Client) -> None:
    source = training.add_text(agent, title="Hours", text="We open at nine.")
    edith.post(page_of(agent, f"sources/{source.pk}/delete/"))
    RemovedPair.objects.create(agent=agent, question="When?", answer="At nine.")
    upkeep.wipe()
    assert Source.objects.filter(pk=source.pk).exists()

    late = timezone.now() - adding.UNDO - timedelta(seconds=1)
    Source.objects.update(deleted_at=late)
    RemovedPair.objects.update(deleted_at=late)
    answer = edith.post(page_of(agent, f"sources/{source.pk}/restore/"), follow=True)
    assert "deleted for good" in answer.content.decode()

    upkeep.wipe()
    assert not Source.objects.exists()
    assert not RemovedPair.objects.exists()


def test_a_deleted_one_makes_room_and_comes_back_only_where_there_is_some(
    agent: Agent, edith: Client
) -> None:
    Plan.objects.filter(pk=agent.workspace.account.plan_id).update(source_limit=1)
    source = training.add_text(agent, title="Hours", text="We open at nine.")
    edith.post(page_of(agent, f"sources/{source.pk}/delete/"))
    training.add_text(agent, title="Prices", text="A ticket costs five.")

    refused = edith.post(page_of(agent, f"sources/{source.pk}/restore/"), follow=True).content.decode()

    assert "The plan allows 1 source for each agent" in refused
    assert agent.sources.listed().count() == 1


def test_the_plan_is_said_before_the_form_and_files_beyond_it_are_refused(
    agent: Agent, edith: Client
) -> None:
    Plan.objects.filter(pk=agent.workspace.account.plan_id).update(source_limit=2)
    path = page_of(agent, "sources/files/")
    assert "0 of 2 sources that the plan allows" in edith.get(path).content.decode()

    files = [SimpleUploadedFile(f"{name}.txt", f"Of {name}.".encode()) for name in "abc"]
    told = edith.post(path, {"files": files}, follow=True).content.decode()

    assert "2 files added" in told
    assert "c.txt: The plan allows 2 sources" in told
    assert "delete one first</a>" in edith.get(path).content.decode()
    assert agent.sources.count() == 2


def test_plan_that_has_become_too_small_says_how_many_have_to_go_and_which_were_never_read(
    agent: Agent, edith: Client
) -> None:
    for name in "abcd":
        training.add_text(agent, title=name, text=f"Of {name}.")
    Source.objects.create(agent=agent, title="e", text="", state=Source.State.FAILED)
    Plan.objects.filter(pk=agent.workspace.account.plan_id).update(source_limit=3)
    path = page_of(agent, "sources/new/")

    form = " ".join(edith.get(path).content.decode().split())
    refused = edith.post(path, {"title": "f", "text": "Of f."}).content.decode()

    assert "All of them stay, and none can be added." in form
    assert "delete 3 first</a>" in form
    assert "1 source that could not be read or was cancelled counts, too" in form
    assert (
        "for each agent. Delete 3 first. Those that could not be read or were cancelled (1) count, too."
        in refused
    )
    assert agent.sources.count() == 5


def test_one_file_twice_in_a_post_is_one_and_one_that_was_cancelled_may_be_sent_again(
    agent: Agent, edith: Client
) -> None:
    path, words = page_of(agent, "sources/files/"), b"We open at nine."
    twice = [SimpleUploadedFile("hours.txt", words) for _ in range(2)]

    assert "1 file added" in edith.post(path, {"files": twice}, follow=True).content.decode()
    source = agent.sources.get()
    edith.post(page_of(agent, f"sources/{source.pk}/cancel/"))
    edith.post(path, {"files": SimpleUploadedFile("hours.txt", words)})

    assert sorted(agent.sources.values_list("state", flat=True)) == ["cancelled", "queued"]


def test_progress_tells_what_changed_in_rows(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")
    path = page_of(agent, f"sources/progress/?id={source.pk}&id=nonsense")

    waiting = edith.get(path).json()["sources"][str(source.pk)]
    working.train(source.pk)
    ready = edith.get(path).json()["sources"][str(source.pk)]

    assert (waiting["busy"], ready["busy"]) == (True, False)
    assert waiting["mark"] != ready["mark"]
    assert "data-source" in ready["html"]


def test_what_is_done_to_sources_is_in_the_audit_log(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")
    edith.post(page_of(agent, f"sources/{source.pk}/delete/"))
    edith.post(page_of(agent, f"sources/{source.pk}/restore/"))

    events = AuditEvent.objects.filter(action__startswith="source.").order_by("id")
    assert [event.action for event in events] == ["source.added", "source.deleted", "source.restored"]
    assert {event.data["source"] for event in events} == {"hours.txt"}


def test_files_that_nobody_waits_for_are_forgotten_after_a_day(agent: Agent, edith: Client) -> None:
    source = upload(edith, agent, b"We open at nine.")
    adding.cancel(source)
    upkeep.wipe()
    assert SourcePart.objects.exists()

    Source.objects.update(queued_at=timezone.now() - timedelta(days=2))
    upkeep.wipe()
    edith.post(page_of(agent, f"sources/{source.pk}/train/"))
    working.train(source.pk)

    source.refresh_from_db()
    assert not SourcePart.objects.exists()
    assert (source.state, source.note) == ("failed", working.NO_FILE)


def test_websites_are_read_again_when_they_are_due(agent: Agent) -> None:
    site = Source.objects.create(
        agent=agent, kind="website", title="Shop", url="https://example.org/", text="", recrawl="daily"
    )
    Source.objects.update(crawled_at=Now() - timedelta(hours=23))
    assert upkeep.recrawl() == 0

    Source.objects.update(crawled_at=Now() - timedelta(hours=25))
    assert (upkeep.recrawl(), upkeep.recrawl()) == (1, 0)
    site.refresh_from_db()
    assert site.state == "queued"


def test_sources_and_pages_cost_a_constant_number_of_queries(agent: Agent, edith: Client) -> None:
    from tests.factories import queries_of

    Plan.objects.filter(pk=agent.workspace.account.plan_id).update(source_limit=None)

    def count_with(rows: int) -> int:
        for number in range(rows):
            state = ["queued", "training", "ready", "failed", "cancelled"][number % 5]
            Source.objects.create(
                agent=agent, title=f"Text {number}", text="", state=state, kind="file", content_hash=""
            )
        edith.get(page_of(agent))
        return queries_of(edith, page_of(agent))

    assert count_with(1) == count_with(49)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/hours.txt", "hours.txt"),
        ("C:\\\\Users\\\\me\\\\hours.txt", "hours.txt"),
        ("ho\0urs\r\n.txt", "hours.txt"),
        ("hours\u202egpj.txt", "hoursgpj.txt"),
        ("<b>hours</b>.txt", "b>.txt"),
        ("a" * 400 + ".txt", "a" * 100 + "a" * 96 + ".txt"),
    ],
)
def test_of_a_files_name_only_what_can_be_shown_is_kept(given: str, kept: str) -> None:
    assert adding.clean_name(given) == kept
