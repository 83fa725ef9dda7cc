"""The LiteLLM proxy, in an environment of its own, set up as lightly as it can be.

One worker, no database, no retries, production mode, the fast HTTP parser: whatever it could leave out
is left out, so that what Bookbag does beside (sign-in, rights, ledger, storage) counts against Bookbag.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from bench.servers import ROOT, Process, free_port

REQUIREMENTS = ["litellm[proxy]==1.106.2", "httptools", "uvloop"]
ENVIRONMENT = ROOT / "var" / "bench" / "litellm"
INSTALL_SECONDS = 300.0
# LiteLLM refuses weak keys, so this one is long. It protects a loopback port for some minutes.
MASTER_SECRET = "sk-bench-7Qm2xV9dLr4TzK8wYp3N"


class Missing(Exception):
    """LiteLLM cannot be measured here; the text says why."""


def install() -> Path:
    """Its command, installed with uv on first use. Raises Missing."""
    command = ENVIRONMENT / "bin" / "litellm"
    marker = ENVIRONMENT / "bookbag-requirements.json"
    if command.exists() and marker.exists() and json.loads(marker.read_text()) == REQUIREMENTS:
        return command
    uv = os.environ.get("UV") or shutil.which("uv") or str(ROOT / "var" / "tools" / "bin" / "uv")
    print("Installing the LiteLLM proxy into var/bench/litellm, once.", flush=True)
    _uv(uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT))
    _uv(uv, "pip", "install", "--quiet", "--python", str(ENVIRONMENT / "bin" / "python"), *REQUIREMENTS)
    marker.write_text(json.dumps(REQUIREMENTS))
    return command


def _uv(uv: str, *arguments: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    try:
        done = subprocess.run(
            [uv, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as problem:
        raise Missing(f"uv {arguments[0]}: {problem}") from problem
    if done.returncode:
        raise Missing(f"uv {arguments[0]} failed: {done.stderr.strip()[-400:]}")


def start(command: Path, *, models: Iterable[str], provider: str, directory: Path) -> Process:
    """The proxy on a free port, once it answers."""
    port = free_port()
    config = directory / "litellm.yaml"
    config.write_text(_config(models, provider))
    env = {
        "PATH": f"{command.parent}:{os.environ.get('PATH', '')}",
        "HOME": str(directory),
        "LITELLM_MODE": "PRODUCTION",
        "LITELLM_LOG": "ERROR",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
    }
    options = ["--config", str(config), "--num_workers", "1", "--host", "127.0.0.1", "--port", str(port)]
    process = Process("LiteLLM", [str(command), *options], env=env, directory=directory, port=port)
    return process.start(health="/health/liveliness", seconds=120)


def _config(models: Iterable[str], provider: str) -> str:
    """YAML; JSON is YAML."""
    listed = [
        {
            "model_name": name,
            "litellm_params": {
                "model": f"openai/{name}",
                "api_base": provider,
                "api_key": "sk-bench-provider-secret",
            },
            "model_info": {"input_cost_per_token": 1.5e-07, "output_cost_per_token": 6e-07},
        }
        for name in models
    ]
    general = {"master_key": MASTER_SECRET}
    return json.dumps(
        {
            "model_list": listed,
            "general_settings": general,
            "litellm_settings": {"num_retries": 0, "telemetry": False, "set_verbose": False},
            "router_settings": {"num_retries": 0},
        },
        indent=1,
    )
