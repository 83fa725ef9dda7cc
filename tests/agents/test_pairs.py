"""Q&A pairs: imported after a look at what each row becomes, changed, deleted and brought back."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from agents.knowledge import training
from agents.models import Agent
from agents.sources import listing
from billing.models import Plan
from tests.harness.cast import Cast, make_agent
from workspaces.models import AuditEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def agent(cast: Cast) -> Agent:
    agent = make_agent(cast.acme)
    Plan.objects.filter(pk=agent.workspace.account.plan_id).update(source_limit=10)
    return agent


def page_of(agent: Agent, rest: str = "") -> str:
    return f"/w/acme/agents/{agent.pk}/{rest}"


def pairs_of(agent: Agent) -> list[tuple[str, str]]:
    return list(agent.qa_pairs.values_list("question", "answer"))


def preview(edith: Client, agent: Agent, content: bytes) -> str:
    file = SimpleUploadedFile("pairs.csv", content)
    return edith.post(page_of(agent, "sources/questions/"), {"file": file}).content.decode()


def test_file_whose_letters_cannot_be_told_is_refused_before_it_becomes_anything(
    agent: Agent, edith: Client
) -> None:
    shown = preview(edith, agent, "Вопрос,Ответ\nКогда?,В девять.\n".encode("cp1251"))

    assert "Save it as UTF-8" in shown
    assert "Import 1 question<" not in shown


def test_page_says_how_many_questions_it_does_not_show(
    agent: Agent, edith: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "ROWS_SHOWN", 2)
    for number in ("one", "two"):
        training.add_qa(agent, question=f"What is {number}?", answer="A number.")
    assert "not shown" not in edith.get(page_of(agent)).content.decode()
    training.add_qa(agent, question="What is three?", answer="A number.")

    assert "1 more source is not shown" in edith.get(page_of(agent)).content.decode()


def test_each_row_is_shown_as_what_it_becomes_and_nothing_is_saved(agent: Agent, edith: Client) -> None:
    training.add_qa(agent, question="When?", answer="At nine.")

    shown = preview(edith, agent, b"Question,Answer\nWhere?,Here.\nwhen,At ten.\n,Nothing\nwhere,Twice\n")

    assert "Import 1 question<" in shown
    assert shown.count("this question has an answer already") == 2
    assert shown.count("a question and an answer are needed") == 1
    assert pairs_of(agent) == [("When?", "At nine.")]


@pytest.mark.parametrize(
    "content",
    [
        '\ufeffQuestion;Answer\n"Where; exactly?";"In ""A"".\nSecond line."\n'.encode(),
        'question\tanswer\n"Where; exactly?"\t"In ""A"".\nSecond line."\n'.encode("utf-16"),
        b'"Where; exactly?","In ""A"".\r\nSecond line."\r\n',
        b'Answer,Question\n"In ""A"".\nSecond line.",Where; exactly?\n',
        'sep=;\r\n"Where; exactly?";"In ""A"".\r\nSecond line."\r\n'.encode("utf-16"),
        b'Question,Tag,Answer\nWhere; exactly?,opening,"In ""A"".\nSecond line."\n',
    ],
    ids=[
        "semicolons and a mark",
        "tabs in UTF-16",
        "commas without a head",
        "the other way round",
        "Excel's line that names the sign",
        "a column of something else",
    ],
)
def test_the_rows_of_any_spreadsheet_are_imported(agent: Agent, edith: Client, content: bytes) -> None:
    shown = edith.post(
        page_of(agent, "sources/questions/"), {"file": SimpleUploadedFile("pairs.csv", content)}
    )
    text = shown.context["confirm"].initial["text"]

    answer = edith.post(page_of(agent, "sources/questions/import/"), {"text": text})

    assert answer.status_code == 302
    (pair,) = pairs_of(agent)
    assert (pair[0], pair[1].splitlines()) == ("Where; exactly?", ['In "A".', "Second line."])
    event = AuditEvent.objects.get(action="questions.imported")
    assert event.data["questions"] == 1


def test_half_an_answer_is_not_imported_for_a_whole_one(agent: Agent, edith: Client) -> None:
    shown = preview(
        edith, agent, b"Can I have my money back?,No, only credits back\nWhere?,Here.\nWho?,Olga,,\n"
    )

    assert "Import 2 questions<" in shown
    assert shown.count("more than two cells") == 1


def test_more_than_the_plan_allows_imports_nothing(agent: Agent, edith: Client) -> None:
    rows = "\n".join(f"Question {n}?,Answer {n}" for n in range(11))

    answer = edith.post(page_of(agent, "sources/questions/import/"), {"text": rows})

    assert answer.status_code == 400
    assert "Nothing was imported" in answer.content.decode()
    # What was typed is not lost.
    assert "Question 10?,Answer 10" in answer.content.decode()
    assert pairs_of(agent) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"only one cell\nand another", "Each row needs two cells"),
        (b'"' + b"a" * 200_000, "cannot be read as CSV"),
        (b"Question,Answer\n", "There are no rows"),
        (b"a,b\n" * 250_001, "more than 1,000,000 bytes"),
    ],
)
def test_what_cannot_be_imported_is_refused_in_words(
    agent: Agent, edith: Client, content: bytes, words: str
) -> None:
    assert words in preview(edith, agent, content)


def test_pairs_can_be_changed(agent: Agent, edith: Client) -> None:
    edith.post(page_of(agent, "questions/new/"), {"question": "When?", "answer": "At nine."})
    edith.post(page_of(agent, "questions/new/"), {"question": "Where?", "answer": "Here."})
    pair = agent.qa_pairs.get(question="When?")
    path = page_of(agent, f"questions/{pair.pk}/change/")
    assert "At nine." in edith.get(path).content.decode()

    assert edith.post(path, {"question": "At what time?", "answer": "At ten."}).status_code == 302
    assert pairs_of(agent) == [("At what time?", "At ten."), ("Where?", "Here.")]

    clash = edith.post(path, {"question": "where", "answer": "There."})
    assert clash.status_code == 400
    assert "answers this question already" in clash.content.decode()


def test_a_deleted_pair_is_not_matched_and_comes_back(agent: Agent, edith: Client) -> None:
    edith.post(page_of(agent, "questions/new/"), {"question": "When?", "answer": "At nine."})
    pair = agent.qa_pairs.get()

    edith.post(page_of(agent, f"questions/{pair.pk}/delete/"))
    assert pairs_of(agent) == []
    shown = edith.get(page_of(agent)).content.decode()
    assert "can be brought back for ten minutes" in shown

    removed = agent.removed_pairs.get()
    edith.post(page_of(agent, f"questions/removed/{removed.pk}/restore/"))
    assert pairs_of(agent) == [("When?", "At nine.")]
    actions = AuditEvent.objects.filter(action__startswith="question.").order_by("id")
    assert [one.action for one in actions] == ["question.added", "question.deleted", "question.restored"]


def test_a_pair_whose_question_was_answered_anew_stays_away(agent: Agent, edith: Client) -> None:
    edith.post(page_of(agent, "questions/new/"), {"question": "When?", "answer": "At nine."})
    edith.post(page_of(agent, f"questions/{agent.qa_pairs.get().pk}/delete/"))
    edith.post(page_of(agent, "questions/new/"), {"question": "When?", "answer": "At ten."})

    told = edith.post(
        page_of(agent, f"questions/removed/{agent.removed_pairs.get().pk}/restore/"), follow=True
    )

    assert "an answer since, which stays" in told.content.decode()
    assert pairs_of(agent) == [("When?", "At ten.")]
    assert agent.removed_pairs.count() == 1


# --- Files at the door ------------------------------------------------------------------------------


def test_files_are_refused_one_by_one_in_words(agent: Agent, edith: Client, settings: object) -> None:
    settings.SOURCE_FILE_MB = 1  # type: ignore[attr-defined]
    files = [
        SimpleUploadedFile("fine.txt", b"We open at nine."),
        SimpleUploadedFile("empty.txt", b""),
        SimpleUploadedFile("large.txt", b"a" * (1024**2 + 1)),
        SimpleUploadedFile("program.exe", b"MZ"),
        SimpleUploadedFile("../../etc/passwd.txt", b"Only a name."),
    ]

    told = edith.post(page_of(agent, "sources/files/"), {"files": files}, follow=True).content.decode()

    assert "2 files added" in told
    assert "empty.txt: The file is empty." in told
    assert "large.txt: The file has more than 1 MB." in told
    assert "program.exe: Bookbag reads PDF" in told
    assert sorted(agent.sources.values_list("title", flat=True)) == ["fine.txt", "passwd.txt"]


def test_where_no_file_is_taken_the_form_says_why(agent: Agent, edith: Client) -> None:
    answer = edith.post(page_of(agent, "sources/files/"), {"files": SimpleUploadedFile("a.exe", b"MZ")})

    assert answer.status_code == 400
    assert "a.exe: Bookbag reads PDF" in answer.content.decode()
    assert edith.post(page_of(agent, "sources/files/")).status_code == 200


def test_a_thousand_files_at_once_are_refused_and_none_is_kept(agent: Agent, edith: Client) -> None:
    files = [SimpleUploadedFile(f"{number}.txt", b"Text.") for number in range(1_000)]

    answer = edith.post(page_of(agent, "sources/files/"), {"files": files})

    assert answer.status_code == 413
    assert "files were sent at once" in answer.content.decode()
    assert not agent.sources.exists()


def test_more_files_than_fit_one_request_are_counted_before_any_is_kept(agent: Agent, edith: Client) -> None:
    files = [SimpleUploadedFile(f"{number}.txt", b"Text.") for number in range(51)]

    answer = edith.post(page_of(agent, "sources/files/"), {"files": files})

    assert answer.status_code == 400
    assert "At most 50 files at once; these are 51" in answer.content.decode()
    assert not agent.sources.exists()
