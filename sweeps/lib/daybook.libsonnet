// The vocabulary of sweep files. `import 'daybook.libsonnet'` finds it from
// anywhere; it is built into the binary and is plain Jsonnet, so any other
// Jsonnet tool evaluates a sweep to the same data:
//
//   { name, axes: [{ name, path, values }], runs: [{ axes: {...}, spec: {...} }] }
//
// Axes and their combinations (grid, zip, random, concat) are all "designs":
//
//   axes    [{ name, path, values }], in the order written; values are labels
//   points  [{ choices: [{ axis, label, value }], patch }]
//
// A patch is an object that is added to the base before it is manifested, so
// that what the base computes from a patched field follows it.

local most_points = 100000;  // more than this is a mistake, not a sweep

local is_scalar(v) = std.isString(v) || std.isNumber(v) || std.isBoolean(v);
local is_pair(v) = std.isArray(v) && std.length(v) == 2 && std.isString(v[0]);
local is_design(v) = std.isObject(v) && std.objectHasAll(v, 'points') && std.objectHasAll(v, 'axes');

local names(design) = [a.name for a in design.axes];
local quoted(list) = std.join(', ', ["'%s'" % x for x in list]);
local repeated(list) =
  local sorted = std.sort(list, std.toString);
  [sorted[i] for i in std.range(1, std.length(sorted) - 1) if sorted[i] == sorted[i - 1]];

// { a+: { b+: { c: value } } } for the path 'a.b.c'. With a path that ends in
// '+' the value is added to what is there instead of replacing it; with the
// empty path the value itself is the patch.
local patch(path, value) =
  local merges = std.endsWith(path, '+');
  local keys = std.split(if merges then path[:std.length(path) - 1] else path, '.');
  local last = std.length(keys) - 1;
  if path == '' then value
  else std.foldr(
    function(key, inner) { [key]+: inner },
    keys[:last],
    if merges then { [keys[last]]+: value } else { [keys[last]]: value },
  );

local axis(caller, name, path, values) =
  local choice(i) =
    local v = values[i];
    if is_pair(v) then { label: v[0], shown: v[0], value: v[1] }
    else if is_scalar(v) then { label: v, shown: v, value: v }
    else error "%s: value %d is of type %s and needs a label: write ['label', value]" % [caller, i + 1, std.type(v)];
  local choices = [choice(i) for i in std.range(0, std.length(values) - 1)];
  local again = repeated([std.toString(c.label) for c in choices]);
  if !std.isString(name) then error '%s: the name of an axis must be a string, not of type %s' % [caller, std.type(name)]
  else if !std.isString(path) then error '%s: the path of an axis must be a string such as "train.lora.rank", not of type %s' % [caller, std.type(path)]
  else if !std.isArray(values) then error '%s: the values must be an array, not of type %s' % [caller, std.type(values)]
  else if values == [] then error "%s: axis '%s' has no values" % [caller, name]
  else if again != [] then error "%s: axis '%s' has the value %s twice" % [caller, name, again[0]]
  else {
    axes: [{ name: name, path: path, values: [c.label for c in choices] }],
    points: [{
      choices: [{ axis: name, label: c.label, value: c.shown }],
      patch: patch(path, c.value),
    } for c in choices],
  };

// A list of designs for a combinator, or an error that names the caller.
local designs(caller, list) =
  if !std.isArray(list) then error '%s: expected an array of axes, not a value of type %s' % [caller, std.type(list)]
  else [
    if is_design(list[i]) then list[i]
    else error '%s: item %d is not an axis but of type %s' % [caller, i + 1, std.type(list[i])]
    for i in std.range(0, std.length(list) - 1)
  ];

// What keeps axes from applying together, or null: they must differ in name
// and set different fields.
local clash(parts) =
  local axes = std.flattenArrays([p.axes for p in parts]);
  local same_name = repeated([a.name for a in axes]);
  local same_path = repeated([a.path for a in axes if a.path != '' && !std.endsWith(a.path, '+')]);
  if same_name != [] then "there are two axes named '%s'" % same_name[0]
  else if same_path != [] then "two axes set '%s'" % same_path[0]
  else null;

// Both points at once. Of many thousands of points every part counts: what is asked
// of a spec is looked for in all patches that it is made of, so that there is none
// that sets nothing.
local both(p, q) = { choices: p.choices + q.choices, patch: p.patch + q.patch };
local join(points) =
  if points == [] then { choices: [], patch: {} }
  else std.foldl(both, points[1:], points[0]);

local count(parts) = std.foldl(function(n, p) n * std.length(p.points), parts, 1);

local grid(caller, list) =
  local parts = designs(caller, list);
  if count(parts) > most_points then error '%s: %d combinations are too many; d.random(n, seed, axes) draws some of them' % [caller, count(parts)]
  else if clash(parts) != null then error '%s: %s' % [caller, clash(parts)]
  else {
    axes: std.flattenArrays([p.axes for p in parts]),
    points: if parts == [] then [join([])] else std.foldl(
      function(points, part) [both(p, q) for p in points for q in part.points],
      parts[1:],
      parts[0].points,
    ),
  };

// A number in [0, 2^32) that depends on the text alone. Written out, because
// std.parseHex takes fifteen times as long and a search draws thousands.
local digit = { [std.toString(i)]: i for i in std.range(0, 9) } + { a: 10, b: 11, c: 12, d: 13, e: 14, f: 15 };
local hash(text) =
  local m = std.md5(text);
  local high = ((digit[m[0]] * 16 + digit[m[1]]) * 16 + digit[m[2]]) * 16 + digit[m[3]];
  local low = ((digit[m[4]] * 16 + digit[m[5]]) * 16 + digit[m[6]]) * 16 + digit[m[7]];
  high * 65536 + low;

// The point of each part in draw k. It depends on the seed, k and the names
// of the part's own axes, so that writing axes in another order draws the same runs.
local draw(parts, prefixes, k) = [
  hash(prefixes[i] + k) % std.length(parts[i].points)
  for i in std.range(0, std.length(parts) - 1)
];

// The first n different draws. At first as many draws are looked at as should
// give n different ones, then twice as many, and so on.
local draws(parts, prefixes, n, looked) =
  local drawn = [draw(parts, prefixes, k) for k in std.range(0, looked - 1)];
  local ids = [std.join(',', std.map(std.toString, d)) for d in drawn];
  local order = std.sort(std.range(0, looked - 1), function(k) [ids[k], k]);
  local firsts = [order[i] for i in std.range(0, looked - 1) if i == 0 || ids[order[i]] != ids[order[i - 1]]];
  if std.length(firsts) < n then draws(parts, prefixes, n, 2 * looked) tailstrict
  else [drawn[k] for k in std.sort(firsts)[:n]];

local unique(list) = std.foldl(function(seen, x) if std.member(seen, x) then seen else seen + [x], list, []);

{
  // sweep(name, base, axes): a run for every point of axes that keep accepts.
  // keep is called with an object of axis names: labels where the value has
  // one, else the value.
  sweep(name, base, axes=[], keep=function(point) true)::
    local design = if is_design(axes) then axes else grid('d.sweep', axes);
    local kept = [
      point
      for point in design.points
      if keep({ [c.axis]: c.value for c in point.choices })
    ];
    if !std.isObject(base) then error 'd.sweep: the base must be an object, not of type %s' % std.type(base)
    else if kept == [] then error 'd.sweep: keep accepts none of the %d runs' % std.length(design.points)
    else {
      name: name,
      axes: design.axes,
      runs: [{
        axes: { [c.axis]: c.label for c in point.choices },
        spec: base + point.patch,
      } for point in kept],
    },

  // axis(name, path, values): each value is put at the path of the spec.
  // Scalars label themselves; anything else is written ['label', value].
  axis(name, path, values):: axis('d.axis', name, path, values),
  rank(values):: axis('d.rank', 'rank', 'train.lora.rank', values),
  epochs(values):: axis('d.epochs', 'epochs', 'train.epochs', values),
  data(values):: axis('d.data', 'data', 'data.subset', values),
  seed(values):: axis('d.seed', 'seed', 'seed', values),

  // Every combination; the last axis varies fastest.
  grid(axes):: grid('d.grid', axes),

  // First with first, second with second, and so on.
  zip(axes)::
    local parts = designs('d.zip', axes);
    local lengths = [std.length(p.points) for p in parts];
    if parts == [] then error 'd.zip: there are no axes'
    else if std.length(std.set(lengths)) > 1 then
      error 'd.zip: the axes have different numbers of values: %s' % std.join(', ', ['%s has %d' % [std.join('+', names(p)), std.length(p.points)] for p in parts])
    else if clash(parts) != null then error 'd.zip: %s' % clash(parts)
    else {
      axes: std.flattenArrays([p.axes for p in parts]),
      points: [join([p.points[i] for p in parts]) for i in std.range(0, lengths[0] - 1)],
    },

  // n different combinations, drawn with the seed.
  random(n, seed, axes)::
    local parts = designs('d.random', axes);
    if !std.isNumber(n) || n < 1 || n != std.floor(n) then error 'd.random: n must be a whole number of at least 1'
    else if n > most_points then error 'd.random: %d runs are too many' % n
    else if !std.isNumber(seed) then error 'd.random: the seed must be a number, not of type %s' % std.type(seed)
    else if n > count(parts) then error 'd.random: %d runs asked for, but there are only %d combinations' % [n, count(parts)]
    else if clash(parts) != null then error 'd.random: %s' % clash(parts)
    else {
      axes: std.flattenArrays([p.axes for p in parts]),
      local prefixes = ['%s/%s/' % [std.toString(seed), std.join(',', std.sort(names(p)))] for p in parts],
      points: [
        join([parts[i].points[drawn[i]] for i in std.range(0, std.length(parts) - 1)])
        for drawn in draws(parts, prefixes, n, 2 * n)
      ],
    },

  // The runs of one after the runs of the other. All have the same axes.
  concat(list)::
    local parts = designs('d.concat', list);
    local first = names(parts[0]);
    local path(p, name) = [a.path for a in p.axes if a.name == name][0];
    local odd = [p for p in parts if std.set(names(p)) != std.set(first)];
    local moved = [name for name in first for p in parts if path(p, name) != path(parts[0], name)];
    if parts == [] then error 'd.concat: there is nothing to join'
    else if odd != [] then error 'd.concat: all parts need the same axes; one has %s, another %s' % [quoted(first), quoted(names(odd[0]))]
    else if moved != [] then error "d.concat: axis '%s' sets a different path in each part" % moved[0]
    else {
      axes: [{
        name: a.name,
        path: a.path,
        values: unique(std.flattenArrays([b.values for p in parts for b in p.axes if b.name == a.name])),
      } for a in parts[0].axes],
      points: std.flattenArrays([p.points for p in parts]),
    },

  // Subsets: which of the training records a run sees.
  all:: { op: 'all' },
  take(n, where={}, seed=0):: { op: 'take', count: n, where: where, seed: seed },
  fraction(fraction, where={}, seed=0):: { op: 'fraction', fraction: fraction, where: where, seed: seed },
  where(where):: { op: 'where', where: where },
  union(subsets):: { op: 'union', of: subsets },
  except(subset, without):: { op: 'except', of: [subset] + (if std.isArray(without) then without else [without]) },
  ids(ids):: { op: 'ids', ids: ids },

  // The linear projections of a layer, in model order.
  all_linear:: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],

  // Metrics with parameters. match names the keys by which an extracted item
  // is paired with a gold one.
  field_f1(list, match='name'):: { kind: 'field_f1', list: list, match: match },
  field_precision(list, match='name'):: { kind: 'field_precision', list: list, match: match },
  field_recall(list, match='name'):: { kind: 'field_recall', list: list, match: match },
  invented(list):: { kind: 'invented', list: list },
  schema_valid(schema):: { kind: 'schema_valid', schema: schema },

  // Baselines besides the zero-shot one, which is always measured.
  k_shot(k, seed=0):: { kind: 'k_shot', shots: k, seed: seed },
  unquantized:: { kind: 'unquantized' },
  // An adapter that there is already, as a folder or name@version; name is its row's.
  adapter(name, ref):: { kind: 'adapter', name: name, adapter: ref },
}
