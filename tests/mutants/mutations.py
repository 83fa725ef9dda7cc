"""The faults that the tests must find, each with what it would do to people and the tests that should notice.

Add one when a fault was found by hand that no test had noticed. `old` must occur exactly once in its file
(tests/test_mutants.py holds that), so take as much of the code as that needs.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutation:
    """`old`, which is in the file `path` exactly once, becomes `new`; `tests` are files, or file::function."""

    path: str
    old: str
    new: str
    harm: str
    tests: tuple[str, ...]


LEDGER = ("tests/billing/test_ledger.py",)
GUARDS = ("tests/billing/test_guards.py",)
RUNS = ("tests/agents/test_runs.py",)
COSTS = ("tests/llm/test_costs.py",)
SENDERS = ("tests/agents/test_senders.py",)
SWEEPER = ("tests/agents/test_sweeper.py",)
ROUTING = ("tests/llm/test_routing.py",)
VAULT = ("tests/llm/test_vault.py",)
STORIES = ("tests/billing/test_stories.py",)

MUTATIONS = (
    # --- Who sends: agents/running/admission.py -----------------------------------------------
    Mutation(
        "agents/running/admission.py",
        '"unexpired": "s.expire_date > {now}"',
        '"unexpired": "s.expire_date IS NOT NULL"',
        "an expired session still sends and reads",
        RUNS,
    ),
    Mutation(
        "agents/running/admission.py",
        "if not row.is_active or not any(",
        "if not any(",
        "a disabled person still sends",
        SENDERS,
    ),
    Mutation(
        "agents/running/admission.py",
        "any(constant_time_compare(claimed, known) for known in hashes)",
        "claimed",
        "a session outlives the password it was opened with",
        SENDERS,
    ),
    Mutation(
        "agents/running/admission.py",
        "    if not Role(row.role).at_least(needs):\n        raise RoleTooSmall\n",
        "",
        "a viewer spends credits",
        SENDERS,
    ),
    Mutation(
        "agents/running/admission.py",
        "a.id = %(agent_id)s AND a.workspace_id = w.id",
        "a.id = %(agent_id)s",
        "a neighbour's agent answers",
        SENDERS,
    ),
    Mutation(
        "agents/running/admission.py",
        "COALESCE(%(chat_model_id)s, v.tried_model_id, a.chat_model_id)",
        "COALESCE(%(chat_model_id)s, a.chat_model_id, v.tried_model_id)",
        "the page tells a tried model's price, and the agent's own model runs and is charged",
        ("tests/agents/test_trying.py",),
    ),
    Mutation(
        "agents/running/admission.py",
        "\n  AND (c.workspace_id IS NULL OR c.workspace_id = w.id)",
        "",
        "a neighbour's custom model can be named",
        ("tests/agents/test_trying.py",),
    ),
    Mutation(
        "agents/running/submission.py",
        "            content.append(str(self.chat_model_id))",
        "            pass",
        "a used idempotency key sends the message to another chat model",
        ("tests/agents/test_trying.py",),
    ),
    Mutation(
        "agents/running/admission.py",
        "r.id = %(reply_id)s AND r.workspace_id = w.id",
        "r.id = %(reply_id)s",
        "a neighbour reads and stops another workspace's reply",
        ("tests/agents/test_stopping.py::test_only_the_one_who_asked_or_an_admin_may_stop",),
    ),
    Mutation(
        "agents/running/admission.py",
        '"input_price": "c.input_price",\n    "output_price": "c.output_price",',
        '"input_price": "c.output_price",\n    "output_price": "c.input_price",',
        "list prices of input and output are swapped",
        ("tests/cases/test_answers.py::test_cached_input_is_priced_at_its_own_rate",),
    ),
    Mutation(
        "agents/running/admission.py",
        "pk.state = {_IN_USE} AND pk.workspace_id IS NULL",
        "pk.state = {_IN_USE}",
        "any workspace's key runs replies on credits",
        ("tests/agents/test_which_key_opens.py",),
    ),
    # --- Accepting: agents/running/accepting.py, planning.py, storing.py -----------------------
    Mutation(
        "agents/running/storing.py",
        "if row.fingerprint != send.fingerprint:",
        "if not row.fingerprint:",
        "another message under a used idempotency key is answered with the old reply",
        ("tests/agents/test_idempotency.py",),
    ),
    Mutation(
        "agents/running/accepting.py",
        "if price <= admitted.available and not (price and admitted.ledger_event_due):",
        "if price <= admitted.available:",
        "credits that have expired are spent",
        ("tests/agents/test_spending.py",),
    ),
    Mutation(
        "agents/running/planning.py",
        "WHERE c.id = %(conversation_id)s AND c.agent_id = %(agent_id)s AND",
        "WHERE c.id = %(conversation_id)s AND",
        "another agent's conversation goes into the prompt",
        SENDERS,
    ),
    Mutation(
        "agents/running/accepting.py",
        "and admitted.recent_replies >= settings.REPLIES_PER_MINUTE:",
        "and admitted.recent_replies > settings.REPLIES_PER_MINUTE:",
        "one reply a minute more than allowed",
        (
            "tests/agents/test_sending.py::test_too_many_messages_within_a_minute_are_refused_with_a_time_to_wait",
        ),
    ),
    # --- Running: agents/running/runs.py ------------------------------------------------------
    Mutation(
        "agents/running/runs.py",
        "settings.LEASE_SECONDS / 3",
        "settings.LEASE_SECONDS * 3",
        "a lease is renewed long after it is over",
        RUNS,
    ),
    Mutation(
        "agents/running/runs.py",
        "if self._reading and self.task:",
        "if self.task:",
        "an interruption ends a settle, and what was read is lost",
        RUNS,
    ),
    Mutation(
        "agents/running/runs.py",
        '(Cause.STOPPED, "") if self._stopping else (Cause.OUR_FAULT, OurFault.INTERRUPTED)',
        '(Cause.STOPPED, "")',
        "a shutdown is taken for a Stop, and charged",
        RUNS,
    ),
    Mutation(
        "agents/running/watching.py",
        '"charged": reply.charged,',
        '"charged": reply.price,',
        "the end of a reply tells its price as charged",
        RUNS,
    ),
    # --- The end of a reply -------------------------------------------------------------------
    Mutation(
        "agents/running/outcomes.py",
        "Outcome(State.STOPPED, Ending.STOPPED, capture=has_text)",
        "Outcome(State.STOPPED, Ending.STOPPED, capture=True)",
        "a reply stopped before any text is charged",
        ("tests/agents/test_outcomes.py",),
    ),
    Mutation(
        "agents/running/settlement.py",
        "price = accepted.route.price if result.outcome.capture else 0",
        "price = accepted.route.price",
        "a failed reply is said to be charged",
        (*SWEEPER, *RUNS),
    ),
    Mutation(
        "agents/running/settlement.py",
        "if price and not resolved and not _was_captured(cursor, accepted, accepted.hold_id):",
        "if False:",
        "a reply that lost its hold is stored as charged",
        SWEEPER,
    ),
    Mutation(
        "agents/running/settlement.py",
        "resolve = _capture if result.outcome.capture else _release",
        "resolve = _release",
        "replies are stored as charged, and no credits move",
        SWEEPER,
    ),
    Mutation(
        "agents/running/settlement.py",
        "if price and not resolved and not _was_captured(cursor, accepted, accepted.hold_id):",
        "if price and not resolved:",
        "a settle that is repeated tells a charged reply as free",
        SWEEPER,
    ),
    Mutation(
        "agents/running/sweeper.py",
        "lapsed = Q(renewed_at__lt=Now() - timedelta(seconds=settings.LEASE_SECONDS))",
        "lapsed = Q(renewed_at__lt=Now())",
        "the sweep ends a reply on the workspace's own key that still runs",
        SWEEPER,
    ),
    # --- What it costs at list price ----------------------------------------------------------
    Mutation(
        "llm/costs.py",
        "output * prices.output * 4)",
        "output * prices.input * 4)",
        "output is priced as input",
        COSTS,
    ),
    Mutation(
        "llm/costs.py",
        "cached * cached_price * 4",
        "cached * prices.input * 4",
        "cached input is priced as fresh",
        COSTS,
    ),
    Mutation(
        "llm/costs.py",
        "written * prices.input * quarters",
        "written * prices.input * 4",
        "what a prompt cache takes to write is left out of the cost",
        COSTS,
    ),
    Mutation(
        "llm/costs.py",
        "factor = prices.long_prompt_factor if long_prompt else 1",
        "factor = 1",
        "a long prompt is priced as a short one",
        COSTS,
    ),
    # --- Holds: billing/holds.py --------------------------------------------------------------
    Mutation(
        "billing/holds.py",
        'reason = %s"\n    " WHERE id = %s AND lease_token = %s AND',
        'reason = %s"\n    " WHERE id = %s AND %s IS NOT NULL AND',
        "a run that lost its lease charges all the same",
        LEDGER,
    ),
    Mutation(
        "billing/holds.py",
        "SET state = 'released', resolved_at = NOW\"\n    \" WHERE id = %s AND lease_token = %s AND resolved_at IS NULL",
        "SET state = 'released', resolved_at = NOW\"\n    \" WHERE id = %s AND lease_token = %s",
        "a hold is released twice",
        LEDGER,
    ),
    Mutation(
        "billing/holds.py",
        "unrenewed = Q(renewed_at__lt=Now() - timedelta(seconds=settings.LEASE_SECONDS))",
        "unrenewed = Q(renewed_at__lt=Now())",
        "the sweep ends a live lease",
        LEDGER,
    ),
    Mutation(
        "billing/holds.py",
        ".filter(unrenewed | too_old, state=Hold.State.HELD)",
        ".filter(unrenewed, state=Hold.State.HELD)",
        "a hold that is renewed for ever is never freed",
        LEDGER,
    ),
    # --- The ledger and its buckets -----------------------------------------------------------
    Mutation(
        "billing/ledger.py",
        "    if stored != asked:\n",
        "    if not stored:\n",
        "another grant under a used id is taken for the first one",
        LEDGER,
    ),
    Mutation(
        "billing/ledger.py",
        "if not account.plan.once_per_person or free.claim(account):",
        "if True:",
        "each workspace of a person gets the free credits",
        ("tests/bookbag/test_free_credits.py",),
    ),
    Mutation(
        "billing/ledger.py",
        "if amount > account.available:",
        "if amount > account.posted:",
        "a reversal takes credits that a running reply holds",
        LEDGER,
    ),
    Mutation(
        "billing/buckets.py",
        "if bucket.expires_at and bucket.expires_at <= now]",
        "if bucket.expires_at and bucket.expires_at < account.created_at]",
        "credits never expire",
        STORIES,
    ),
    Mutation(
        "billing/buckets.py",
        ".asc(nulls_last=True)",
        ".desc(nulls_first=True)",
        "bought credits are spent before those that expire",
        STORIES,
    ),
    Mutation(
        "billing/buckets.py",
        "spared = account.held",
        "spared = 0",
        "credits expire under a running reply",
        STORIES,
    ),
    Mutation(
        "billing/free.py",
        'Q(person=claimant["person"]) | Q(mailbox=claimant["mailbox"])',
        'Q(person=claimant["person"])',
        "the page promises free credits that another account of the mailbox has had",
        ("tests/bookbag/test_free_credits.py",),
    ),
    Mutation(
        "workspaces/people.py",
        'local = local.partition("+")[0] or local',
        "local = local or domain",
        "one mailbox gets free credits for each label that its owner makes up",
        ("tests/bookbag/test_free_credits.py",),
    ),
    # --- What the database enforces -----------------------------------------------------------
    Mutation(
        "billing/guards.py",
        "SET posted = posted + NEW.amount WHERE",
        "SET posted = posted + NEW.amount * 2 WHERE",
        "a grant is counted twice",
        LEDGER,
    ),
    Mutation(
        "billing/guards.py",
        "SET held = held + NEW.amount WHERE",
        "SET held = held WHERE",
        "a hold is not counted, and the same credits are spent twice",
        LEDGER,
    ),
    Mutation(
        "billing/guards.py",
        "NEW.state IN ('released', 'expired')",
        "NEW.state IN ('released')",
        "a swept hold keeps its credits for ever",
        LEDGER,
    ),
    Mutation(
        "billing/guards.py",
        'event="BEFORE UPDATE",\n        refuse="a transfer',
        'event="BEFORE UPDATE",\n        when="1 = 0",\n        refuse="a transfer',
        "a line of the ledger can be changed",
        GUARDS,
    ),
    Mutation(
        "billing/guards.py",
        "when=\"OLD.state <> 'held'\",",
        'when="1 = 0",',
        "a resolved hold can be resolved again",
        GUARDS,
    ),
    Mutation(
        "billing/guards.py",
        "ABS(NEW.amount) <= ABS(original.amount)",
        "NEW.amount <> 0",
        "more is given back than was charged",
        GUARDS,
    ),
    Mutation(
        "billing/guards.py",
        'WHERE original.id = NEW.reverses_id"\n        " AND original.account_id = NEW.account_id',
        'WHERE original.id = NEW.reverses_id"\n        "',
        "one workspace's charge is given back to another",
        GUARDS,
    ),
    Mutation(
        "workspaces/invitations.py",
        "        if member is None and seats is not None and workspace.memberships.count() >= seats:\n",
        "        if False:\n",
        "a seat that is gone is taken by an invitation",
        ("tests/workspaces/test_invitations.py",),
    ),
    Mutation(
        "workspaces/invitations.py",
        "        if not has_confirmed(person, known.email):\n",
        "        if False:\n",
        "anybody accepts anybody's invitation",
        ("tests/workspaces/test_invitations.py",),
    ),
    Mutation(
        "workspaces/guards.py",
        '    unless="SELECT 1 FROM workspaces_auditretention forgotten',
        '    when="1 = 0",\n    unless="SELECT 1 FROM workspaces_auditretention forgotten',
        "an audit event can be deleted",
        ("tests/workspaces/test_audit_guards.py",),
    ),
    Mutation(
        "workspaces/database_guards.py",
        "if in_force.get(guard.name) == version:",
        "if guard.name in in_force:",
        "a guard of an older version stays in force after an upgrade",
        (*GUARDS, "tests/workspaces/test_database_guards.py"),
    ),
    # --- Whose key, and who pays: llm/routing.py ----------------------------------------------
    Mutation(
        "llm/routing.py",
        "return Refusal(RefusalCode.BYO_KEY_MISSING, facts.provider)",
        "return _on_the_platform(facts)",
        "our key stands in for a workspace's that is missing, on its credits",
        ROUTING,
    ),
    Mutation(
        "llm/routing.py",
        "Route(Credential.WORKSPACE, Billing.BYO, 0, Why.BYO_ON)",
        "Route(Credential.WORKSPACE, Billing.CREDITS, facts.price, Why.BYO_ON)",
        "replies on the workspace's own key cost credits",
        ROUTING,
    ),
    Mutation(
        "llm/routing.py",
        "if facts.is_custom:",
        "if facts.is_custom and facts.metering:",
        "a workspace's own model runs on our key, unmetered",
        ROUTING,
    ),
    # --- Provider keys ------------------------------------------------------------------------
    Mutation(
        "llm/vault.py",
        'parts = ["bookbag", SCHEMA, self.purpose, self.workspace, self.provider, self.row]',
        'parts = ["bookbag", SCHEMA, self.purpose, self.provider, self.row]',
        "a sealed key opens for another workspace",
        VAULT,
    ),
    Mutation(
        "llm/vault.py",
        'return json.dumps(parts, separators=(",", ":")).encode()',
        'return json.dumps(parts[:2], separators=(",", ":")).encode()',
        "a sealed key opens without its binding being checked",
        VAULT,
    ),
    Mutation(
        "llm/sealing.py",
        "vault.Binding.PLATFORM if workspace_id is None else str(workspace_id)",
        "vault.Binding.PLATFORM",
        "all keys are sealed as if they were the platform's",
        ("tests/llm/test_keys.py",),
    ),
    Mutation(
        "llm/ring.py",
        "if bytes(record.proof) != kek.proof:",
        "if not record.proof:",
        "a key is sealed under a wrong KEK of a familiar id",
        ("tests/llm/test_keys.py",),
    ),
    Mutation(
        "llm/keys/checking.py",
        "error=error_of(found, checked), by=by",
        "error=found.value, by=by",
        "after a check the page does not say what is wrong with the key",
        ("tests/llm/test_key_wording.py",),
    ),
    Mutation(
        "llm/keys/retiring.py",
        "exclude(state=State.ACTIVE).update(**WIPED)",
        "exclude(state=State.ACTIVE).update()",
        "a deleted key leaves the one before it sealed in the database",
        ("tests/llm/test_keys.py",),
    ),
    Mutation(
        "llm/gateway.py",
        "wait = None if spoken else self._wait_before_retry(error)",
        "wait = self._wait_before_retry(error)",
        "after text has come the provider is asked, and paid, a second time",
        ("tests/llm/test_gateway.py",),
    ),
    Mutation(
        "workspaces/reauth.py",
        "return time.time() - at < app_settings.REAUTHENTICATION_TIMEOUT",
        "return at > 0",
        "a session left open replaces keys without the password being asked again",
        ("tests/bookbag/llm_settings/test_confirming.py",),
    ),
    # --- Who may: workspaces ------------------------------------------------------------------
    Mutation(
        "workspaces/models.py",
        "return self.rank >= role.rank",
        "return self.rank > role.rank",
        "an admin may not do what admins may",
        ("tests/workspaces/test_access.py",),
    ),
    Mutation(
        "workspaces/models.py",
        "self.is_admin and (self.is_owner or not other.is_owner)",
        "self.is_admin",
        "an admin removes the owner",
        ("tests/workspaces/test_members.py",),
    ),
    Mutation(
        "workspaces/models.py",
        "[role for role in Role if self.is_admin and self.at_least(role)]",
        "[role for role in Role if self.is_admin]",
        "an admin makes somebody an owner",
        ("tests/workspaces/test_members.py",),
    ),
    Mutation(
        "workspaces/access.py",
        ".filter(user_id=user.pk, workspace__slug=slug)",
        ".filter(workspace__slug=slug)",
        "a stranger enters a workspace as one of its members",
        ("tests/workspaces/test_access.py",),
    ),
    Mutation(
        "workspaces/csv_export.py",
        'return f"\'{cell}" if cell.lstrip().startswith(FORMULA_SIGNS) or cell.startswith(FEEDS) else cell',
        "return cell",
        "a name in an export runs as a formula",
        ("tests/workspaces/test_csv_export.py",),
    ),
)
