// zip walks axes together; it nests in a grid, and a grid in a concat.
local d = import 'daybook.libsonnet';
d.sweep('zip', import 'base.libsonnet', d.concat([
  d.grid([
    d.zip([d.rank([4, 16]), d.axis('lr', 'train.learning_rate', [1e-3, 2e-4])]),
    d.seed([0, 1]),
  ]),
  d.grid([d.seed([7]), d.rank([64]), d.axis('lr', 'train.learning_rate', [1e-5])]),
]))
