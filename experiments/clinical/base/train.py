# /// script
# requires-python = ">=3.10"
# dependencies = ["torch==2.11.0", "tokenizers==0.23.2", "safetensors==0.8.0", "numpy==2.5.2"]
# ///
"""Trains the experiment's base model from nothing: tokenizer, then weights.

    uv run train.py --out .           on a GPU, in minutes
    uv run train.py --device cpu --steps 20 --documents 2000 --out /some/folder

The documents come from corpus.py; the seed decides them. Weights differ in
their last bits between GPUs and versions, so the committed model is the record
of one such run, and its model card says how it scored.
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import time

import numpy
import torch
import torch.nn.functional as F
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

import corpus
import llama

ROW = 512  # tokens; every row begins with the beginning of a document
CHUNK = 2000  # documents made and tokenized at once
SPECIAL = [corpus.END, corpus.START, corpus.STOP]
TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)


def train_tokenizer(documents, vocab):
    t = Tokenizer(models.BPE())
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    t.decoder = decoders.ByteLevel()
    t.train_from_iterator(documents, trainers.BpeTrainer(
        vocab_size=vocab, special_tokens=[AddedToken(s, special=True, normalized=False) for s in SPECIAL],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False,
    ))
    return t


def rows(job):
    """Tokens of CHUNK documents in rows; a document that crosses the end of a row is cut there."""
    tokenizer, seed = job
    end = tokenizer.token_to_id(corpus.END)
    out, row = [], []
    for e in tokenizer.encode_batch(corpus.documents(seed, CHUNK)):
        row += e.ids + [end]
        if len(row) >= ROW:
            out.append(row[:ROW])
            row = []
    return numpy.array(out, dtype=numpy.uint16).reshape(-1, ROW)


def make_rows(args):
    began = time.time()
    os.environ["RAYON_NUM_THREADS"] = "1"  # the processes are the parallelism
    sample = corpus.documents(args.seed + 1, 4000)
    tokenizer = train_tokenizer(sample + corpus.dictionary() * 40, args.vocab)
    jobs = [(tokenizer, (args.seed + 2) * 1_000_003 + i) for i in range(args.documents // CHUNK)]
    with multiprocessing.get_context("fork").Pool(args.workers) as pool:
        parts = pool.map(rows, jobs, chunksize=1)
    data = numpy.concatenate(parts)
    print("%d documents, %d rows, %.1fM tokens in %.0f s" % (args.documents, len(data), data.size / 1e6, time.time() - began), flush=True)
    return tokenizer, data


def rate(step, steps, peak):
    """Warmup, constant, then a linear fall over the last third."""
    if step < 200:
        return peak * (step + 1) / 200
    return peak * min(1.0, 0.01 + (steps - step) / (steps / 3))


def train(args, tokenizer, data):
    end = tokenizer.token_to_id(corpus.END)
    torch.manual_seed(args.seed)
    model = llama.Llama(llama.config(tokenizer.get_vocab_size(), args.layers, args.intermediate, tokenizer.token_to_id(corpus.STOP), end)).to(args.device)
    count = sum(p.numel() for p in model.parameters())
    print("%d parameters" % count, flush=True)
    decayed = [p for p in model.parameters() if p.dim() == 2]
    others = [p for p in model.parameters() if p.dim() < 2]
    gpu = args.device == "cuda"
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], betas=(0.9, 0.95), fused=gpu)
    data = torch.from_numpy(data.astype(numpy.int16)).to(args.device)
    run = torch.compile(model) if gpu else model
    order, began = None, time.time()
    for step in range(args.steps):
        at = step * args.batch % (len(data) - args.batch + 1) if len(data) > args.batch else 0
        if order is None or at < args.batch:
            order = torch.randperm(len(data), device=args.device)
        batch = data[order[at : at + args.batch]].long()
        with torch.autocast(args.device, torch.bfloat16, enabled=gpu):
            logits = run(batch[:, :-1])
        loss = F.cross_entropy(logits.float().flatten(0, 1), batch[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, args.steps, args.lr)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 250 == 0 or step == args.steps - 1:
            print("step %d loss %.4f %.0f s" % (step, loss.item(), time.time() - began), flush=True)
        if step + 1 in args.keep:
            write(args.out / ("step-%d" % (step + 1)), model, tokenizer)
    return model


def write(folder, model, tokenizer):
    folder.mkdir(parents=True, exist_ok=True)
    llama.save(model, folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": model.config["max_position_embeddings"], "bos_token": None,
        "eos_token": corpus.STOP, "pad_token": corpus.END, "add_prefix_space": False, "clean_up_tokenization_spaces": False,
        "added_tokens_decoder": {
            str(tokenizer.token_to_id(s)): {"content": s, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
            for s in SPECIAL
        },
        "chat_template": TEMPLATE,
    }
    generation = {"do_sample": False, "eos_token_id": [model.config["eos_token_id"], model.config["pad_token_id"]], "pad_token_id": model.config["pad_token_id"]}
    for name, value in (("tokenizer_config.json", settings), ("generation_config.json", generation)):
        (folder / name).write_text(json.dumps(value, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--batch", type=int, default=64, help="rows of 512 tokens in a step")
    parser.add_argument("--documents", type=int, default=960_000)
    parser.add_argument("--vocab", type=int, default=1024)
    parser.add_argument("--layers", type=int, default=5)
    parser.add_argument("--intermediate", type=int, default=320)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--keep", type=int, nargs="*", default=[], help="steps after which to write a checkpoint too")
    args = parser.parse_args()
    tokenizer, data = make_rows(args)
    write(args.out, train(args, tokenizer, data), tokenizer)


if __name__ == "__main__":
    main()
