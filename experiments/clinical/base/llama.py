"""A small Llama in PyTorch: enough to train the base, adapt it with LoRA and decode greedily.

Weights have Hugging Face's names, so that what is saved loads there unchanged.
"""

import json
import math
import pathlib

import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def config(vocab, layers, intermediate, end, pad):
    return {
        "_name_or_path": "daybook-clinical-base", "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": vocab, "hidden_size": 128,
        "intermediate_size": intermediate, "num_hidden_layers": layers, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 32, "hidden_act": "silu", "max_position_embeddings": 512, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "rope_scaling": None, "attention_bias": False, "mlp_bias": False, "attention_dropout": 0.0, "initializer_range": 0.04,
        "tie_word_embeddings": True, "use_cache": True, "pretraining_tp": 1, "bos_token_id": None, "eos_token_id": end,
        "pad_token_id": pad, "torch_dtype": "float16",
    }


class Norm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        y = x.float()
        y = y * torch.rsqrt(y.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * y.type_as(x)


class Linear(nn.Linear):
    """A linear layer without bias that may carry a LoRA adapter."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)
        self.scale = 0.0

    def adapt(self, rank, alpha, dropout, generator):
        bound = 1 / math.sqrt(self.in_features)
        a = (torch.rand(rank, self.in_features, generator=generator) * 2 - 1) * bound
        self.a = nn.Parameter(a.to(self.weight.device))
        self.b = nn.Parameter(torch.zeros(self.out_features, rank, device=self.weight.device))
        self.scale, self.dropout = alpha / rank, dropout

    def forward(self, x):
        y = F.linear(x, self.weight)
        if self.scale:
            y = y + self.scale * F.linear(F.linear(F.dropout(x, self.dropout, self.training), self.a), self.b)
        return y


def rotate(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


class Attention(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, self.kv, self.dim = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"]
        hidden = c["hidden_size"]
        self.q_proj, self.k_proj = Linear(hidden, self.heads * self.dim), Linear(hidden, self.kv * self.dim)
        self.v_proj, self.o_proj = Linear(hidden, self.kv * self.dim), Linear(self.heads * self.dim, hidden)

    def forward(self, x, cos, sin, mask, cache):
        n, t, _ = x.shape  # x (rows, tokens, hidden)
        q = rotate(self.q_proj(x).view(n, t, self.heads, self.dim).transpose(1, 2), cos, sin)
        k = rotate(self.k_proj(x).view(n, t, self.kv, self.dim).transpose(1, 2), cos, sin)
        v = self.v_proj(x).view(n, t, self.kv, self.dim).transpose(1, 2)
        if cache is not None:
            k, v = cache.extend(self, k, v)
        k, v = (y.repeat_interleave(self.heads // self.kv, 1) for y in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None)
        return self.o_proj(y.transpose(1, 2).reshape(n, t, -1))


class MLP(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.gate_proj, self.up_proj = (Linear(c["hidden_size"], c["intermediate_size"]) for _ in range(2))
        self.down_proj = Linear(c["intermediate_size"], c["hidden_size"])

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = (Norm(c["hidden_size"], c["rms_norm_eps"]) for _ in range(2))
        self.self_attn, self.mlp = Attention(c), MLP(c)

    def forward(self, x, *context):
        x = x + self.self_attn(self.input_layernorm(x), *context)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.config = c
        self.embed_tokens = nn.Embedding(c["vocab_size"], c["hidden_size"])
        self.layers = nn.ModuleList(Layer(c) for _ in range(c["num_hidden_layers"]))
        self.norm = Norm(c["hidden_size"], c["rms_norm_eps"])
        for name, p in self.named_parameters():
            if p.dim() == 2:
                residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(p, std=c["initializer_range"] / (math.sqrt(2 * len(self.layers)) if residual else 1))
        inverse = c["rope_theta"] ** (-torch.arange(0, c["head_dim"], 2).float() / c["head_dim"])
        angles = torch.arange(c["max_position_embeddings"]).float()[:, None] * inverse
        angles = torch.cat((angles, angles), -1)
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, tokens, positions=None, mask=None, cache=None):
        """Returns logits (rows, tokens, vocab). Without positions every row starts at 0 and attends causally."""
        if positions is None:
            cos, sin = self.cos[: tokens.shape[1]], self.sin[: tokens.shape[1]]
        else:
            cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]
        x = self.embed_tokens(tokens)
        cos, sin = cos.to(x.dtype), sin.to(x.dtype)
        for layer in self.layers:
            x = layer(x, cos, sin, mask, cache)
        return F.linear(self.norm(x), self.embed_tokens.weight)

    def linears(self):
        return {n: m for n, m in self.named_modules() if isinstance(m, Linear)}


class Cache:
    """Keys and values of what was read so far."""

    def __init__(self):
        self.held = {}

    def extend(self, key, k, v):
        if key in self.held:
            k, v = (torch.cat(pair, 2) for pair in zip(self.held[key], (k, v)))
        self.held[key] = k, v
        return k, v


@torch.no_grad()
def generate(model, prompts, most, end):
    """Greedy continuation of each prompt, without the end token."""
    device = model.cos.device
    longest = max(map(len, prompts))
    tokens = torch.tensor([[end] * (longest - len(p)) + p for p in prompts], device=device)
    seen = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device).bool()
    positions = (seen.cumsum(1) - 1).clamp(min=0)
    causal = torch.ones(longest, longest, device=device).tril().bool()
    eye = torch.eye(longest, device=device).bool()
    mask, cache = ((causal & seen[:, None]) | eye)[:, None], Cache()
    out, done = [], torch.zeros(len(prompts), device=device).bool()
    for _ in range(most):
        tokens = model(tokens, positions, mask, cache)[:, -1:].argmax(-1)
        done |= tokens[:, 0] == end
        out.append(torch.where(done, end, tokens[:, 0]))
        if done.all():
            break
        seen = F.pad(seen, (0, 1), value=True)
        mask, positions = seen[:, None, None], positions[:, -1:] + 1
    return [[t for t in row if t != end] for row in torch.stack(out, 1).tolist()]


def save(model, folder):
    weights = {"model." + n: p.detach().to("cpu", torch.float16).contiguous() for n, p in model.named_parameters()}
    save_file(weights, pathlib.Path(folder) / "model.safetensors", metadata={"format": "pt"})
    text = json.dumps(model.config, indent=2) + "\n"
    (pathlib.Path(folder) / "config.json").write_text(text)


def load(folder):
    model = Llama(json.loads((pathlib.Path(folder) / "config.json").read_text()))
    weights = load_file(pathlib.Path(folder) / "model.safetensors")
    model.load_state_dict({n.removeprefix("model."): w.float() for n, w in weights.items()})
    return model
