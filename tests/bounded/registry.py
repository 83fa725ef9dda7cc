"""Every function of the product that takes a stranger's text, and how to call it with one.

`unregistered()` finds those that are missing here: functions with a parameter that is named as texts are.
"""

import ast
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.template import engines

from agents import markdown, suggestions
from agents.knowledge import (
    chunk,
    closeness,
    courtesy,
    entries,
    extract,
    fetch,
    folding,
    html_text,
    particles,
    prompt,
    quoting,
    terms,
    training,
    turkish,
    wanting,
)  # fmt: skip
from agents.knowledge.index import Found, Hits
from agents.reading import inline, shield
from agents.reading.inline import Place
from agents.reading.live import LiveText
from agents.running import local, watching
from agents.running.runs import Run
from agents.running.submission import Submission
from agents.templatetags import agent_tags
from agents.views import given, playground
from bookbag.operations import logs, reports
from bookbag.server import arrival, bounds
from llm import credentials, shape
from llm.providers import anthropic, base, events, openai, refusals, roster, wire
from llm.providers.twins import twin_of
from workspaces import adapter, csv_export, invitations, one_line, page_marks

ROOT = Path(__file__).resolve().parents[2]
APPS = ("agents", "billing", "bookbag", "llm", "workspaces")
QUESTION = "Which words are in it?"
# As much as an event may grow to before the stream is given up (`read_events` looks after each read).
PIECE = 16_384


def _found(question: str, passage: str, *, times: int) -> Hits:
    asked = terms.asked(question)
    found = [Found(passage[:200], passage, "Source")] * times
    return Hits(None, found, asked=asked, weights=(1.0,) * len(asked.words), known=(1,) * len(asked.words))


def _answer(passage: str) -> None:
    # Of a passage's length, which `chunk` and the reading of files bound.
    local.answer(QUESTION, _found(QUESTION, f"words {passage}", times=1), fallback="No.")


def _ask(question: str) -> None:
    local.answer(question, _found(question, "We open at nine. We close at five.", times=8), fallback="No.")


def _closeness(question: str) -> None:
    closeness.clearly_meant(question, [Found("When do you open?", "At nine.", "Q&A")])
    closeness.asks_the_same(question, question[:200])  # as long as a heading may be


def _prompt(text: str) -> None:
    found = prompt.passages_within_budget([Found(text, text, text)] * 3)
    prompt.build(
        instructions=text,
        fallback=text,
        has_knowledge=True,
        passages=found,
        history=[prompt.EarlierTurn(text, text)] * 3,
        question=text,
    )


def _live(text: str) -> None:
    """As a provider streams it, with steps that are as far apart as its pace makes them when a block grows."""
    live = LiveText("reply-1", 9)
    start = 0
    while start < len(text):
        end = start + 1_000 + start // 4
        live.add(text[start:end])
        start = end
        if live.wait() is not None:
            live.render()


def _fingerprint(text: str) -> str:
    return Submission("session", "acme", UUID(int=1), text, text).fingerprint


def _say(text: str) -> None:
    """As a provider streams it: a few letters at a time, stored in between."""
    run = Run(SimpleNamespace(reply_id=UUID(int=1)))  # type: ignore[arg-type]
    for start in range(0, len(text), 40):
        if not run._say(text[start : start + 40]):
            break
    assert run.beat() is not None or not run.pieces


def _events(text: str) -> None:
    reader = events.EventReader()
    data = text.encode("utf-8", "replace")
    for start in range(0, len(data), PIECE):
        reader.feed(data[start : start + PIECE])
        if reader.pending > events.EVENT_BYTES:
            return
    reader.close()


def _or_refuses(work: Callable[[str], object], refusal: type[Exception]) -> Callable[[str], None]:
    """`work`, which may refuse the text."""

    def run(text: str) -> None:
        with suppress(refusal):
            work(text)

    return run


def _refused(
    work: Callable[[bytes], object], refusal: type[Exception] = base.ProviderError
) -> Callable[[str], None]:
    """`work` on the text's bytes, whole, in the shapes of JSON, and nested; each may be refused."""

    def run(text: str) -> None:
        data = text.encode("utf-8", "replace")
        for one in (
            data,
            b'{"a": "' + data + b'"}',
            b"[" * len(data),
            b'{"a":' * (len(data) // 5),
            b"1" * len(data),
        ):
            with suppress(refusal):
                work(one)

    return run


def _refusal(text: str) -> None:
    """A provider's refusal, its words and names being the text."""
    error = {"message": text, "type": text, "code": text, "param": text}
    for one in roster.KEYED:
        how = twin_of(one.name).refusals
        answer = refusals.answer_of(
            how, 400, refusals.parsed(json.dumps({"type": "error", "error": error}).encode())
        )
        assert answer
        refusals.fault_of(how, answer)
        refusals.refused_parameter(answer, frozenset({"temperature", "effort"}))
        refusals.told_wait(answer)
    refusals.parsed(text.encode("utf-8", "replace"))


def _log(text: str) -> None:
    record = logging.LogRecord(
        "django.request", logging.ERROR, "x.py", 1, "%s said %s", (text, ValueError(text)), None
    )
    logs.RedactingFormatter("%(message)s").format(record)
    logs.JsonFormatter().format(record)
    logs.describe(ValueError(text))


def _headers(text: str) -> None:
    data = text.encode("utf-8", "replace")
    bounds.drop_odd_headers({"headers": [(name, data) for name in (b"cookie", b"accept", b"content-type")]})


def _page(source: str) -> Callable[[str], object]:
    template = engines["django"].from_string("{% load agent_tags %}" + source)
    return lambda text: template.render({"text": text})


def _csv(text: str) -> None:
    csv_export.lines([[text, text]])


def _key(text: str) -> None:
    credentials.sort_of(text)
    credentials.is_random(text)
    credentials.wrapping(text)
    credentials.unwrapped(text)
    for prefix in ("", "sk-", "sk-ant-", "Bearer ", "name = ", "sk_"):
        for one in roster.KEYED:
            shape.problem(prefix + text, one.name)
            shape.mask_parts(prefix + text, one.name)
        shape.may_be_secret(prefix + text)
        shape.is_wire_safe(prefix + text)
        shape.owner_of(prefix + text)
        shape.runs_replies(prefix + text)


FUNCTIONS: dict[str, Callable[[str], Any]] = {
    "agents.knowledge.chunk.chunks": chunk.chunks,
    "agents.knowledge.chunk._sections": lambda text: chunk._sections(text),
    "agents.knowledge.chunk._blocks": lambda text: list(chunk._blocks(text)),
    "agents.knowledge.chunk._title": chunk._title,
    "agents.knowledge.chunk._fence_of": chunk._fence_of,
    "agents.knowledge.chunk._is_table": chunk._is_table,
    "agents.knowledge.chunk._fit": chunk._fit,
    "agents.knowledge.extract: a text file": _or_refuses(
        lambda text: extract._read("text", text.encode()), extract.FileUnreadable
    ),
    "agents.knowledge.extract: an HTML file": _or_refuses(
        lambda text: extract._read("html", text.encode()), extract.FileUnreadable
    ),
    "agents.knowledge.extract: a CSV file": _or_refuses(
        lambda text: extract._read("csv", text.encode()), extract.FileUnreadable
    ),
    "agents.knowledge.extract: a page of a PDF": lambda text: extract._page(text, {"A title"}),
    "agents.knowledge.extract.read_sitemap": extract.read_sitemap,
    "agents.knowledge.html_text.read": lambda text: html_text.read(
        f"<main><p>{text}</p><table><tr><td>{text}</td></tr></table></main>", "https://example.org/"
    ),
    "agents.knowledge.fetch.target_of": _or_refuses(fetch.target_of, fetch.NotFetched),
    "agents.knowledge.chunk._cut_line": chunk._cut_line,
    "agents.knowledge.closeness.clearly_meant": _closeness,
    "agents.knowledge.entries.of_text": entries.of_text,
    "agents.knowledge.folding.fold": folding.fold,
    "agents.knowledge.folding.composed": folding.composed,
    "agents.knowledge.folding.accents_composed": folding.accents_composed,
    "agents.knowledge.folding.exact": folding.exact,
    "agents.knowledge.folding.fold_question": folding.fold_question,
    "agents.knowledge.terms.runs": terms.runs,
    "agents.knowledge.terms.searchable": lambda text: terms.searchable(text[:200], text),
    "agents.knowledge.terms.asked": terms.asked,
    "agents.knowledge.terms.words_of": lambda text: terms.words_of(text, ""),
    "agents.knowledge.terms._asked_for": lambda text: terms._asked_for(text, "german"),
    "agents.knowledge.terms._hyphened": lambda text: terms._hyphened(text, "french"),
    "agents.knowledge.terms.of_heading": lambda text: terms.of_heading(text[:200], text),
    "agents.knowledge.wanting.wants_number": wanting.wants_number,
    "agents.knowledge.wanting.has_number": lambda text: wanting.has_number(text, text),
    "agents.knowledge.wanting.has_count": lambda text: wanting.has_count(text, f"How many files? {text}"),
    "agents.knowledge.wanting.lacks_name": lambda text: wanting.lacks_name(text, f"Who founded it? {text}"),
    "agents.knowledge.wanting.wants_way": wanting.wants_way,
    "agents.knowledge.wanting.asks_otherwise": lambda text: wanting.asks_otherwise(text, f"Who? {text}"),
    "agents.knowledge.wanting._asking": wanting._asking,
    "agents.knowledge.particles.verbs": lambda text: [
        particles.verbs(text, one) for one in ("english", "german")
    ],
    "agents.knowledge.turkish: a noun and a verb": lambda text: (
        turkish.noun(text[:40]),
        turkish.verb(text[:40]),
    ),
    "agents.knowledge.prompt.build": _prompt,
    "agents.knowledge.prompt.with_passages": lambda text: prompt.with_passages(
        text, [Found(text, text, text)]
    ),
    "agents.knowledge.training.content_hash": training.content_hash,
    "agents.running.local.answer (question)": _ask,
    "agents.running.local.answer (passage)": _answer,
    "agents.knowledge.courtesy.reply_to": courtesy.reply_to,
    "agents.knowledge.courtesy.nearest": lambda text: courtesy.nearest("", text, text),
    "agents.knowledge.courtesy.is_topic": courtesy.is_topic,
    "agents.knowledge.courtesy._of_script": lambda text: courtesy._of_script(text, text),
    "agents.knowledge.quoting.units": quoting.units,
    "agents.knowledge.closeness._signed": closeness._signed,
    "agents.knowledge.courtesy._bare": courtesy._bare,
    "agents.knowledge.quoting._blocks": quoting._blocks,
    "agents.knowledge.quoting._plain": quoting._plain,
    "agents.knowledge.quoting._prose": lambda text: quoting._prose(text, 0),
    "agents.knowledge.quoting._table": lambda text: quoting._table(text),
    "agents.running.local.pieces": lambda text: list(local.pieces(text)),
    "agents.markdown.to_html": markdown.to_html,
    "agents.markdown.is_shown": markdown.is_shown,
    "agents.markdown.sanitised": markdown.sanitised,
    "agents.markdown.most_events": markdown.most_events,
    "agents.reading.live": _live,
    "agents.reading.shield.shielded": shield.shielded,
    "agents.reading.inline.written": lambda text: inline.written(text, Place("reply-1", 9)),
    "agents.markdown.rendered": markdown.rendered,
    "agents.markdown.as_written": markdown.as_written,
    "agents.markdown._is_nested_too_deep": markdown._is_nested_too_deep,
    "agents.markdown._in_stretches": markdown._in_stretches,
    "agents.running.submission.Submission.fingerprint": _fingerprint,
    "agents.running.runs.Run._say": _say,
    "agents.suggestions.cleaned": suggestions.cleaned,
    "agents.templatetags.agent_tags.opening": lambda text: agent_tags.opening(text, 400),
    "workspaces.page_marks.row_id": lambda text: page_marks.row_id(text, log="audit"),
    "agents.views.given.message_text": given.message_text,
    "agents.views.given.number_or_none": given.number_or_none,
    "agents.views.given.uuid_or_none": given.uuid_or_none,
    "agents.views.playground.chosen": lambda text: playground.chosen(SimpleNamespace(), text),  # type: ignore[arg-type]
    "agents.views.playground.with_text": lambda text: playground.with_text(f"/w/acme/?{text}", text),
    "agents.running.watching.frame": lambda text: watching.frame("text", 1, {"text": text}),
    "agents.running.watching.resume_point": watching.resume_point,
    "bookbag.server.arrival.address_of": arrival.address_of,
    "bookbag.server.bounds._is_odd": _headers,
    "bookbag.operations.logs.redact": logs.redact,
    "bookbag.operations.logs.RedactingFormatter and JsonFormatter": _log,
    "bookbag.operations.reports.AdminMail.format_subject": lambda text: reports.AdminMail().format_subject(
        text
    ),
    "llm.shape": _key,
    "llm.providers.events.EventReader.feed": _events,
    "llm.providers.events.parse": _refused(events.parse),
    "llm.providers.refusals.parsed": _refusal,
    "llm.providers.events.joined": lambda text: (
        events.joined(text),
        events.joined(text + "\ud83d"),
        events.joined("\ud83d" + text),
    ),
    "llm.providers.wire.listings": _refused(lambda body: wire.listings(body, openai.row_of)),
    "llm.providers.openai.text_of": _refused(
        lambda data: openai.text_of(data, base.ResponseMetadata()), Exception
    ),
    "llm.providers.anthropic.text_of": _refused(
        lambda data: anthropic.text_of(data, base.ResponseMetadata()), Exception
    ),
    "workspaces.adapter.AccountAdapter.clean_email": lambda text: adapter.AccountAdapter().clean_email(text),
    "workspaces.csv_export.formula_safe": csv_export.formula_safe,
    "workspaces.invitations.addresses_in": invitations.addresses_in,
    "workspaces.one_line.is_seen": one_line.is_seen,
    "workspaces.one_line.one_line": one_line.one_line,
    "audit and ledger as CSV": _csv,
    "a question on a page": _page("{{ text|linebreaksbr }}"),
    "a text on a page": _page("{{ text }}{{ text|opening:60 }}"),
}

# Parameters named like texts that are tested elsewhere, or that strangers cannot set.
NOT_HERE = {
    "agents.correcting.pair_for": "asks the database for agents.knowledge.folding.fold_question",
    "agents.correcting.correct": "stores what a form took: test_forms.py",
    "agents.rating.rate": "stores what a form took: test_forms.py",
    "agents.views.rating._keep": "one of two words that a form took",
    "agents.views.playground._drafted": "hands it to with_text",
    "agents.views.playground._gone": "shows what was typed as it is",
    "agents.rendering.final": "agents.markdown.to_html, here or in a worker",
    "agents.rendering._render": "agents.markdown.to_html, here or in a worker",
    "agents.rendering._keep": "stores: tests/agents/test_rendering.py",
    "agents.rendering._is_small": "asks for a length",
    **dict.fromkeys(
        [
            "llm.factor_adapter.encrypt",
            *(f"llm.factor_secrets.{name}" for name in ("seal", "unseal", "unpacked")),
        ],
        "a seed of our own making, or what stands for it in our table",
    ),
    "llm.lifecycle._word": "a part of a model's id, which is short",
    "llm.notices._send_each": "mails of our own words",
    "llm.providers.anthropic._block": "puts a text into a request",
    "llm.providers.wire.refusal": "llm.providers.refusals",
    "agents.knowledge.index.search": "asks the database: test_functions.py",
    "agents.knowledge.index._search": "asks the database: test_functions.py",
    "agents.knowledge.index._rows": "asks the database: test_functions.py",
    "agents.knowledge.finding.search": "agents.knowledge.index.search, then what an encoder makes of the question",
    "agents.knowledge.finding._nearest": "agents.knowledge.encoders.encode",
    "agents.knowledge.meaning._words_of": "joins two texts",
    "agents.knowledge.encoders.asks": "looks whether all is plain letters",
    "agents.knowledge.encoders.encode": "reads 4,000 characters at most: tests/agents/test_encoders.py",
    "agents.knowledge.encoders.packed": "reads 4,000 characters at most: tests/agents/test_encoders.py",
    "agents.knowledge.closeness.__init__": "agents.knowledge.closeness.clearly_meant",
    "agents.knowledge.closeness.asks_the_same": "agents.knowledge.closeness.clearly_meant",
    "agents.knowledge.training.add_text": "stores: test_functions.py",
    "agents.knowledge.training.replace_text": "stores, as add_text does",
    "agents.knowledge.training.add_qa": "stores: test_functions.py",
    "agents.knowledge.training.cut": "chunk.chunks, here or in a worker",
    "agents.knowledge.training._cut_aside": "chunk.chunks in a worker",
    **dict.fromkeys(
        [
            *(
                f"agents.knowledge.extract.{name}"
                for name in ("_tidy", "_delimiter", "_goes_on", "_page", "table_rows", "_is_mostly_sound")
            ),
            "agents.knowledge.html_text._plain",
        ],
        "agents.knowledge.extract, each kind of file",
    ),
    "agents.knowledge.extract._paragraph": "strips and joins a paragraph of Word, in a worker",
    "agents.knowledge.fetch.is_public": "an address that the system's resolver gave",
    "agents.sources.adding.add_text": "stores, as training.add_text does",
    "agents.sources.adding.change_text": "stores, as training.add_text does",
    **dict.fromkeys(
        [f"agents.sources.pairs.{name}" for name in ("add", "change", "_record")],
        "stores, as training.add_qa does",
    ),
    **dict.fromkeys(
        [f"agents.sources.pairs.{name}" for name in ("preview", "import_all", "_import", "_rows")],
        "agents.knowledge.extract.table_rows, then folding.fold_question for each row: test_forms.py",
    ),
    "agents.sources.website._keep": "stores what html_text.read gave",
    "agents.sources.working._swap_in": "stores what extract.read gave",
    "agents.running.local._answers": "agents.knowledge.wanting, and figures",
    "agents.running.local._suits": "agents.knowledge.wanting alone",
    "agents.running.runs._ready": "agents.running.local.pieces, at the event loop's pace",
    "agents.views.chat._read": "agents.views.given",
    **dict.fromkeys(
        [
            *(f"agents.reading.inline.{name}" for name in ("_address", "_is_index", "_marks", "_plain")),
            *(f"agents.reading.writer.{name}" for name in ("_code", "_raw", "_text")),
            *(f"agents.reading.live.{name}" for name in ("_blocks", "_give_up", "add")),
            *(f"agents.reading.shield.{name}" for name in ("_begin_of_maths", "_maths", "_may_open")),
            *(
                f"agents.reading.shield.{name}"
                for name in ("_shield_emphasis", "_shield_maths", "as_written")
            ),
        ],
        "agents.markdown.to_html and agents.reading.live",
    ),
    "agents.markdown._keep_attribute": "one attribute, called by the sanitiser",
    "workspaces.csv_export.write": "keeps a piece of a CSV",
    "bookbag.management.commands.move_database._say": "prints our own words",
    "bookbag.management.commands.quickstart._import": "the deployment's own setting",
    "bookbag.pages.llm_settings_urls.to_python": "a part of a path, which is short: test_patterns.py",
    "bookbag.pages.llm_settings_urls.to_url": "a part of a path of our own",
    "bookbag.server.connections.data_received": "hands on what the parser reads, which stops at a head's length",
    "bookbag.server.connections.on_header": "one header of a head that is not too long",
    **dict.fromkeys(
        [f"workspaces.inbox.{name}" for name in ("note", "tell", "_mail")],
        "notices in our own words, with names and addresses that forms took",
    ),
    "workspaces.devices.known_for": "an address that a form took: test_forms.py",
    "workspaces.sign_in_limits._counts": "an address that a form took: test_forms.py",
    "workspaces.sign_in_limits.__init__": "an address that a form took: test_forms.py",
    "llm.credentials.sort_of": "llm.shape",
    "llm.credentials.is_random": "llm.shape",
    "llm.credentials.wrapping": "llm.shape",
    "llm.credentials.unwrapped": "llm.shape",
    "llm.shape._is_secret": "llm.shape",
    "llm.shape.runs_replies": "llm.shape",
    "llm.shape.owner_of": "llm.shape",
    "llm.shape.may_be_secret": "llm.shape",
    "llm.shape.is_wire_safe": "llm.shape",
    "llm.shape.problem": "llm.shape",
    "llm.shape.mask_parts": "llm.shape",
    "bookbag.server.arrival.origin_of": "reads 400 characters at most",
    "workspaces.models.create_user": "an address and a password that a form took: test_forms.py",
    "workspaces.models.create_superuser": "typed by an operator on the machine",
    "workspaces.adapter.send_mail": "an address that a form took",
}
# Modules whose texts come from the deployment or from us.
OURS = {
    "bookbag.settings", "bookbag.configuration.environment", "bookbag.configuration.dotenv", "bookbag.pages.help",
    "workspaces.database_guards", "workspaces.notices",
}  # fmt: skip
TEXT_NAMES = {
    "text", "question", "answer", "line", "paragraph", "piece", "part", "cell", "html", "value", "passage",
    "last_event_id", "email", "data", "body", "chunk", "markdown", "source", "subject",
}  # fmt: skip
TEXT_TYPES = {"str", "bytes", "str | None", "str | bytes"}


def text_takers() -> Iterator[str]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            if ".migrations." not in module and module not in OURS:
                yield from (f"{module}.{name}" for name in _takers(path))


def _takers(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            if any(
                one.arg in TEXT_NAMES and one.annotation and ast.unparse(one.annotation) in TEXT_TYPES
                for one in given
            ):
                yield node.name


def unregistered() -> list[str]:
    known = {_bare(name) for name in FUNCTIONS} | NOT_HERE.keys()
    return [name for name in text_takers() if name not in known]


def _bare(name: str) -> str:
    """ "agents.running.runs.Run._say" and "agents.running.local.answer (question)" as `text_takers` writes them."""
    parts = name.partition(" (")[0].split(".")
    return ".".join(part for part in parts if not part[:1].isupper())
