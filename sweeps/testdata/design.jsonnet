local d = import 'daybook.libsonnet';

d.sweep('clinical', {
  base: { model: 'base', quantization: 'nf4', double_quant: true },
  data: {
    source: 'data/notes.jsonl',
    validation: { count: 100, seed: 42, where: { quality: 'clean' } },
    test: { count: 200, seed: 42, where: { quality: 'clean' } },
    subset: d.all,
  },
  train: {
    epochs: 3, batch_size: 1, grad_accum: 8, learning_rate: 2e-4, schedule: 'linear', warmup_ratio: 0.03,
    optimizer: 'paged_adamw_8bit', max_seq_len: 2048, packing: true, loss_on: 'assistant',
    lora: { rank: 16, alpha: 2 * self.rank, dropout: 0.05, targets: d.all_linear },
  },
  eval: {
    select: 'loss',
    generate: { max_new_tokens: 256 },
    metrics: ['loss', 'json_valid', d.field_f1('medications', match='name'), d.invented('medications')],
    by: ['quality'],
  },
  seed: 0,
}, d.grid([
  d.rank([4, 16]),
  d.data([['clean', d.take(300, { quality: 'clean' }, seed=1)], ['all', d.all]]),
  d.seed([0, 1, 2]),
]), keep=function(p) !(p.rank == 16 && p.data == 'all'))
