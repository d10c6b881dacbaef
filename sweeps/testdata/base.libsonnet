// What the feature tests share: the least a spec needs, with splits.
{
  base: { model: 'base' },
  data: { source: 'notes.jsonl', validation: { count: 10 }, test: { count: 10 } },
}
