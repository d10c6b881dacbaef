// One run, no axes.
local d = import 'daybook.libsonnet';
d.sweep('single', import 'base.libsonnet')
