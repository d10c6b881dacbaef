// Values from the command line.
function(name, ranks) {
  local d = import 'daybook.libsonnet',
  result: d.sweep(name, (import 'base.libsonnet') + {
    base+: { model: std.extVar('model') },
    seed: std.extVar('seed'),
  }, d.rank(ranks)),
}.result
