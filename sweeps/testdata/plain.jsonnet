// The library is a convenience: plain data is enough, and so is JSON.
local spec(rank, targets) = {
  base: { model: 'base', quantization: 'none' },
  data: { source: 'notes.jsonl', group_by: 'patient', test: { fraction: 0.2, seed: 3, where: { quality: 'clean' } } },
  train: { epochs: 5, optimizer: 'adamw', lora: { rank: rank, targets: targets }, gradient_checkpointing: 'full' },
};
{
  name: 'plain',
  axes: ['rank', { name: 'targets', values: ['attention', 'two'] }, 'packed'],
  runs: [
    { axes: { rank: 4, targets: 'two', packed: true }, spec: spec(4, ['v_proj', 'q_proj']) },
    { axes: { targets: 'attention', packed: false, rank: 2 }, spec: spec(2, ['o_proj', 'k_proj', 'v_proj', 'q_proj']) + { train+: { packing: false } } },
  ],
}
