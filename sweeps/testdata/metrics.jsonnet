// Metrics, baselines, and selection by a metric with parameters.
local d = import 'daybook.libsonnet';
local f1 = d.field_f1('medications', match=['name', 'dose']);
local schema = { type: 'object', required: ['medications'] };
d.sweep('metrics', (import 'base.libsonnet') + {
  eval: {
    metrics: [
      'loss', 'perplexity', 'token_accuracy', 'exact_match', 'json_valid', d.schema_valid(schema), f1,
      d.field_precision('medications'), d.field_recall('medications'), d.invented('medications'),
    ],
    select: f1,
    by: ['quality', 'year'],
    baselines: [d.k_shot(3), d.k_shot(3, seed=1), d.unquantized],
  },
  train: { early_stopping: { patience: 2, min_delta: 0.01 } },
})
