"""A long past for a ledger: replies with their captured holds and charges, as if the chat path had made them.

One statement a table, with triggers off, so that a million of each take a minute; what the triggers
would have done to the accounts is done at the end. `verify_ledger` says whether it was done right.
"""

from bench.postgres import Postgres
from bench.seeding import PRICE

# The time over which the past is spread: the last 30 days, which a page shows, are a twelfth of it.
DAYS = 365
# The share of the rows that belongs to the first workspace.
HOT_SHARE = 0.1

# Of the n-th reply: its account, its time, and ids derived from n.
PAST = f"""
CREATE TEMPORARY TABLE past AS
SELECT n, account.id AS account_id, account.workspace_id,
       STATEMENT_TIMESTAMP() - INTERVAL '{DAYS} days' * ((%(last)s::int - n + 1)::float / (%(last)s::int + 1)) AS at,
       md5('hold' || n)::uuid AS hold_id, md5('reply' || n)::uuid AS reply_id, md5('lease' || n)::uuid AS lease
FROM generate_series(%(first)s::int, %(last)s::int) n
JOIN LATERAL (SELECT CASE WHEN n %% 10 < {HOT_SHARE * 10:g} THEN 0 ELSE (n / 10 * 9 + n %% 10) %% %(accounts)s END AS place) seat ON TRUE
JOIN (SELECT id, workspace_id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS place FROM billing_account) account
  ON account.place = seat.place
"""
REPLIES = """
INSERT INTO agents_reply (id, workspace_id, agent_id, conversation_id, member_id, idempotency_key, fingerprint, question,
  text, sources, state, error_code, error_detail, chat_model_id, model_name, provider, model_id, credential_kind,
  credential_mask, billing, price, why, charged, attempts, created_at, done_at, lease_token, renewed_at, stop_requested)
SELECT past.reply_id, past.workspace_id, seat.agent_id, seat.conversation_id, seat.member_id, 'past' || past.n, '',
  'What was asked before?', 'What was answered then.', '[]', 'completed', '', '', seat.chat_model_id, seat.name, 'openai',
  seat.name, 'platform', 'sk-…Nc', 'credits', %(price)s, 'byo_off', %(price)s, 1, past.at, past.at, past.lease, past.at, FALSE
FROM past JOIN LATERAL (
  SELECT agent.id AS agent_id, conversation.id AS conversation_id, conversation.started_by_id AS member_id,
         agent.chat_model_id, agent.name
  FROM agents_agent agent JOIN agents_conversation conversation ON conversation.agent_id = agent.id
  WHERE agent.workspace_id = past.workspace_id ORDER BY agent.id LIMIT 1) seat ON TRUE
"""
HOLDS = """
INSERT INTO billing_hold (id, account_id, amount, state, reply_id, lease_token, renewed_at, created_at, resolved_at, reason)
SELECT hold_id, account_id, %(price)s, 'captured', reply_id, lease, at, at, at, 'Reply' FROM past
"""
CHARGES = """
INSERT INTO billing_transfer (account_id, kind, amount, external_id, reason, reply_id, created_at)
SELECT account_id, 'capture', -%(price)s, 'capture:' || REPLACE(hold_id::text, '-', ''), 'Reply', reply_id, at
FROM past ORDER BY n
"""
BALANCES = """
UPDATE billing_account account SET posted = posted - spent.total
FROM (SELECT account_id, COUNT(*) * %(price)s AS total FROM past GROUP BY account_id) spent
WHERE spent.account_id = account.id
"""


def fill(postgres: Postgres, database: str, *, rows: int, accounts: int, first: int = 1) -> None:
    """Add `rows` replies over the first `accounts`; `first` numbers the first of them."""
    values = {"first": first, "last": first + rows - 1, "accounts": accounts, "price": PRICE}
    with postgres.connect(database) as connection:
        # Foreign keys and guards are both triggers; only a superuser can switch them off, here for this session.
        connection.execute("SET session_replication_role = replica")
        with connection.transaction():
            for statement in (PAST, REPLIES, HOLDS, CHARGES, BALANCES):
                connection.execute(statement, values)
        connection.execute("VACUUM ANALYZE")
