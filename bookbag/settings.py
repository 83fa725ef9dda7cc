"""Every setting, typed from the environment (or `.env`); a bad value stops the start and is named.

Each variable may also be given as ``X_FILE``, the path of a file that holds the value.
"""

import base64
import binascii
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from bookbag.configuration import dotenv
from bookbag.configuration.environment import Environment, Hidden
from llm.providers import roster

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"

dotenv.read(dotenv.path())
env = Environment()

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
KMS_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[A-Za-z0-9/_-]+")


def _kek(text: str) -> bytes | str | None:
    """The 32 bytes of a KEK, or the ARN of one in AWS KMS; None if it is neither."""
    if KMS_ARN.fullmatch(text):
        return text
    try:
        material = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    # In practice at least 20 of 32 random bytes are different; a typed text has fewer.
    return Hidden(material) if len(material) == 32 and len(set(material)) > 15 else None


def vault_ring(text: str) -> list[tuple[str, bytes | str]]:
    """The key-encryption keys, newest first, from ``id:base64`` or ``id:arn`` pairs separated by commas.

    Raises ImproperlyConfigured naming VAULT_KEYS and the pair's place, never its value.
    """
    ring: list[tuple[str, bytes | str]] = []
    for place, pair in enumerate(filter(None, (part.strip() for part in text.split(","))), start=1):
        kek_id, _, held = pair.partition(":")
        kek = _kek(held)
        if kek is None or not kek_id.isidentifier() or len(kek_id) > 40:
            raise ImproperlyConfigured(
                f"VAULT_KEYS: entry {place} is malformed; write id:base64, the base64 of exactly 32 random bytes, "
                "or id:arn, the ARN of an AWS KMS key."
            )
        ring.append((kek_id, kek))
    if not ring:
        raise ImproperlyConfigured("VAULT_KEYS is not set; `make run` writes one, docs/security.md says how.")
    if len({kek_id for kek_id, _ in ring}) != len(ring):
        raise ImproperlyConfigured("VAULT_KEYS names one id twice; ids must differ.")
    return ring


DEBUG = env.bool("DEBUG", default=False)
SECRET_KEY = env.str("SECRET_KEY", default="")
VAULT_KEYS = vault_ring(env.str("VAULT_KEYS", default=""))
HOST = env.host("HOST", default="127.0.0.1")
PORT = env.int("PORT", default=8000, most=65_535)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
# TLS is used everywhere except on a developer's loopback, where `make run` writes HTTPS=false.
HTTPS = env.bool("HTTPS", default=not DEBUG)
# The address at which people reach Bookbag, for links in mails that no request caused.
_NAME = next((host for host in ALLOWED_HOSTS if not host.startswith((".", "*"))), HOST)
SITE_URL = env.http_url("SITE_URL", default=f"https://{_NAME}" if HTTPS else f"http://{_NAME}:{PORT}")
# The number of proxies in front of the server. Scheme, host and address of a request come from their headers
# (bookbag/server/arrival.py).
TRUST_PROXY = env.count_or_bool("TRUST_PROXY", default=0, most=10)
# Told to stop, the server reports itself unready for this long before it stops listening, so that a proxy can
# notice;
DRAIN_NOTICE_SECONDS = env.float("DRAIN_NOTICE_SECONDS", default=3, most=600)
# then running replies may take this long to end by themselves. A reply takes at most 330 (LEASE_LIFE_SECONDS).
DRAIN_SECONDS = env.float("DRAIN_SECONDS", default=330, most=3_600)

# --- Product -----------------------------------------------------------------------------------
METERING_ENABLED = env.bool("METERING_ENABLED", default=True)
REPLIES_PER_MINUTE = env.int("REPLIES_PER_MINUTE", default=30)
# The most replies running at once, for one member and for one workspace.
RUNNING_PER_MEMBER = env.int("RUNNING_PER_MEMBER", default=4)
RUNNING_PER_WORKSPACE = env.int("RUNNING_PER_WORKSPACE", default=16)
# The support address, and the pages of terms and privacy; each is shown if it is set (workspaces/contact.py).
SUPPORT_EMAIL = env.mail_address("SUPPORT_EMAIL")
TERMS_URL = env.web_page("TERMS_URL")
PRIVACY_URL = env.web_page("PRIVACY_URL")
# Who may make an account: anybody, people whom an operator has invited, or nobody.
SIGNUP = env.choice("SIGNUP", ("open", "invited", "closed"), default="open")
# An OpenID Connect server as an additional way to sign in (needs the extra `sso`). Set all three or none.
OIDC_ISSUER = env.http_url("OIDC_ISSUER", default="")
OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", default="")
OIDC_CLIENT_SECRET = env.str("OIDC_CLIENT_SECRET", default="")
# Its name on buttons; by default its host.
OIDC_NAME = env.str("OIDC_NAME", default="") or urlsplit(OIDC_ISSUER).hostname or ""
# Other hosts that its configuration document may name, as Google's does; and the authority to trust for all of them.
OIDC_HOSTS = env.hosts("OIDC_HOSTS", default=[])
OIDC_CA_FILE = env.certificates("OIDC_CA_FILE")
SIGNUPS_PER_ADDRESS = env.int("SIGNUPS_PER_ADDRESS", default=10)
WORKSPACES_PER_OWNER = env.int("WORKSPACES_PER_OWNER", default=10)
# Days for which the audit log is kept; 0 is for ever. The database enforces at least 30.
AUDIT_DAYS = env.int("AUDIT_DAYS", default=0, most=36_500)
if 0 < AUDIT_DAYS < 30:
    raise ImproperlyConfigured("AUDIT_DAYS: the audit log is kept for 30 days at least; 0 keeps it for ever.")
# The hosts that a provider key may be sent to: OPENAI_BASE_URL and ANTHROPIC_BASE_URL. Only the deployment can set
# them, never a workspace.
PROVIDER_BASE_URLS = {
    one.name: env.http_url(one.base_url_setting, default=one.base_url) for one in roster.KEYED
}
# Hosts for projects with data residency: a closed list, and empty if another address is set for the provider.
PROVIDER_REGION_URLS = {
    one.name: dict(one.regions)
    for one in roster.KEYED
    if one.regions and PROVIDER_BASE_URLS[one.name] == one.base_url
}
# For closed networks: the proxy to providers, and the authority to trust. The variables that other programs read
# (HTTPS_PROXY, SSL_CERT_FILE) are ignored; `check` says so.
PROVIDER_PROXY = env.http_url("PROVIDER_PROXY", default="", credentials=True)
PROVIDER_CA_FILE = env.certificates("PROVIDER_CA_FILE")
PROVIDER_KEY_MAX_AGE_DAYS = env.int("PROVIDER_KEY_MAX_AGE_DAYS", default=90, least=1, most=36_500)
# Limits of one reply in seconds and bytes (docs/vocabulary.md: lease, cut).
REPLY_CONNECT_SECONDS = env.seconds("REPLY_CONNECT_SECONDS", default=5)
REPLY_FIRST_BYTE_SECONDS = env.seconds("REPLY_FIRST_BYTE_SECONDS", default=60)
REPLY_IDLE_SECONDS = env.seconds("REPLY_IDLE_SECONDS", default=30)
REPLY_WALL_SECONDS = env.seconds("REPLY_WALL_SECONDS", default=300)
REPLY_TEXT_BYTES = env.int("REPLY_TEXT_BYTES", default=256 * 1024, least=1)
REPLY_WIRE_BYTES = env.int("REPLY_WIRE_BYTES", default=8 * 1024 * 1024, least=1)
# All processes of a database need the same value: each renews its leases after a third of it, and ends lapsed leases
# of others.
LEASE_SECONDS = env.seconds("LEASE_SECONDS", default=60)
LEASE_LIFE_SECONDS = env.seconds("LEASE_LIFE_SECONDS", default=330)
SWEEP_SECONDS = env.seconds("SWEEP_SECONDS", default=30)
# How long an ended reply waits to be stored, so that an outage of ten minutes loses no text that people have read.
SETTLE_SECONDS = env.seconds("SETTLE_SECONDS", default=660)
# Limits of sources. Megabytes of one file; a request may have twice as much.
SOURCE_FILE_MB = env.int("SOURCE_FILE_MB", default=20, least=1, most=200)
# The most pages that are read of one website.
WEBSITE_PAGES = env.int("WEBSITE_PAGES", default=100, least=1, most=5_000)
# Training worker processes that `serve` starts; 0 if they run separately (`manage.py train_worker`).
TRAIN_WORKERS = env.int("TRAIN_WORKERS", default=1, least=0, most=64)
# Where training jobs wait: in the database, or in Redis (needs the extra `redis`).
JOBS = env.choice("JOBS", ("database", "redis"), default="database")
REDIS_URL = env.str("REDIS_URL", default="redis://127.0.0.1:6379/0")
# The encoder that finds passages by meaning, in addition to words (needs the extra `embeddings`); "off" is words
# only.
EMBEDDINGS = env.choice("EMBEDDINGS", ("off", "wordllama"), default="off")
# Allows reading websites on this machine, for tests; `check --deploy` refuses it.
FETCH_LOOPBACK = env.bool("FETCH_LOOPBACK", default=False)
# Names a point at which a reply crashes, for tests of failures; `check --deploy` refuses it.
FAULT_POINT = env.str("FAULT_POINT", default="")

# --- Django ------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "bookbag",
    "workspaces",
    "billing",
    "llm",
    "agents",
    "bookbag.apps.OperatorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "csp",
    "django_tasks",
    "django_tasks_db",
    *(["django_tasks_rq", "django_rq"] if JOBS == "redis" else []),
]
# The jobs are in agents/sources/jobs.py.
TASKS = {
    "default": {
        "BACKEND": "django_tasks_rq.RQBackend" if JOBS == "redis" else "django_tasks_db.DatabaseBackend"
    }
}
# Reading a website takes at most 20 minutes (agents/sources/website.py); the default limit with Redis is three.
RQ_QUEUES = {"default": {"URL": REDIS_URL, "DEFAULT_TIMEOUT": 30 * 60}}
RQ = {"JOB_CLASS": "django_tasks_rq.Job"}
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    # Before WhiteNoise, which answers by itself, so that static files carry the policy, too.
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "bookbag.server.middleware.no_store",
    # Before middleware that checks the host, because a probe uses the machine's address.
    "bookbag.operations.health.answer_probes",
    "bookbag.server.middleware.no_nul",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "workspaces.no_dead_ends.SignInRequired",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "workspaces.no_dead_ends.lead_on",
    "workspaces.devices.remember",
    "workspaces.time_zones.in_own_zone",
    "bookbag.server.meanwhile.GoneMeanwhile",
]
ROOT_URLCONF = "bookbag.urls"
ASGI_APPLICATION = "bookbag.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# If unset, statements are prepared, and `check` warns if there is a pooler.
DATABASE_PREPARE = env.bool("DATABASE_PREPARE", default=None)
# Server processes of the whole installation, on all machines; `check` adds up the connections that they may open.
SERVER_PROCESSES = env.int("SERVER_PROCESSES", default=1, least=1, most=10_000)
DATABASES = {
    "default": env.db_url("DATABASE_URL", default=f"sqlite:///{quote(str(VAR_DIR / 'bookbag.sqlite3'))}")
}
_database = DATABASES["default"]
if _database["ENGINE"].endswith("sqlite3"):
    # IMMEDIATE takes the write lock at BEGIN, so that a writer waits instead of failing when it upgrades its lock;
    # FULL makes a committed charge survive a power cut.
    _database["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
    }
else:
    # With server-side binding a statement is planned once per connection instead of each time; planning was more
    # than half of PostgreSQL's work for a reply (docs/decisions/0007-one-statement-admission.md).
    _database.setdefault("OPTIONS", {}).update(server_side_binding=True, prepare_threshold=2)
    if DATABASE_PREPARE is False:
        # A pooler in transaction mode may give each transaction another connection, on which prepared statements and
        # open cursors of the previous one are missing. Server-side binding stays: without preparing, a statement is
        # parsed, bound and run in one exchange.
        _database["OPTIONS"]["prepare_threshold"] = None
        _database["DISABLE_SERVER_SIDE_CURSORS"] = True
    # A database host that vanishes is given up after half a minute instead of a quarter of an hour. Unix sockets
    # ignore these.
    for _name, _seconds in (("keepalives_idle", 10), ("keepalives_interval", 5), ("keepalives_count", 4)):
        _database["OPTIONS"].setdefault(_name, _seconds)
    _database["OPTIONS"].setdefault("tcp_user_timeout", 30_000)
    _database["OPTIONS"].setdefault("connect_timeout", 5)
    if env.bool("DATABASE_POOL", default=True):
        # The pool checks a connection before it lends it, because after a failover all of its connections are dead.
        _database["CONN_HEALTH_CHECKS"] = True
        _database["OPTIONS"]["pool"] = {
            "min_size": 2,
            "max_size": env.int("DATABASE_POOL_SIZE", default=20, least=2, most=1_000),
            # After a longer wait for a connection, a page says that Bookbag is busy.
            "timeout": env.seconds("DATABASE_POOL_SECONDS", default=3, most=60),
        }
# Processes tell each other which replies have changed, over a connection of its own. A pooler without sessions
# passes no notices on: with one, set this to the address of the database itself, or nobody listens.
DATABASE_LISTEN_URL = env.postgres_url("DATABASE_LISTEN_URL")
DATABASE_LISTEN = bool(DATABASE_LISTEN_URL) or DATABASE_PREPARE is not False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Rate limits are counted in the cache, so all processes share it, and it does not drop limits that are in force.
CACHES = {"default": env.cache_url("CACHE_URL", default="dbcache://workspaces_cache?max_entries=10000")}

AUTH_USER_MODEL = "workspaces.User"
# Only one backend, because with two a wrong password would be hashed twice.
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "workspaces.adapter.AccountAdapter"
ACCOUNT_FORMS = {
    "add_email": "workspaces.forms.AddressForm",
    "login": "workspaces.forms.SignInForm",
    "reset_password": "workspaces.forms.ResetForm",
    "signup": "workspaces.forms.SignUpForm",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
# People who sign up must confirm their address first (workspaces/signup.py); people whom operators added need not.
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
# For how many seconds the mailed link signs in the browser that signed up.
ACCOUNT_LOGIN_TIMEOUT = 60 * 60
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
# workspaces/sign_in_limits.py limits sign-ins; the other limits are django-allauth's own, in the cache. Mails that
# confirm an address are counted by that address, so that one for a mistyped address, or one that a stranger
# requested, delays nobody else.
ACCOUNT_RATE_LIMITS = {"login": None, "login_failed": None, "confirm_email": "5/10m/key"}
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if HTTPS else "http"

# Second factors: an app that shows codes, passkeys, and recovery codes for when both are lost. The adapter is in
# `llm`, because the vault there seals the secrets.
MFA_ADAPTER = "llm.factor_adapter.SealingAdapter"
MFA_FORMS = {
    "activate_totp": "workspaces.second_factors.SetUpForm",
    "add_webauthn": "workspaces.second_factors.PasskeyForm",
    "login_webauthn": "workspaces.second_factors.PasskeySignInForm",
    "reauthenticate_webauthn": "workspaces.second_factors.ConfirmingPasskeyForm",
    "generate_recovery_codes": "workspaces.second_factors.NewCodesForm",
    "authenticate": "workspaces.second_factors.SignInCodeForm",
    "reauthenticate": "workspaces.second_factors.ConfirmingCodeForm",
}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
# A passkey replaces both password and second factor, so its owner must always prove themselves by finger, face or
# PIN.
MFA_WEBAUTHN_USER_VERIFICATION = "required"
# Without TLS, browsers allow passkeys only on the name localhost.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
MFA_TOTP_ISSUER = "Bookbag"
# A code is accepted until 30 seconds after its time, because clocks differ and people need time to type; once
# (workspaces/second_factors.py).
MFA_TOTP_TOLERANCE = 1
# A person who has not confirmed their address cannot sign in, so no stranger can add a factor to an account for it.
MFA_ALLOW_UNVERIFIED_EMAIL = True

SESSION_ENGINE = "workspaces.sessions"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_NAME = "__Host-csrf" if HTTPS else "csrftoken"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_FAILURE_VIEW = "bookbag.server.error_pages.csrf_failure"
# Origins from which forms may come besides their own host, for example with a public port that the proxy does not
# pass on.
CSRF_TRUSTED_ORIGINS = env.origins("TRUSTED_ORIGINS", default=[])
SECURE_SSL_REDIRECT = env.bool("SSL_REDIRECT", default=False) and HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Enough for a pasted book of a million characters in any script (sent unencoded, at most four bytes each). The
# message form has its own, smaller limit.
DATA_UPLOAD_MAX_MEMORY_SIZE = 4_100_000
# The longest form is that of a role in Django's admin, with a field for each permission, and every table adds four.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1_000

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
    },
}

STATIC_URL = "/static/"
STATIC_ROOT = Path(env.str("STATIC_ROOT", default=str(VAR_DIR / "static")))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "bookbag.static.Storage"
    },
}

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

vars().update(env.email_url("EMAIL_URL", default="consolemail://"))
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.person(
    "DEFAULT_FROM_EMAIL", default="Bookbag <no-reply@bookbag.test>"
)
# Who gets a mail when something fails on our side; by default nobody.
ADMINS = env.people("ADMINS")
EMAIL_SUBJECT_PREFIX = "[Bookbag] "
DEFAULT_EXCEPTION_REPORTER_FILTER = "bookbag.operations.reports.HidingFilter"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "()": "bookbag.operations.logs.RedactingFormatter",
            "format": "{asctime} {levelname} {name} {message}",
            "style": "{",
        },
        "json": {"()": "bookbag.operations.logs.JsonFormatter"},
    },
    "filters": {"not_debug": {"()": "django.utils.log.RequireDebugFalse"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": env.choice("LOG_FORMAT", ("text", "json"), default="text"),
        },
        "admin_mail": {
            "class": "bookbag.operations.reports.AdminMail",
            "level": "ERROR",
            "filters": ["not_debug"],
            "formatter": "text",
        },
    },
    "root": {
        "handlers": ["console", "admin_mail"],
        "level": env.choice("LOG_LEVEL", LOG_LEVELS, default="INFO"),
    },
    "loggers": {
        "django": {"handlers": ["console", "admin_mail"], "level": "INFO", "propagate": False},
        # ADMINS get a mail about an allotment that cannot be granted.
        "billing": {"handlers": ["console", "admin_mail"], "propagate": False},
        # Not mailed, because every scan of the internet for hosts would cause a mail.
        "django.security.DisallowedHost": {"handlers": ["console"], "propagate": False},
        # bookbag/server/serving.py logs the server's start and end.
        "uvicorn": {"level": "WARNING"},
        "uvicorn.access": {"level": "INFO"},
        # At DEBUG the HTTP clients log request options, including prompts.
        **{one.name: {"level": "WARNING"} for one in roster.KEYED},
        "httpx2": {"level": "WARNING"},
        # Each job would log three lines; a source's page shows its progress anyway.
        "django_tasks": {"level": "WARNING"},
        "django.tasks": {"level": "WARNING"},
        "django_tasks_db": {"level": "WARNING"},
        # Warns about every file that deviates slightly from its format.
        "pypdf": {"level": "CRITICAL"},
        "httpcore2": {"level": "WARNING"},
    },
}
