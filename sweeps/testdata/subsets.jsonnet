// Every subset operation, nested too.
local d = import 'daybook.libsonnet';
local clean = { quality: 'clean' };
d.sweep('subsets', import 'base.libsonnet', d.data([
  ['all', d.all],
  ['take', d.take(300, clean, seed=1)],
  ['any', d.take(300)],
  ['half', d.fraction(0.5)],
  ['clean', d.where({ quality: ['clean', 'gold'], year: 2024, checked: true, note: null })],
  ['union', d.union([d.where(clean), d.take(20, { quality: 'noisy' }, seed=3)])],
  ['except', d.except(d.all, d.ids(['n-1', 'n-2']))],
  ['rest', d.except(d.all, [d.where(clean), d.fraction(0.1, seed=9)])],
  ['ids', d.ids(std.split(std.rstripChars(importstr 'ids.txt', '\n'), '\n'))],
]))
