// What the quick sweep and the full one share: base, split, training and metrics.
local d = import 'daybook.libsonnet';

local found = d.field_f1('medications', match='name');

{
  base: { model: 'base', quantization: 'nf4', double_quant: true },
  data: {
    source: 'data/notes.jsonl',
    group_by: 'patient',  // a patient's notes repeat the same drugs
    validation: { count: 80, seed: 42, where: { quality: 'clean' } },
    test: { count: 200, seed: 42, where: { quality: 'clean' } },
    subset: d.all,
  },
  train: {
    epochs: 3,
    // Rows of 256 tokens hold two records on average, so a step sees about eight.
    max_seq_len: 256,
    packing: true,
    batch_size: 4,
    grad_accum: 1,
    learning_rate: 2e-3,
    schedule: 'linear',
    warmup_ratio: 0.03,
    optimizer: 'adamw_8bit',
    loss_on: 'assistant',
    lora: { rank: 8, alpha: 2 * self.rank, dropout: 0.05, targets: d.all_linear },
  },
  eval: {
    select: found,
    generate: { max_new_tokens: 144 },  // the longest answer has 128
    metrics: ['loss', 'json_valid', found, d.invented('medications')],
    by: ['style'],
    baselines: [d.k_shot(1, seed=1), d.unquantized],
    batch_size: 100,
  },
  seed: 0,
}
