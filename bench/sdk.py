"""The official SDK against the provider, in a process of its own: `python -m bench.sdk URL MODEL CONNECTIONS SECONDS`.

The same client and transport that Bookbag uses, as its documentation says to use it: one client, its
chunk objects read to the end. Prints replies a second, milliseconds and CPU as one line of JSON.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any

import openai
import uvloop

from bench.load import Answer, Run
from bench.machine import Cores
from bench.servers import ROOT
from bench.targets import PROVIDER_SECRET, QUESTION, token_count

MESSAGES: list[Any] = [
    {"role": "system", "content": "Answer briefly."},
    {"role": "user", "content": QUESTION},
]


def measured(url: str, model: str, connections: int, seconds: float, cores: Cores) -> dict[str, float]:
    """Run this module on the core of the server under test; returns what it prints. Raises when it fails."""
    command = [sys.executable, "-m", "bench.sdk", url, model, str(connections), str(seconds)]
    env = os.environ | {"BENCH_CORE": ",".join(map(str, sorted(cores.under_test)))}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


async def ask(client: openai.AsyncOpenAI, model: str) -> Answer:
    """One reply, streamed."""
    started, first, text = time.perf_counter(), 0.0, []
    stream = await client.chat.completions.create(
        model=model,
        messages=MESSAGES,
        temperature=0.2,
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            first = first or time.perf_counter()
            text.append(chunk.choices[0].delta.content)
    ended = time.perf_counter()
    return Answer(200, first - started, ended - started, len(text), len(text) == token_count(model))


async def closed_loop(client: openai.AsyncOpenAI, model: str, *, connections: int, seconds: float) -> Run:
    run = Run(connections, seconds)
    began = time.perf_counter()

    async def worker() -> None:
        while time.perf_counter() < began + seconds:
            answer = await ask(client, model)
            run.answers.append(answer)
            run.errors += not answer.whole

    await asyncio.gather(*(worker() for _ in range(connections)))
    run.seconds = time.perf_counter() - began
    return run


async def main(url: str, model: str, connections: int, seconds: float) -> None:
    http = openai.DefaultAioHttpClient(trust_env=False)
    async with openai.AsyncOpenAI(
        api_key=PROVIDER_SECRET, base_url=url, max_retries=0, http_client=http
    ) as client:
        await closed_loop(client, model, connections=connections, seconds=0.7)
        before = time.process_time()
        run = await closed_loop(client, model, connections=connections, seconds=seconds)
        cpu = time.process_time() - before
    if run.errors:
        sys.exit(f"{run.errors} replies were not whole")
    milliseconds = {
        name: run.percentile(share) for name, share in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99))
    }
    told = {"rate": run.rate, "cpu_ms": cpu * 1000 / len(run.answers), **milliseconds}
    told["first_p50"] = run.percentile(0.5, "first_text")
    print(json.dumps(told))


if __name__ == "__main__":
    # On the core of the server under test, because it takes that server's place.
    if os.environ.get("BENCH_CORE") and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(core) for core in os.environ["BENCH_CORE"].split(",")})
    uvloop.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
