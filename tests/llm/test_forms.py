"""What may be pasted as a provider key, and what the page says when it may not."""

import pytest
from django.template import Context, Template

from llm.forms import CustomModelForm, PlatformKeyForm, ProviderKeyForm
from llm.providers import roster
from llm.vault import Secret

BODY = "Zk3QpL8vXw2NrT6yBmH9cJ4d"
GOOD = {one.name: one.new_key_prefix + BODY for one in roster.KEYED}
PAGE = Template(
    "{{ form }}{{ form.errors }}{{ form.secret.errors }}{{ form.non_field_errors }}{{ form.as_p }}"
)


def submit(provider: str, text: str) -> ProviderKeyForm:
    return ProviderKeyForm({"secret": text}, provider=provider)


@pytest.mark.parametrize("provider", GOOD)
@pytest.mark.parametrize("around", ["{}", "  {} ", "\n{}\r\n", "\t{}", "\u00a0{}\u2003"])
def test_a_key_is_accepted_with_blanks_around_it(provider, around):
    form = submit(provider, around.format(GOOD[provider]))
    assert form.is_valid()
    assert form.cleaned_data["secret"].reveal() == GOOD[provider]


def test_a_cleaned_key_is_a_secret():
    form = submit("openai", GOOD["openai"])
    form.is_valid()
    assert type(form.cleaned_data["secret"]) is Secret


BAD = {
    "empty": "",
    "blank": "  \t ",
    "blank inside": f"sk-proj-{BODY} {BODY}",
    "CRLF and a header": f"sk-proj-{BODY}\r\nX-Evil: 1",
    "newline inside": f"sk-proj-{BODY}\n{BODY}",
    "tab inside": f"sk-proj-{BODY}\t{BODY}",
    "NUL": f"sk-proj-{BODY}\0",
    "escape": f"sk-proj-\x1b[31m{BODY}",
    "DEL": f"sk-proj-{BODY}\x7f{BODY}",
    "emoji": f"sk-proj-{BODY}🔑",
    "zero-width space": f"sk-proj-{BODY}\u200b{BODY}",
    "zero-width space at the end": f"sk-proj-{BODY}\u200b",
    "byte order mark": f"\ufeffsk-proj-{BODY}",
    "no-break space inside": f"sk-proj-{BODY}\u00a0{BODY}",
    "right-to-left mark": f"sk-proj-\u202e{BODY}",
    "accented": f"sk-proj-é{BODY}",
    "full-width": f"ｓｋ-{BODY}",
    "non-breaking hyphen": f"sk\u2011proj\u2011{BODY}",
    "surrogate": f"sk-proj-{BODY}\ud800",
    "wrong prefix": f"pk-{BODY}{BODY}",
    "upper-case prefix": f"SK-{BODY}",
    "GitHub's": f"ghp_{BODY}",
    "with Bearer": f"Bearer sk-proj-{BODY}",
    "with its variable's name": f"OPENAI_API_KEY=sk-proj-{BODY}",
    "in quotes": f'"sk-proj-{BODY}"',
    "address": f"https://example.test/?token=sk-proj-{BODY}",
    "address that begins like a key": f"sk-proj-{BODY}://example.test",
    "short": "sk-proj-Zk3QpL8vXw2",
    "prefix alone": "sk-",
    "513 characters": "sk-" + "Zk3QpL8vXw" * 51,
    "10 kB": "sk-" + "Zk3QpL8vXw" * 1024,
    "our mask": "sk-…Zk3Q",
    "our mask of Anthropic": "sk-ant-…Zk3Q",
    "dots of a password field": "••••••••••••••••••••••••Zk3QpL8v",
    "their mask": f"sk-proj-********************{BODY[:4]}",
}


@pytest.mark.parametrize("provider", GOOD)
@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_anything_else_is_refused_and_never_shown_again(provider, text):
    form = submit(provider, text)
    assert not form.is_valid()
    page = PAGE.render(Context({"form": form}))
    secret_part = text.replace("sk-", "").replace("proj-", "").replace("ant-", "").strip()
    assert [piece for piece in _slices(secret_part) if piece in page] == []
    assert 'value="' not in page.replace('value="on"', "")


def _slices(text: str, size: int = 6) -> list[str]:
    # Words that the page has of its own say nothing.
    return [
        piece for i in range(len(text) - size + 1) if (piece := text[i : i + size]) and _is_telling(piece)
    ]


def _is_telling(piece: str) -> bool:
    return any(piece in BODY or BODY[i : i + 4] in piece for i in range(len(BODY) - 4)) and len(
        piece.strip()
    ) == len(piece)


@pytest.mark.parametrize(
    ("provider", "text", "words"),
    [
        ("openai", GOOD["anthropic"], "Paste it into the Anthropic card."),
        ("anthropic", GOOD["openai"], "Paste it into the OpenAI card."),
        ("openai", "sk-…Zk3Q", "This is a mask, not the key itself."),
        ("anthropic", "sk-ant-…Zk3Q", "This is a mask, not the key itself."),
        ("openai", f"https://example.test/{BODY}", "it is a web address."),
        ("openai", f"sk-proj-{BODY}\u200b", "it has blanks, line breaks or characters that no key has."),
        ("anthropic", f"pk-{BODY}", "This does not look like an Anthropic key: one begins with sk-ant-."),
        ("openai", "sk-" + "a" * 5000, "one has between 20 and 512 characters."),
        ("openai", "", "Paste a key first."),
    ],
)
def test_the_refusal_says_what_to_do(provider, text, words):
    assert words in submit(provider, text).errors["secret"][0]


def test_the_field_asks_browsers_to_keep_nothing():
    html = str(ProviderKeyForm(provider="openai")["secret"])
    assert 'type="password"' in html
    assert 'autocomplete="off"' in html


@pytest.mark.parametrize("text", [GOOD["openai"], "sk-…Zk3Q"], ids=["accepted", "refused"])
def test_form_forgets_the_secret_once_it_is_read(text):
    form = submit("openai", text)
    form.full_clean()
    assert form.data["secret"] == ""


def test_form_of_operators_forgets_the_secret_once_it_is_read():
    form = PlatformKeyForm({"provider": "nobody's", "secret": GOOD["openai"]})
    assert not form.is_valid()
    assert form.data["secret"] == ""
    assert "secret" not in form.cleaned_data or type(form.cleaned_data["secret"]) is Secret


@pytest.mark.parametrize("field", ["model_id", "name"])
@pytest.mark.parametrize("text", [GOOD["openai"], GOOD["anthropic"], f"sk-{BODY}%{BODY}", "sk-" + BODY * 5])
def test_key_pasted_in_the_place_of_a_model_is_neither_taken_nor_shown_again(field, text):
    form = CustomModelForm({"provider": "openai", "model_id": "gpt-4.1", "name": "", field: text})
    assert not form.is_valid()
    assert "This looks like a provider key" in form.errors[field][-1]
    assert BODY not in PAGE.render(Context({"form": form}))
