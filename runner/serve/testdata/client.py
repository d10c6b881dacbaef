"""Asks a server through OpenAI's own client, as its users do.

    pip install openai==3.57.0
    python client.py URL <questions.json

Questions are a list of {"model", "prompt"}. Every one is asked whole and as a stream, all
at once. What is printed is a list of {"whole", "finish", "streamed", "usage"} in their
order, and the errors that bad requests are told.
"""

import asyncio
import json
import sys

import openai


async def ask(client, question):
    request = dict(model=question["model"], messages=[{"role": "user", "content": question["prompt"]}], max_tokens=48)
    whole = await client.chat.completions.create(**request)
    streamed, usage, finish = "", None, None
    async for chunk in await client.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}):
        if chunk.usage is not None:
            usage = chunk.usage.total_tokens
        for choice in chunk.choices:
            streamed += choice.delta.content or ""
            finish = choice.finish_reason or finish
    assert finish == whole.choices[0].finish_reason, (finish, whole)
    assert usage == whole.usage.total_tokens, (usage, whole)
    assert whole.choices[0].message.role == "assistant", whole
    return {"whole": whole.choices[0].message.content, "finish": finish, "streamed": streamed, "usage": usage}


async def errors(client):
    """The class and code of the error that the client makes of each bad request."""
    hi = [{"role": "user", "content": "hi"}]
    out = []
    for request in (
        dict(model="gpt-4", messages=hi),
        dict(model="base", messages=hi, n=2),
        dict(model="base", messages=[{"role": "user", "content": "lisinopril " * 2000}]),
    ):
        try:
            await client.chat.completions.create(**request)
            out.append("none")
        except openai.APIStatusError as e:
            out.append(f"{type(e).__name__} {e.code} {e.param}")
    return out


async def conversation(client):
    """A second turn, made of the client's own message object, in parts."""
    messages = [{"role": "developer", "content": "Be brief."}, {"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    first = await client.chat.completions.create(model="base", messages=messages, max_completion_tokens=8, temperature=1, seed=3, stop=["\n\n"])
    messages += [first.choices[0].message, {"role": "user", "content": "again"}]
    second = await client.chat.completions.create(model="base", messages=messages, max_completion_tokens=8)
    return second.usage.prompt_tokens > first.usage.prompt_tokens


async def main(url):
    client = openai.AsyncOpenAI(base_url=url + "/v1", api_key="k", max_retries=0)
    models = [m.id for m in (await client.models.list()).data]
    answers = await asyncio.gather(*(ask(client, q) for q in json.load(sys.stdin)))
    json.dump({"version": openai.__version__, "models": models, "answers": answers, "errors": await errors(client), "goes_on": await conversation(client)}, sys.stdout)


asyncio.run(main(sys.argv[1]))
