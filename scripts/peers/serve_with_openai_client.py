"""Talks to `drover serve` with OpenAI's own Python client, as its users do, and with 256 of them at once.

usage: serve_with_openai_client.py [DROVER] [--model smollm2-135m-instruct] [--encoder all-minilm-l6-v2] [--clients 256]
"""
import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

import openai

KEY = "a-key-for-this-test"
WEATHER = {"type": "function", "function": {"name": "get_weather", "description": "Tells the weather in a city.", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}}}
ASK = [{"role": "user", "content": "What is the capital of France?"}]


class Server:
    """`drover serve` on a free port, for the length of a with block."""

    def __init__(self, drover, *models):
        self.name = models[0]
        self.process = subprocess.Popen([drover, "serve", *models, "--port", "0", "--api-key-env", "SERVE_TEST_KEY"], stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, "SERVE_TEST_KEY": KEY})
        self.url = None
        for line in self.process.stderr:
            if found := re.search(r"http://\S+/v1", line):
                self.url = found[0]
                break
        if self.url is None:
            sys.exit("drover serve did not start")
        self.client = openai.OpenAI(base_url=self.url, api_key=KEY, max_retries=0, timeout=600)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        status = self.process.wait(timeout=60)
        assert status == 0, f"drover serve ended with {status}"

    def threads_and_megabytes(self):
        status = open(f"/proc/{self.process.pid}/status").read()
        return int(re.search(r"Threads:\s+(\d+)", status)[1]), int(re.search(r"VmRSS:\s+(\d+)", status)[1]) // 1024


def check_chat(server):
    chat = server.client.chat.completions
    answer = chat.create(model=server.name, messages=ASK, temperature=0, max_tokens=24)
    text = answer.choices[0].message.content
    assert "Paris" in text, text
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    streamed = ""
    usage = None
    for chunk in chat.create(model=server.name, messages=ASK, temperature=0, max_tokens=24, stream=True, stream_options={"include_usage": True}):
        if chunk.choices:
            streamed += chunk.choices[0].delta.content or ""
        usage = chunk.usage or usage
    assert streamed == text, (streamed, text)
    assert usage.completion_tokens == answer.usage.completion_tokens

    ranked = chat.create(model=server.name, messages=ASK, temperature=0, max_tokens=8, logprobs=True, top_logprobs=20)
    for entry in ranked.choices[0].logprobs.content:
        numbers = [top.logprob for top in entry.top_logprobs]
        assert len(numbers) == 20 and numbers == sorted(numbers, reverse=True), entry
        assert 0.3 < sum(math.exp(number) for number in numbers) <= 1.0001
        # Greedy: the drawn token leads.
        assert (entry.top_logprobs[0].token, entry.top_logprobs[0].logprob) == (entry.token, entry.logprob)
    streamed = [entry for chunk in chat.create(model=server.name, messages=ASK, temperature=0, max_tokens=8, logprobs=True, top_logprobs=20, stream=True)
                for entry in (chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else [])]
    assert [entry.token for entry in streamed] == [entry.token for entry in ranked.choices[0].logprobs.content]
    assert all(len(entry.top_logprobs) == 20 for entry in streamed)

    many = chat.create(model=server.name, messages=ASK, n=8, seed=5, max_tokens=16, logprobs=True)
    again = chat.create(model=server.name, messages=ASK, n=8, seed=5, max_tokens=16)
    assert [choice.index for choice in many.choices] == list(range(8))
    assert [choice.message.content for choice in many.choices] == [choice.message.content for choice in again.choices]
    assert len({choice.message.content for choice in many.choices}) > 1
    assert all(entry.logprob <= 0 for choice in many.choices for entry in choice.logprobs.content)

    stopped = chat.create(model=server.name, messages=ASK, temperature=0, max_tokens=24, stop=["Paris"])
    assert "Paris" not in stopped.choices[0].message.content and stopped.choices[0].finish_reason == "stop"
    assert chat.create(model=server.name, messages=ASK, temperature=0, max_tokens=2).choices[0].finish_reason == "length"


def check_tools(server):
    ask = [{"role": "user", "content": "What is the weather in Oslo?"}]
    for stream in (False, True):
        made = server.client.chat.completions.create(model=server.name, messages=ask, tools=[WEATHER], temperature=0, max_tokens=200, stream=stream,
                                                     tool_choice={"type": "function", "function": {"name": "get_weather"}})
        if stream:
            calls = [call for chunk in made for call in (chunk.choices[0].delta.tool_calls or [])]
        else:
            assert made.choices[0].finish_reason == "tool_calls", made
            calls = made.choices[0].message.tool_calls
        assert calls and calls[0].function.name == "get_weather", calls
        assert isinstance(json.loads(calls[0].function.arguments)["city"], str)
    ask += [{"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'}}]},
            {"role": "tool", "tool_call_id": "c1", "content": "4 degrees, rain"}]
    assert server.client.chat.completions.create(model=server.name, messages=ask, tools=[WEATHER], temperature=0, max_tokens=40).choices[0].message


def check_schema(server):
    schema = {"type": "object", "properties": {"capital": {"type": "string", "maxLength": 20}, "certain": {"type": "boolean"}},
              "required": ["capital", "certain"], "additionalProperties": False}
    for seed in range(4):
        answer = server.client.chat.completions.create(model=server.name, messages=ASK, seed=seed, max_tokens=200,
                                                       response_format={"type": "json_schema", "json_schema": {"name": "capital", "schema": schema, "strict": True}})
        value = json.loads(answer.choices[0].message.content)
        assert set(value) == {"capital", "certain"} and isinstance(value["certain"], bool), value


def check_completions_and_models(server):
    assert [model.id for model in server.client.models.list()] == [server.name]
    assert server.client.models.retrieve(server.name).id == server.name
    answer = server.client.completions.create(model=server.name, prompt=["One, two, three,", "Monday, Tuesday,"], temperature=0, max_tokens=8, logprobs=0)
    assert len(answer.choices) == 2 and "four" in answer.choices[0].text, answer
    assert len(answer.choices[0].logprobs.tokens) == 8 and answer.choices[0].logprobs.top_logprobs is None
    answer = server.client.completions.create(model=server.name, prompt="One, two, three,", temperature=0, max_tokens=8, logprobs=5).choices[0].logprobs
    for token, log_prob, top in zip(answer.tokens, answer.token_logprobs, answer.top_logprobs, strict=True):
        assert 5 <= len(top) <= 6 and top[token] == log_prob == max(top.values()), (token, top)


def check_errors(server):
    def fails(kind, **options):
        try:
            server.client.chat.completions.create(**{"model": server.name, "messages": ASK, **options})
        except kind as error:
            return error
        raise AssertionError(f"no {kind.__name__} for {options}")

    assert fails(openai.BadRequestError, temperature=-1).param == "temperature"
    fails(openai.BadRequestError, messages=[])
    fails(openai.BadRequestError, extra_body={"unheard_of": 1})
    fails(openai.BadRequestError, messages=[{"role": "user", "content": "word " * 20000}])
    assert fails(openai.NotFoundError, model="another").code == "model_not_found"
    fails(openai.BadRequestError, logprobs=True, top_logprobs=21)
    fails(openai.BadRequestError, top_logprobs=2)
    stranger = openai.OpenAI(base_url=server.url, api_key="wrong", max_retries=0)
    try:
        stranger.models.list()
        raise AssertionError("a wrong key was accepted")
    except openai.AuthenticationError:
        pass


def check_many_clients(server, clients):
    def ask(number):
        client = openai.OpenAI(base_url=server.url, api_key=KEY, max_retries=0, timeout=900)
        options = dict(model=server.name, messages=[{"role": "user", "content": f"Say the number {number}."}], seed=number, max_tokens=16)
        if number % 2:
            return sum(1 for chunk in client.chat.completions.create(stream=True, **options) if chunk.choices)
        return len(client.chat.completions.create(**options).choices)

    began = time.time()
    most = (0, 0)
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        waiting = [pool.submit(ask, number) for number in range(clients)]
        while not all(future.done() for future in waiting):
            most = tuple(map(max, most, server.threads_and_megabytes()))
            time.sleep(0.1)
    failed = [future.exception() for future in waiting if future.exception()]
    assert not failed, f"{len(failed)} of {clients} failed, the first with {failed[0]!r}"
    assert most[0] <= clients + 40, f"{most[0]} threads"
    print(f"{clients} clients at once: all answered in {time.time() - began:.1f} s; {most[0]} threads and {most[1]} MB at most")


def check_embeddings(drover, encoder):
    with Server(drover, encoder) as server:
        for form in (openai.NOT_GIVEN, "float"):
            answer = server.client.embeddings.create(model=encoder, input=["A cat sits.", "A kitten sits.", "Taxes rise."], encoding_format=form)
            a, b, c = (entry.embedding for entry in answer.data)
            dot = lambda x, y: sum(p * q for p, q in zip(x, y))
            assert abs(dot(a, a) - 1) < 1e-4 and dot(a, b) > dot(a, c)


def check_two_models(drover, model, encoder):
    with Server(drover, model, encoder) as server:
        assert [entry.id for entry in server.client.models.list()] == [model, encoder]
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            chats = [pool.submit(server.client.chat.completions.create, model=model, messages=ASK, temperature=0, max_tokens=16) for _ in range(8)]
            vectors = [pool.submit(server.client.embeddings.create, model=encoder, input=["A cat sits."] * 100) for _ in range(4)]
            assert all("Paris" in future.result().choices[0].message.content for future in chats)
            assert all(len(future.result().data) == 100 for future in vectors)
        for name, kind in (("another", openai.NotFoundError), (encoder, openai.BadRequestError)):
            try:
                server.client.chat.completions.create(model=name, messages=ASK)
                raise AssertionError(f"{name} answered a chat")
            except kind:
                pass


def main():
    parser = argparse.ArgumentParser()
    built = pathlib.Path(__file__).parents[2] / "build/release/src/drover"
    parser.add_argument("drover", nargs="?", default=os.environ.get("DROVER", str(built)))
    parser.add_argument("--model", default="smollm2-135m-instruct")
    parser.add_argument("--encoder", default="all-minilm-l6-v2")
    parser.add_argument("--clients", type=int, default=256)
    arguments = parser.parse_args()
    with Server(arguments.drover, arguments.model) as server:
        for check in (check_chat, check_tools, check_schema, check_completions_and_models, check_errors):
            check(server)
            print(f"{check.__name__.removeprefix('check_')}: as the client expects")
        check_many_clients(server, arguments.clients)
    check_embeddings(arguments.drover, arguments.encoder)
    print("embeddings: as the client expects")
    check_two_models(arguments.drover, arguments.model, arguments.encoder)
    print("two models: as the client expects")


if __name__ == "__main__":
    main()
