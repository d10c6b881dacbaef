// 300 careful records, 500 careless ones, and both together: what does each
// teach, and does a larger adapter change the answer? 12 trainings, minutes on
// two cores.
local d = import 'daybook.libsonnet';
local clinical = import 'clinical.libsonnet';

local clean = d.take(300, { quality: 'clean' }, seed=1);
local noisy = d.take(500, { quality: 'noisy' }, seed=1);

d.sweep('clinical', clinical, d.grid([
  // At rank 32 nearly all of the adapter has 8-bit optimizer state; at rank 8
  // every tensor is under 4,096 elements and keeps 32 bits.
  d.rank([8, 32]),
  d.data([['clean', clean], ['noisy', noisy], ['both', d.union([clean, noisy])]]),
  d.seed([0, 1]),
]))
