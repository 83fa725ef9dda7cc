"""What people of other products reported about finding and answering (cases of ours, kinds 10 to 15 and 22), and its kin.

Each runs on both databases, which find the same.
"""

import pytest

from agents.knowledge import index, training
from agents.knowledge.chunk import chunks
from agents.models import Agent
from agents.running import local

pytestmark = pytest.mark.django_db
FALLBACK = "No idea."


def answer_to(agent: Agent, question: str) -> str:
    return local.answer(question, index.search(agent.pk, question), fallback=FALLBACK).text


SHARP = "Unser Büro ist in der Hauptstraße 5. Der Fußweg dauert zehn Minuten."
LETTER = (
    "Dear support team hope email finds well yesterday evening husband bought wonderful green bicycle downtown shop near "
    "river because daughter turned seven birthday party grandmother baked chocolate cake neighbours came along brought "
    "balloons everyone laughed until rain started pouring heavily so we went inside. Anyway: are refunds possible?"
)
PRICES = "# Prices\n\n| Plan | Price per month |\n|---|---|\n| Hobby | 19 euros |\n| Standard | 49 euros |"
INSTALL = "# Install\n\n```bash\n\n# update the index first\napt-get update\n```\n\nAfter that, restart."
# Text, question, and what the answer says; each of them finds its passage.
ASKED = [
    # Both sides are folded alike.
    (SHARP, "Hauptstraße", "Hauptstraße 5"),
    (SHARP, "Hauptstrasse", "Hauptstraße 5"),
    (SHARP, "FUSSWEG", "zehn Minuten"),
    (SHARP, "wo ist das Buero?", "Hauptstraße 5"),
    ("환불 정책 안내", "환불", "환불"),
    ("환불 정책 안내", "정책", "정책"),
    ("환불은 30일 안에 가능합니다.", "환불이 가능한가요?", "30일"),
    ("The oﬃce conﬁguration ﬁle is stored on the oﬄine disk.", "configuration file", "disk"),
    ("The oﬃce conﬁguration ﬁle is stored on the oﬄine disk.", "office", "disk"),
    ("The war\u00adranty lasts two years.", "How long is the warranty?", "two years"),
    ("The war\u200branty lasts two years.", "How long is the warranty?", "two years"),
    ("The war-\nranty lasts two years.", "How long is the warranty?", "two years"),
    ("Ｃａｆｅ ｏｐｅｎｓ ａｔ ８.", "When does the cafe open?", "８"),
    ("Cafe\u0301 opens at eight.", "café", "eight"),
    ("İSTANBUL şubesi saat dokuzda açılır.", "istanbul subesi", "dokuzda"),
    ("Isıtma ücretsizdir.", "ısıtma", "ücretsizdir"),
    ("Isıtma ücretsizdir.", "isitma ucretsiz mi", "ücretsizdir"),
    ("يمكن إرجاع المُنتَج خلال ثلاثين يومًا.", "ارجاع المنتج", "ثلاثين"),
    ("Η παράδοση διαρκεί δύο ημέρες.", "ΠΑΡΑΔΟΣΗ", "δύο"),
    ("Доставка ещё бесплатна.", "доставки", "бесплатна"),
    # Scripts without blanks, and mixed with others.
    ("我们的退款政策是三十天内全额退款。请联系客服。\n\n运费由买家承担。", "退款政策是什么？", "三十天"),
    ("iPhone15の在庫は来週入ります。", "iPhone15の在庫", "来週"),
    ("サーバーは毎晩停止します。", "ｻｰﾊﾞｰはいつ停止しますか", "毎晩"),
    ("ในวันอาทิตย์ร้านปิด", "ร้านปิดวันไหน", "วันอาทิตย์"),
    ("ຮ້ານເປີດແປດໂມງ", "ຮ້ານເປີດ", "ແປດ"),
    ("ဆိုင်ကို ရှစ်နာရီမှာဖွင့်သည်", "ဆိုင်", "ရှစ်"),
    ("ហាងបើកម៉ោងប្រាំបី", "ហាងបើក", "ប្រាំបី"),
    # Long questions are searched whole.
    ("Refunds are possible within thirty days of purchase. Contact billing to start one.", LETTER, "thirty days"),
    # Tables, code and short lines; headings.
    (PRICES, "What does the Hobby plan cost per month?", "19 euros"),
    (INSTALL, "How do I install?", "apt-get update"),
    ("**Refund policy**\n\nWithin 30 days.\n\n- Shipping: free\n- Returns: 5 euros", "refund policy", "Within 30 days"),
    ("# Opening hours: Mon-Fri 9-17\n\n# Phone: 030 1234567\n\n# Other\n\nSomething.", "What are the opening hours?", "9-17"),
    ("# Opening hours: Mon-Fri 9-17\n\n# Phone: 030 1234567\n\n# Other\n\nSomething.", "phone", "030 1234567"),
    ("# Hobby\n\n## Price\n\nNineteen euros.\n\n# Pro\n\n## Price\n\nNinety euros.", "price of Pro", "Ninety"),
    # Slips and other forms of a word.
    ("Cancellation is possible until noon.", "cancelation", "noon"),
    ("Cancellation is possible until noon.", "cancllatoin", "noon"),
    ("The guarantee covers water damage.", "does the garantee cover watter", "water damage"),
    ("Rückgabefristen betragen vierzehn Tage.", "Rückgabefrist", "vierzehn"),
    ("Les remboursements prennent dix jours.", "remboursement", "dix jours"),
    ("Los envíos tardan tres días.", "envio", "tres días"),
    ("Set `retryLimit` to five.", "retry limit", "five"),
    ("C++ is built in. Ruby is not.", "is C++ there", "C++"),
    # Other words for the same.
    ("Refunds are possible within thirty days.", "Can I be reimbursed?", "thirty days"),
    ("Stornierungen sind bis zum Vortag frei.", "Wie kann ich kündigen?", "Vortag"),
    ("Les remboursements prennent dix jours.", "Quand reverrai-je mon argent ?", "dix jours"),
    ("Las devoluciones tardan tres días.", "¿Cómo pido un reembolso?", "tres días"),
    ("Kurucu: Saliha Pınar.", "Şirketi kim kurmuş?", "Saliha Pınar"),
    ("يمكن استرجاع المنتج خلال ثلاثين يوما.", "كيف أطلب إرجاع ما اشتريته؟", "ثلاثين"),
    ("退款需要三天。", "多久能退钱？", "三天"),
    ("料金は二千円です。", "値段はいくらですか", "二千円"),
    # Compounds that one side writes as several words, or within a longer one.
    ("Der Verleih von Fahrrädern ist am Hafen.", "Wo ist der Fahrradverleih?", "am Hafen"),
    ("Den Haustürschlüssel gibt es am Empfang.", "Wo bekomme ich den Schlüssel?", "am Empfang"),
    # What stands behind an apostrophe is no word.
    ("Ankara'nın şubesi Kızılay meydanındadır.", "Ankara şubesi nerede?", "Kızılay"),
    ("Das Wasser wird alle vier Wochen untersucht.", "Wie oft wird die Wasserqualität untersucht?", "vier Wochen"),
    ("Die Sauna ist dienstags für Frauen.", "Wann ist Damensauna?", "dienstags"),
    # Verbs that a sentence tears apart, and what a hyphen joins.
    ("You may collect the parcel until noon.", "When can I pick it up?", "noon"),
    ("Abholung ist bis Mittag möglich.", "Wann hole ich das Paket ab?", "Mittag"),
    ("Charities pay half.", "Do non-profits get it cheaper?", "half"),
    # Words made of one another.
    ("Storage is three euros a day.", "What does it cost to store a bike?", "three euros"),
    ("Le directeur est M. Dupont.", "Comment s'appelle la directrice ?", "Dupont"),
    ("Dosyaları on yıl saklarız.", "Dosyamı kaç yıl saklıyorsunuz?", "on yıl"),
    # A word by itself.
    ("Das Ticket hat einen Preis von neun Euro.", "Gebühr", "neun Euro"),
    # A language that is told by its letters.
    ("Baş tasarımcımız Defne Aksoy.", "Baş tasarımcının adı ne?", "Defne Aksoy"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "question", "says"), ASKED, ids=range(len(ASKED)))
def test_a_question_finds_its_passage_and_its_answer(
    agent: Agent, text: str, question: str, says: str
) -> None:
    training.add_text(agent, title="Source", text=text)
    # Beside it something else, so that there is something to choose.
    training.add_text(
        agent, title="Other", text="Bees make honey of nectar.\n\n# Weather\n\nIt rains on Mondays."
    )

    assert says in answer_to(agent, question)


@pytest.mark.parametrize("question", ["zebra", "Who painted the Mona Lisa?", "斑马", "ゼブラ", "얼룩말"])
def test_what_no_passage_speaks_of_is_not_found(agent: Agent, question: str) -> None:
    for number, (text, _, _) in enumerate(ASKED[:5]):
        training.add_text(agent, title="Source", text=f"{text} {number}")

    assert answer_to(agent, question) == FALLBACK


def test_rare_words_weigh_more_than_those_of_every_passage(agent: Agent) -> None:
    sections = [f"# Plan {n}\n\nThe plan has a price and a limit and a name." for n in range(40)]
    training.add_text(agent, title="Plans", text="\n\n".join(sections))
    training.add_text(agent, title="Refunds", text="Refunds take ten days.")

    found = index.search(
        agent.pk, "what is the name and the price and the limit of a plan for refunds"
    ).passages

    assert "Refunds take ten days." in [one.text for one in found]


def test_other_words_do_not_make_two_stored_questions_one(agent: Agent) -> None:
    training.add_qa(agent, question="How do I cancel my plan?", answer="So.")

    assert index.search(agent.pk, "How do I terminate my plan?").answer is None


# Stored questions with their answers; what is asked; the answer, and whether it is the closest only.
PAIRED = [
    ([("What's your refund policy?", "30 days.")], "What’s your refund policy?", ("30 days.", False)),
    ([("What's your refund policy?", "30 days.")], "  what's YOUR refund   policy ?!", ("30 days.", False)),
    ([("Do you support C++?", "Yes."), ("Do you support C#?", "No.")], "Do you support C#?", ("No.", False)),
    ([("Do you support C++?", "Yes.")], "Do you support C#?", (None, False)),
    ([("Do you support C++?", "Yes.")], "Do you support C?", (None, False)),
    ([("Is -5 allowed?", "No.")], "Is 5 allowed?", (None, False)),
    ([("Is -5 allowed?", "No."), ("Is 5 allowed?", "Yes.")], "is 5 allowed", ("Yes.", False)),
    ([("かきはありますか", "あります。"), ("がきはありますか", "いません。")], "がきはありますか？", ("いません。", False)),
    ([("かきはありますか", "あります。")], "がきはありますか", (None, False)),
    ([("¿Dónde está la tienda?", "Aquí.")], "dónde está la tienda", ("Aquí.", False)),
    ([("How do I bring my own key?", "So.")], "How can I bring our own keys?", ("So.", True)),
    ([("How do I bring my own key?", "So.")], "how do i brign my own key", ("So.", True)),
    ([("Wie kündige ich mein Abo?", "Per Mail.")], "wie kuendige ich das Abo", ("Per Mail.", True)),
    ([("When do you open?", "At nine.")], "Where do you open?", (None, False)),
    ([("When do you open?", "At nine.")], "When do you not open?", (None, False)),
    ([("When do you open?", "At nine.")], "When do you open on Sunday?", (None, False)),
    ([("Is the plan free?", "Yes."), ("Are plans free?", "Some.")], "is a plan free", (None, False)),
]  # fmt: skip


@pytest.mark.parametrize(("pairs", "question", "right"), PAIRED, ids=range(len(PAIRED)))
def test_stored_answers_are_given_to_their_question_and_to_no_other(
    agent: Agent, pairs: list[tuple[str, str]], question: str, right: tuple[str | None, bool]
) -> None:
    for asked, answer in pairs:
        training.add_qa(agent, question=asked, answer=answer)

    hits = index.search(agent.pk, question)

    assert (hits.answer, hits.is_closest) == right


def test_a_pair_that_is_near_is_among_what_is_found(agent: Agent) -> None:
    training.add_qa(agent, question="How do I bring my own key?", answer="Open LLM settings.")

    [found] = index.search(agent.pk, "which keys can I bring, and what do they cost?").passages

    assert (found.heading, found.text, found.source) == (
        "How do I bring my own key?",
        "Open LLM settings.",
        "Q&A",
    )


def test_a_fence_is_not_torn_by_a_comment_in_it() -> None:
    text = (
        "# Install\n\n```bash\n\n# update the index first\napt-get update\n\n# then install\napt-get install bookbag\n```"
        "\n\nAfter that, restart."
    )

    assert [one.heading for one in chunks(text)] == ["Install"]
    assert "# update the index first\napt-get update" in chunks(text)[0].text


def test_code_is_not_quoted_as_its_name_alone(agent: Agent) -> None:
    training.add_text(agent, title="Manual", text=INSTALL)

    assert answer_to(agent, "How do I install?").strip() != "bash"


def test_the_same_text_in_another_writing_is_the_same_text(agent: Agent) -> None:
    training.add_text(agent, title="One", text="Caf\u00e9 opens at eight.\r\nBring a cup.")

    with pytest.raises(training.AlreadyKnown):
        training.add_text(agent, title="Two", text="Cafe\u0301 opens at eight.\nBring a cup.   ")


def test_a_stored_question_is_taken_beside_one_that_differs_in_a_sign(agent: Agent) -> None:
    training.add_qa(agent, question="Do you support C++?", answer="Yes.")
    training.add_qa(agent, question="Do you support C#?", answer="No.")

    with pytest.raises(training.AlreadyKnown):
        training.add_qa(agent, question="do you support c#", answer="No.")


def test_rows_of_an_older_version_are_indexed_in_time(agent: Agent) -> None:
    training.add_text(agent, title="One", text="Zebras graze here.")
    pair = training.add_qa(agent, question="Why?", answer="Because.")
    agent.passages.update(searchable=None)
    agent.qa_pairs.update(searchable=None, exact=None, place=None)
    assert index.search(agent.pk, "zebra").passages == []

    assert index.fill() == 2

    assert [one.text for one in index.search(agent.pk, "zebras").passages] == ["Zebras graze here."]
    assert index.search(agent.pk, "zebbras").passages != []
    assert index.search(agent.pk, "why").answer == pair.answer
    assert index.fill() == 0
