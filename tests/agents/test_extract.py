"""What is read from a file, and what is refused: each within its limits."""

import io
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest

from agents import process_pool
from agents.knowledge import extract, html_text
from tests.agents import files

pytestmark = pytest.mark.any_database
# A worker starts in two seconds or so, and the machine may be busy.
SECONDS = 60.0


def read(name: str, content: bytes) -> dict[str, str]:
    """As a training worker has it read: by a process with limits."""
    found: dict[str, str] = process_pool.call(
        extract.read, name, b64encode(content).decode(), seconds=SECONDS
    )
    return found


def text_of(name: str, content: bytes) -> str:
    return extract._read(extract.kind_of(name) or "", content)[1]


def test_a_pdf_gives_its_paragraphs_and_the_headings_of_its_outline() -> None:
    page = "Opening hours\nThe museum opens at nine and it closes at five in the after-\nnoon on every day of the week.\nPrices"

    text = text_of("a.pdf", files.pdf([page], outline=["Opening hours", "Prices"]))

    assert text.splitlines() == [
        "## Opening hours",
        "",
        "The museum opens at nine and it closes at five in the afternoon on every day of the week.",
        "",
        "## Prices",
    ]


def test_running_heads_of_a_pdf_are_left_out() -> None:
    pages = [f"Museum guide\nThis is the text of part {word}.\nPage {n}" for n, word in enumerate("abcd")]

    text = text_of("a.pdf", files.pdf(pages))

    assert "Museum guide" not in text
    assert "Page 2" not in text
    assert "part c" in text


def test_word_gives_headings_lists_and_tables_as_markdown() -> None:
    made = files.word(
        "# Prices", "What a ticket costs.", [["Who", "Price"], ["Adult", "5"]], "- One", "- Two"
    )

    assert text_of("a.docx", made) == (
        "# Prices\n\nWhat a ticket costs.\n\n| Who | Price |\n| --- | --- |\n| Adult | 5 |\n\n- One\n- Two"
    )


@pytest.mark.parametrize(
    "content",
    [
        "Who,Price\nAdult,5",
        "Who;Price\nAdult;5",
        "Who\tPrice\r\nAdult\t5",
        '\ufeff"Who";"Price"\n"Adult";"5"',
    ],
)
def test_each_row_of_a_csv_says_what_its_cells_are(content: str) -> None:
    assert text_of("a.csv", content.encode()) == "Who: Adult; Price: 5"


@pytest.mark.parametrize(
    ("name", "text", "encoding", "is_guessed"),
    [
        ("a.txt", "Bilet altı yaşından küçük çocuklara ücretsizdir.", "cp1254", True),
        ("a.csv", "Cena;Komu\npięć;dziecku i młodzieży", "cp1250", True),
        ("a.html", "<p>Prices of the museum of Kazan (Казань) in rubles", "cp1251", True),
        ("a.html", '<meta charset="windows-1251"><p>Цена билета пять рублей', "cp1251", False),
        ("a.txt", "Öffnet um neun", "utf-8", False),
        ("a.txt", "Öffnet um neun", "utf-16", False),
        ("a.txt", "Opens at nine", "ascii", False),
    ],
)
def test_letters_that_nothing_tells_apart_are_said_to_be_read_as_western_ones(
    name: str, text: str, encoding: str, is_guessed: bool
) -> None:
    assert bool(read(name, text.encode(encoding))["note"]) == is_guessed


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_the_encodings_that_people_have(encoding: str) -> None:
    assert text_of("a.txt", "Öffnet um neun – täglich".encode(encoding)) == "Öffnet um neun – täglich"


def test_text_with_a_few_broken_bytes_keeps_its_other_letters() -> None:
    written = "Öffnet täglich für Große und für Kleine, Bücher "
    assert text_of("a.txt", written.encode() + b"\xfc.") == f"{written}\ufffd."
    assert text_of("a.txt", written.encode("cp1252")) == written.strip()


def test_a_text_may_speak_of_pdfs() -> None:
    assert text_of("a.txt", b"Each begins with %PDF-1.7.") == "Each begins with %PDF-1.7."


def test_a_page_in_a_file_is_read_in_the_letters_that_it_names() -> None:
    page = '<meta charset="windows-1251"><main><p>Цены билетов</main>'
    assert text_of("a.html", page.encode("cp1251")) == "Цены билетов"


def test_an_entity_outside_is_not_read_into_a_word_file(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("a secret")

    content = files.word_with_entities(f'<!ENTITY e SYSTEM "{outside.as_uri()}">', "Hello &e;")

    assert text_of("a.docx", content) == "Hello"


PAGE = """<!doctype html><html><head><title>Our shop | Prices</title><script>var x = "no";</script></head><body>
<nav><a href="/">Home</a> <a href="/prices">Prices</a></nav><header>Logo</header>
<main><h1>Prices</h1><p>A ticket costs <b>five</b> pounds.<br>Dogs are free.</p>
<table><tr><th>Who</th><th>Price</th></tr><tr><td>Adult</td><td>5</td></tr></table>
<ul><li>One</li><li>Two <a href="/two?a=1#x">more</a></li></ul><pre>x = 1
y = 2</pre><p hidden>Not seen</p></main><footer>Imprint <a href="https://other.example/">Other</a></footer></body></html>"""


def test_the_main_text_of_a_page_is_kept_in_its_form_and_the_rest_left_out() -> None:
    page = html_text.read(PAGE, "https://shop.example/prices")

    assert page.title == "Prices"
    assert page.text == (
        "# Prices\n\nA ticket costs five pounds.\nDogs are free.\n\n| Who | Price |\n| --- | --- |\n| Adult | 5 |\n\n"
        "- One\n- Two more\n\n```\nx = 1\ny = 2\n```"
    )
    assert page.links == [
        "https://shop.example/",
        "https://shop.example/prices",
        "https://shop.example/two?a=1",
        "https://other.example/",
    ]


def test_a_page_without_a_main_part_loses_its_menus() -> None:
    menu = "".join(f'<li><a href="/{n}">Section number {n}</a></li>' for n in range(9))

    page = html_text.read(f"<body><div><ul>{menu}</ul></div><div><p>We open at nine.</p></div></body>")

    assert page.text == "We open at nine."


# --- Refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.txt", b"", "empty"),
        ("a.txt", b" \n\t ", "no_text"),
        ("a.pdf", b"", "empty"),
        ("a.pdf", files.encrypted_pdf(), "encrypted"),
        ("a.pdf", files.scanned_pdf(), "scanned"),
        ("a.pdf", b"%PDF-1.7\nnothing of one", "damaged"),
        ("a.pdf", b"Just text.", "wrong_type"),
        ("a.txt", files.pdf(["Text."]), "wrong_type"),
        ("a.txt", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)) * 4, "wrong_type"),
        ("a.docx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "old_word"),
        ("a.docx", b"PK\x03\x04 word/ and no more", "damaged"),
        ("a.docx", b"MZ\x90\0 a program", "wrong_type"),
        ("a.csv", b'"' + b"a" * 200_000, "damaged"),
        ("a.txt", "営業時間は九時です。".encode("shift_jis"), "encoding"),
        ("a.csv", "Цена;Билет\nпять;взрослый".encode("koi8-r"), "encoding"),
        ("a.pdf", files.empty_pages(100_000), "too_many_pages"),
        ("a.txt", "Utan märke".encode("utf-16-le"), "wrong_type"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_reason(name: str, content: bytes, code: str) -> None:
    with pytest.raises(extract.FileUnreadable, match=f"^{code}$"):
        extract._read(extract.kind_of(name) or "", content)


def test_every_refusal_has_words() -> None:
    assert all(words.endswith(".") for words in extract.WHY_UNREADABLE.values())


def test_a_zip_bomb_is_not_opened() -> None:
    bomb = files.zip_bomb()

    assert len(bomb) < 1024**2
    assert read("a.docx", bomb) == {"refused": "bomb"}


def test_an_archive_of_very_many_entries_is_not_opened() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr("word/document.xml", "<x/>")
        for number in range(extract.MOST_ENTRIES):
            made.writestr(f"word/{number}", "")

    assert read("a.docx", file.getvalue()) == {"refused": "bomb"}


def test_names_that_lead_elsewhere_are_only_names() -> None:
    made = files.word_with("../../../../etc/cron.d/evil", [b"* * * * * root true"])

    assert read("../../a.docx", made)["text"] == "Text."


def test_a_pdf_bomb_is_refused() -> None:
    bomb = files.pdf_bomb()

    assert len(bomb) < 4 * 1024**2
    assert read("a.pdf", bomb) == {"refused": "bomb"}


def test_entities_that_multiply_are_not_unfolded() -> None:
    found = read("a.docx", files.billion_laughs())

    assert len(found.get("text", "")) < 1_000


def test_a_file_that_takes_all_memory_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the limits above miss meets the process's own."""
    markup = b"<p>" + b"<b>a</b>" * 2_000_000

    try:
        found = read("a.html", markup)
    except process_pool.NotDone:
        return
    assert "refused" in found or found["text"]


def test_a_page_that_nests_without_end_is_read_as_far_as_it_goes() -> None:
    assert read("a.html", b"<div>" * 100_000 + b"deep")  # an answer, whichever


def test_a_sitemap_lists_its_pages_and_its_sitemaps() -> None:
    markup = (
        '<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">'
        "<url><loc> https://a.example/ </loc></url></urlset>"
    )
    index = "<sitemapindex><sitemap><loc>https://a.example/one.xml</loc></sitemap></sitemapindex>"

    assert extract.read_sitemap(markup) == {"pages": ["https://a.example/"], "sitemaps": []}
    assert extract.read_sitemap(index) == {"pages": [], "sitemaps": ["https://a.example/one.xml"]}
    assert extract.read_sitemap("no sitemap") == {"pages": [], "sitemaps": []}


@pytest.mark.parametrize(
    ("declared", "written", "words"),
    [
        ("shift_jis", "cp932", "①営業時間は九時から"),
        ("x-sjis", "cp932", "営業時間は九時から"),
        ("gb2312", "gb18030", "朱镕基的书"),
        ("euc-kr", "cp949", "똠방각하 영업시간"),
        ("windows-874", "cp874", "เปิดเก้าโมง"),
        ("iso-8859-8-i", "iso8859-8", "פתוח מתשע"),
    ],
)
def test_page_is_read_as_browsers_read_the_encoding_that_it_names(
    declared: str, written: str, words: str
) -> None:
    assert words in extract.decoded_page(f"<main><p>{words}</main>".encode(written), declared).text


def test_one_broken_letter_does_not_make_a_page_another_encoding() -> None:
    content = ("営業時間は九時から五時まで。" * 10).encode("shift_jis") + b"\xff"

    assert extract.decoded_page(content, "shift_jis").text.startswith("営業時間")
    assert extract.decoded_page("営業時間".encode(), "shift_jis").text == "営業時間"
