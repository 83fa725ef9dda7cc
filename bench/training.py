"""How training on 100 MB of text affects a server meanwhile: its memory, and how quickly it serves pages.

The files are uploaded through the form, as many in one request as it takes, to a `serve` with a training worker beside
it; all of them may use every core, as on any machine. Then a PDF of 500 pages is uploaded to the idle server.
"""

import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from statistics import median, quantiles

import httpx
import psutil

from bench import targets
from bench.answers import corpus
from bench.report import Table, number
from bench.seeding import Seat
from bench.stage import REPLY, Stage
from tests.agents.files import pdf

MEGABYTE = 1_000_000
# A file stays below the four million characters of one source, and a request below the 40 MiB that the form takes.
FILE_MEGABYTES, FILES_AT_ONCE = 3.5, 10
MEGABYTES, QUICK_MEGABYTES = 100, 7
PDF_PAGES, LINES = 500, 40
# Pages that are opened one after the other; a second after the last, it begins again.
PAUSE_SECONDS = 1.0
BEFORE_SECONDS = 15.0
MOST_SECONDS = 40 * 60.0
SEED = 20261126


@dataclass
class Seen:
    """Of one stretch: megabytes of the process that serves pages (USS), and milliseconds of each page."""

    memory: list[float] = field(default_factory=list)
    pages: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


class Visitor:
    """A member who uploads to an agent and looks at its pages, on a server with a database of its own."""

    def __init__(self, stage: Stage, database: str) -> None:
        stage.postgres.create(database, template="seeded")
        self.seat: Seat = stage.seats[0]
        with stage.postgres.connect(database) as connection:
            connection.execute(
                "UPDATE billing_account SET plan_id = (SELECT id FROM billing_plan WHERE slug = 'enterprise')"
                " WHERE id = %s",
                [self.seat.account],
            )
        self.server = stage.bookbag(database, TRAIN_WORKERS="1")
        self.process = psutil.Process(self.server.pid)
        for one in (self.process, *self.process.children(recursive=True)):
            one.cpu_affinity(list(stage.cores.under_test | stage.cores.rest) or one.cpu_affinity())
        self.agent = f"/w/{self.seat.slug}/agents/{self.seat.agents[REPLY][0]}/"
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.server.port}",
            headers={
                "Cookie": f"session={self.seat.session}; csrftoken={targets.CSRF}",
                "X-CSRFToken": targets.CSRF,
            },
            trust_env=False,
            timeout=120,
        )
        self._states = lambda: _states(stage, database, self.seat.agents[REPLY][0])

    def upload(self, files: Sequence[tuple[str, bytes]]) -> float:
        """Send the form of the page; returns the seconds until it answered."""
        began = time.perf_counter()
        answer = self.client.post(f"{self.agent}sources/files/", files=[("files", one) for one in files])
        if answer.status_code != 302:
            raise RuntimeError(f"the form answered {answer.status_code} to {len(files)} files")
        return time.perf_counter() - began

    def look(self, seen: Seen) -> None:
        """Open each page once, and weigh the process that served them."""
        for name, path in (
            ("the agent's page, with its sources", self.agent),
            ("list of agents", f"/w/{self.seat.slug}/agents/"),
            ("credits", f"/w/{self.seat.slug}/credits/"),
        ):
            began = time.perf_counter()
            self.client.get(path).raise_for_status()
            seen.pages[name].append((time.perf_counter() - began) * 1000)
        seen.memory.append(self.process.memory_full_info().uss / MEGABYTE)

    def look_until(self, is_over: Callable[[], bool], seen: Seen) -> float:
        """Look at the pages until training is over; returns the seconds that it took."""
        began = time.monotonic()
        while not is_over():
            if time.monotonic() - began > MOST_SECONDS:
                raise RuntimeError(f"not over after {MOST_SECONDS:.0f} seconds: {self._states()}")
            self.look(seen)
            time.sleep(PAUSE_SECONDS)
        return time.monotonic() - began

    def is_trained(self) -> bool:
        """Whether nothing waits any more; raises when a source could not be trained."""
        states = self._states()
        if set(states) - {"queued", "training", "ready"}:
            raise RuntimeError(f"not all could be trained: {states}")
        return set(states) == {"ready"}


def measure(stage: Stage) -> list[Table]:
    stage.manage("collectstatic", "--noinput", "--verbosity", "0")
    visitor = Visitor(stage, "training")
    before, meanwhile, after = Seen(), Seen(), Seen()
    # The first files are not counted: after them the process has taken what it takes only once.
    visitor.upload(list(_files(1)))
    visitor.look_until(visitor.is_trained, Seen())
    _look_for(visitor, BEFORE_SECONDS, before)
    megabytes = QUICK_MEGABYTES if stage.quick else MEGABYTES
    waiting = list(_files(round(megabytes / FILE_MEGABYTES), first=1))
    size = sum(len(content) for _, content in waiting) / MEGABYTE
    began, uploads = time.monotonic(), []
    while waiting:
        uploads.append(visitor.upload(waiting[:FILES_AT_ONCE]))
        waiting = waiting[FILES_AT_ONCE:]
        visitor.look(meanwhile)
    visitor.look_until(visitor.is_trained, meanwhile)
    seconds = time.monotonic() - began
    _look_for(visitor, BEFORE_SECONDS, after)
    visitor.upload([("book.pdf", _pdf())])
    of_the_pdf = visitor.look_until(visitor.is_trained, Seen())
    tables = [_pages(before, meanwhile, after, size), _memory(before, meanwhile, after)]
    tables[1].notes.append(
        f"{size:.0f} MB in {len(uploads)} uploads of {max(uploads):.1f} s at most, trained after {seconds:.0f} s: "
        f"{size / seconds:.2f} MB a second. A PDF of {PDF_PAGES} pages: {of_the_pdf:.1f} s."
    )
    tables[1].data = {"seconds": seconds, "megabytes": size, "uploads": uploads, "pdf_seconds": of_the_pdf}
    return tables


def _look_for(visitor: Visitor, seconds: float, seen: Seen) -> None:
    until = time.monotonic() + seconds
    visitor.look_until(lambda: time.monotonic() >= until, seen)


def _pages(before: Seen, meanwhile: Seen, after: Seen, size: float) -> Table:
    table = Table(
        f"Pages while {size:.0f} MB of text are uploaded and trained (ms)",
        [
            "",
            "before: median",
            "meanwhile: median",
            "÷",
            "meanwhile: 95 % within",
            "slowest",
            "after: median",
        ],
    )
    for name, idle in before.pages.items():
        busy, later = meanwhile.pages[name], after.pages[name]
        most = quantiles(busy, n=20)[-1] if len(busy) > 1 else busy[0]
        row = [median(idle), median(busy), median(busy) / median(idle), most, max(busy), median(later)]
        table.rows.append([name, *map(number, row)])
        table.data[name] = {"before": idle, "meanwhile": busy, "after": later}
    return table


def _memory(before: Seen, meanwhile: Seen, after: Seen) -> Table:
    table = Table(
        "Memory of the process that serves pages meanwhile, USS (MB)",
        ["", "before", "meanwhile: most", "more", "after"],
    )
    idle, most = median(before.memory), max(meanwhile.memory)
    table.rows.append(["serve", *map(number, (idle, most, most - idle, after.memory[-1]))])
    return table


def _states(stage: Stage, database: str, agent_id: str) -> dict[str, int]:
    with stage.postgres.connect(database) as connection:
        rows = connection.execute(
            "SELECT state, COUNT(*) FROM agents_source WHERE agent_id = %s GROUP BY state", [agent_id]
        ).fetchall()
    return {str(state): int(str(many)) for state, many in rows}


# --- What is uploaded ------------------------------------------------------------------------------


def _files(many: int, first: int = 0) -> Iterator[tuple[str, bytes]]:
    """`many` files of sentences under headings, no two alike, numbered from `first`."""
    for file in range(first, first + many):
        chance = random.Random(SEED + file)  # the same in each run
        sentences = [_sentence(chance) for _ in range(2_000)]
        said, size = [f"# File {file}\n"], 0
        while size < FILE_MEGABYTES * MEGABYTE:
            said.append(" ".join(chance.choices(sentences, k=8)))
            size += len(said[-1]) + 2
            if len(said) % 20 == 0:
                said.append(f"## Part {len(said)}")
        yield f"file-{file}.md", "\n\n".join(said).encode()


def _sentence(chance: random.Random) -> str:
    words = [chance.choice(WORDS) for _ in range(chance.randint(8, 20))]
    return f"{' '.join(words).capitalize()}."


def _vocabulary() -> list[str]:
    """English words of the evaluation texts, and made-up ones in place of the names of a real text."""
    chance = random.Random(SEED)
    documents, _ = corpus.load()
    english = " ".join(one.text for one in documents if one.language == "en")
    known = {word for word in english.split() if word.isalpha()}
    made_up = ["".join(chance.choices("abdegiklmnoprstuv", k=chance.randint(4, 10))) for _ in range(3_000)]
    # Common words occur far more often in a text than the others.
    return [*sorted(known) * 6, *made_up]


WORDS = _vocabulary()


def _pdf() -> bytes:
    chance = random.Random(SEED)
    return pdf("\n".join(_sentence(chance)[:90] for _ in range(LINES)) for _ in range(PDF_PAGES))
