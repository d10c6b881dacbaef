// 300 careful records, 500 careless ones, and both together: what does each
// teach, and does a larger adapter change the answer? 12 trainings, under three
// minutes on two cores. For that it holds out about half of what full.jsonnet
// does, and goes without dropout, a tenth of the arithmetic.
local d = import 'daybook.libsonnet';
local clinical = import 'clinical.libsonnet';

local clean = d.take(300, { quality: 'clean' }, seed=1);
local noisy = d.take(500, { quality: 'noisy' }, seed=1);

local quick = clinical {
  data+: { validation+: { count: 50 }, test+: { count: 100 } },
  train+: { lora+: { dropout: 0 } },
  eval+: { baselines: [d.unquantized] },
};

d.sweep('clinical', quick, d.grid([
  // At rank 32 nearly all of the adapter has 8-bit optimizer state; at rank 8
  // every tensor is under 4,096 elements and keeps 32 bits.
  d.rank([8, 32]),
  d.data([['clean', clean], ['noisy', noisy], ['both', d.union([clean, noisy])]]),
  d.seed([0, 1]),
]))
