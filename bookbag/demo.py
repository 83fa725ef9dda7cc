"""The demo data: two workspaces, one person for every role, and agents that answer from the help pages."""

import secrets
from dataclasses import dataclass

from allauth.account.models import EmailAddress
from django.db import transaction

from agents import building
from agents.knowledge import training
from agents.models import Agent
from bookbag import onboarding
from bookbag.pages import help
from llm import keys, lifecycle, listing, outlook
from llm.models import ChatModel, Provider
from llm.providers import roster as providers
from llm.vault import Secret
from workspaces import audit
from workspaces.models import Membership, Role, User, Workspace


@dataclass(frozen=True)
class Person:
    """A demo person. Without a workspace: the operator of the platform."""

    email: str
    name: str
    workspace: str
    role: Role | None

    @property
    def does(self) -> str:
        return f"{self.role.label.lower()} of {self.workspace}" if self.role else "operator of the platform"


OLIVIA = Person("olivia@acme.test", "Olivia", "acme", Role.OWNER)
ADAM = Person("adam@acme.test", "Adam", "acme", Role.ADMIN)
EDITH = Person("edith@acme.test", "Edith", "acme", Role.EDITOR)
VICTOR = Person("victor@acme.test", "Victor", "acme", Role.VIEWER)
GINA = Person("gina@globex.test", "Gina", "globex", Role.OWNER)
OSCAR = Person("oscar@bookbag.test", "Oscar", "", None)
CAST = (OLIVIA, ADAM, EDITH, VICTOR, GINA, OSCAR)

# A plan with room for these people and agents; the default plan has room for one of each.
ACME_PLAN = "pro"
AGENT_NAME = "Bookbag Guide"
INSTRUCTIONS = (
    "You explain Bookbag to the people who use it. Answer in a few plain sentences, from the sources alone, "
    "and say which page of Bookbag to open when there is one."
)
QA_PAIRS = (
    (
        "What can you do?",
        "I answer questions about Bookbag from its help pages: provider keys, credits, chat models, agents and "
        "sources, members and roles.",
    ),
    (
        "Does talking to you cost anything?",
        "No. I run on Bookbag Local, which is built in, needs no key and is never charged.",
    ),
    (
        "How do I bring my own key?",
        f"As an admin, open LLM settings, paste your {providers.labels('or')} key, switch on “Bring your own keys”, and "
        "send a test message in the playground.",
    ),
    (
        "Who may add a key?",
        "Admins and owners of the workspace, in LLM settings. Editors and viewers see only whether an agent can reply.",
    ),
    (
        "What happens when I delete my key?",
        "It is wiped at once and cannot be restored. While BYO is on, the agents that need it cannot reply until another key "
        "is saved; before you confirm, the page tells you which agents those are.",
    ),
    (
        "Does talking to GPT or Claude cost anything?",
        "Yes. On Bookbag's keys each reply costs its model's flat price in credits, which stands beside Send. On your own "
        "key it costs no credits, and your provider bills you.",
    ),
    (
        "Do we pay for replies on our own key?",
        "Not in credits: your provider bills your own account for them, at its own rates.",
    ),
    (
        "How do I top up credits?",
        "Credits come with the plan, every month. For more, ask the operators of this site, or bring your own key: replies on "
        "it cost no credits. Bookbag Local is free.",
    ),
    (
        "Why are my credits gone?",
        "The credits page tells: it lists every reply that was charged, with its receipt, and what expired at the end of "
        "its month.",
    ),
    (
        "Which model is best?",
        "That depends on what you ask. In the playground, choose Compare chat models and send one message to two to four of "
        "them: you see each answer, its price, who pays and how long it took.",
    ),
    (
        "How do I delete my account?",
        "Open your account from the menu with your name, and choose to delete it at the end of the page. A workspace "
        "that has no other owner has to be passed on or deleted first.",
    ),
)
# In the form of a key, to be sealed and masked; no account accepts it.
GINAS_SECRET = "sk-this-is-a-made-up-key-of-the-demo-and-opens-nothing-DEMO"  # noqa: S105
# Without letters and digits that look alike.
PASSWORD_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105


def new_password() -> str:
    """A random password of about 59 bits, in three groups that can be read aloud."""
    groups = ("".join(secrets.choice(PASSWORD_LETTERS) for _ in range(4)) for _ in range(3))
    return "-".join(groups)


def prepare(given: str) -> tuple[bool, str]:
    """Make the demo people if they do not exist, and set their password if one is `given`.

    Returns whether they were made, and a phrase that says which password to sign in with.
    """
    if not is_seeded():
        password = given or new_password()
        seed(password)
        return True, f"the password {password}" + ("" if given else "   (shown this once)")
    if given:
        set_password(given)
        return False, "the password of DEMO_PASSWORD"
    return False, "the password shown when they were made (DEMO_PASSWORD=… make run sets a new one)"


def roster() -> str:
    """The demo people as lines of text, with their roles."""
    return "\n".join(f"    {person.email:<22} {person.does}" for person in CAST)


def is_seeded() -> bool:
    """Whether any demo data exists, even changed or partly deleted; then nothing is made again."""
    emails = [person.email for person in CAST]
    return (
        Workspace.objects.filter(slug__in=["acme", "globex"]).exists()
        or User.objects.filter(email__in=emails).exists()
    )


@transaction.atomic
def seed(password: str) -> None:
    """Make all demo data, with `password` for everyone, in one transaction."""
    people = {person: _make_user(person, password) for person in CAST}
    acme = onboarding.create_workspace(name="Acme", slug="acme", owner=people[OLIVIA], plan=ACME_PLAN)
    for person in (ADAM, EDITH, VICTOR):
        if person.role:
            _join(acme, people[person], person.role, by=people[OLIVIA])
    make_guide(acme)
    for provider in providers.KEYED:
        make_provider_guide(acme, provider)
    globex = onboarding.create_workspace(name="Globex", slug="globex", owner=people[GINA])
    keys.replace(globex, provider=Provider.OPENAI, secret=Secret(GINAS_SECRET), by=people[GINA])


def set_password(password: str) -> None:
    """Set the password of all demo people. A person whose password changes is signed out."""
    for user in User.objects.filter(email__in=[person.email for person in CAST]):
        if not user.check_password(password):
            user.set_password(password)
            user.save(update_fields=["password"])


def make_guide(workspace: Workspace) -> Agent:
    """Make an agent on Bookbag Local, trained on the help pages and a few Q&A pairs."""
    local = ChatModel.objects.get(workspace=None, provider=Provider.LOCAL)
    agent = _make_agent(workspace, AGENT_NAME, local)
    for question, answer in QA_PAIRS:
        training.add_qa(agent, question=question, answer=answer)
    return agent


def make_provider_guide(workspace: Workspace, provider: providers.KeyedProvider) -> Agent | None:
    """Make the same on a current chat model of `provider`, for trying a key; None if the catalogue has none."""
    chat_model = _current_model(provider.name)
    return _make_agent(workspace, f"{AGENT_NAME} on {provider.label}", chat_model) if chat_model else None


def _current_model(provider: str) -> ChatModel | None:
    """The first chat model of the catalogue that is offered and does not leave soon."""
    today = outlook.today()
    rows = ChatModel.objects.filter(workspace=None, provider=provider)
    usable = (
        row
        for row in rows
        if row.is_available and not lifecycle.is_leaving(listing.profile_of(row, None), today)
    )
    return next(usable, None)


def _make_agent(workspace: Workspace, name: str, chat_model: ChatModel) -> Agent:
    agent = building.create(
        Agent(workspace=workspace, name=name, instructions=INSTRUCTIONS, chat_model=chat_model)
    )
    for page in help.PAGES.values():
        training.add_text(agent, title=page.title, text=page.training_text)
    return agent


def _make_user(person: Person, password: str) -> User:
    is_operator = person.role is None
    user = User.objects.create_user(
        person.email, password, name=person.name, is_staff=is_operator, is_superuser=is_operator
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def _join(workspace: Workspace, user: User, role: Role, *, by: User) -> None:
    Membership.objects.create(workspace=workspace, user=user, role=role)
    audit.record(workspace, "member.added", actor=by, member=user.email, role=role)
