// What the base computes from a field follows the axis that sets the field,
// also when an axis replaces or extends a whole object.
local d = import 'daybook.libsonnet';
d.sweep('late', (import 'base.libsonnet') + {
  train: {
    grad_accum: 16 / self.batch_size,
    lora: { rank: 16, alpha: 2 * self.rank },
    epochs: if $.data.subset.op == 'all' then 1 else 3,
  },
  data+: { subset: d.all },
}, d.grid([
  d.axis('lora', 'train.lora+', [['small', { rank: 4 }], ['plain', { rank: 8, rslora: true, dropout: 0 }]]),
  d.axis('batch', 'train.batch_size', [1, 2]),
  d.data([['few', d.take(5)], ['all', d.all]]),
  d.axis('recipe', '', [['usual', {}], ['hot', { train+: { learning_rate: 1e-3 } }]]),
]))
