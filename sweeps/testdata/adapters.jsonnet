// Adapters that there are already: beside the fine-tunes, and to go on from.
local d = import 'daybook.libsonnet';
d.sweep('adapters', (import 'base.libsonnet') + {
  eval: { baselines: [
    d.adapter('theirs', '../from-peft'),
    d.adapter('ours', { ref: 'clinical@v3', digest: std.repeat('0a', 32) }),
  ] },
  train+: { lora: { rank: 8, alpha: 8, rslora: true, init: 'clinical@best' } },
}, d.grid([
  d.axis('from', 'train.lora.init', [['v1', 'clinical@v1'], ['theirs', { ref: '../from-peft' }]]),
]))
