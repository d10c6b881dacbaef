// 200 careful records, 300 careless ones, and both together: what does each
// teach, and does a larger adapter change the answer? 18 trainings, under three
// minutes on two cores.
//
// The counts are for comparisons that can be decided. The sets are .07 of F1
// apart, and the noisy one adds .06 to .08 to the clean one: three seeds and 300
// test records tell that from chance, on a CPU and on a GPU alike. With 300 and
// 500 records it adds .04 at rank 32, the edge of what they can tell. So as not
// to take longer, the sweep goes without dropout, a tenth of the arithmetic.
local d = import 'daybook.libsonnet';
local clinical = import 'clinical.libsonnet';

local clean = d.take(200, { quality: 'clean' }, seed=1);
local noisy = d.take(300, { quality: 'noisy' }, seed=1);

local quick = clinical {
  data+: { validation+: { count: 50 }, test+: { count: 300 } },
  train+: { lora+: { dropout: 0 } },
  eval+: { baselines: [d.unquantized] },
};

d.sweep('clinical', quick, d.grid([
  // At rank 32 nearly all of the adapter has 8-bit optimizer state; at rank 8
  // every tensor is under 4,096 elements and keeps 32 bits.
  d.rank([8, 32]),
  d.data([['clean', clean], ['noisy', noisy], ['both', d.union([clean, noisy])]]),
  d.seed([0, 1, 2]),
]))
