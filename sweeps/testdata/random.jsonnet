// Draws depend on the seed and the names of axes, not on their order.
local d = import 'daybook.libsonnet';
local rank = d.rank([2, 4, 8, 16, 32, 64]);
local lr = d.axis('lr', 'train.learning_rate', [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4]);
local epochs = d.epochs([1, 2, 3]);
d.sweep('random', import 'base.libsonnet', d.grid([
  d.random(5, 42, [rank, lr, epochs]),
  d.seed([0, 1]),
]), keep=function(p) p.seed == 0 || p.epochs > 1)
