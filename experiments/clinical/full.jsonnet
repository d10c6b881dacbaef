// The same question with every record, five ranks and six epochs: which set
// wins when none is cut short, and after which epoch does training hurt? 45
// trainings, for a GPU or many cores.
local d = import 'daybook.libsonnet';
local clinical = import 'clinical.libsonnet';

d.sweep('clinical-full', clinical { train+: { epochs: 6 } }, d.grid([
  d.rank([4, 8, 16, 32, 64]),
  d.data([['clean', d.where({ quality: 'clean' })], ['noisy', d.where({ quality: 'noisy' })], ['all', d.all]]),
  d.seed([0, 1, 2]),
]))
