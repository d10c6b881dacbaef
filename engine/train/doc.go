// Package train is the training loop: it takes a job of tokenized examples
// through epochs of optimizer steps on any backend, keeps and judges the adapter
// of every epoch, and can be stopped and resumed at any step without changing a
// byte of the result. It knows nothing of sweeps, files of records or the
// ledger; it emits events and leaves their recording to its caller.
//
// # Order
//
// Everything is laid out before the first step (see NewOrder). Each epoch visits
// every example exactly once, in a permutation drawn from the seed and the
// epoch's number. Without packing an example is a row. With packing, best-fit
// decreasing fills rows of MaxSeqLen tokens with whole documents; positions and
// attention restart at each of them, so a packed row computes what its documents
// compute apart, and nothing is split or dropped. BatchSize rows are a
// micro-batch, and GradAccum micro-batches a window. Windows don't cross the end
// of an epoch; the last of one may be short and is a step like any other.
//
// A step minimises the summed loss of its window divided by the number of
// targets in the whole window, however targets are spread over micro-batches. A
// window without a target has no loss: it is no step, moves no schedule, and is
// counted in Started.Skipped. The learning rate of step k, counted from 1, is
// that of k-1 in the schedule, so the first step of a warmup has rate 0, as in
// transformers.
//
// An epoch ends with its adapter written to Dir, Evaluate, and the choice of
// the best epoch so far by Training.Select: strictly better wins, so a tie
// stays with the earlier epoch, and where nothing is measured the last epoch is
// chosen. With Patience, a run ends once that many epochs in a row have failed
// to beat the best before them by more than MinDelta.
//
// # Determinism
//
// On one numerics class the result is a function of the fields of Job that enter
// its digest: Training without its memory settings, the examples'
// IDs in order, the base, and the initial adapter. Threads, memory settings,
// interruptions and the clock don't enter. Dropout masks depend on the seed, the
// number of the step and the example (see engine.Dropout), so they survive a
// resume; losses are read from the device token by token and summed in float64
// in a fixed order.
//
// A loss, gradient or state that is not finite makes the optimizer's step a
// no-op and ends the run with a *StepError before anything says that the step
// happened. The last checkpoint is then still good.
//
// # Checkpoints
//
// A checkpoint is a folder step-SSSSSSSS-epoch-EEE, named after the optimizer
// steps and the epochs that are done, in Dir:
//
//	adapter_model.safetensors, adapter_config.json   the adapter in PEFT layout, float32
//	optimizer.safetensors                            the optimizer's state, under its tensors' names
//	state.json                                       where the run stands
//
// state.json holds the version of this format, the numerics class, the digest of
// the job, the digest of the order, SHA-256 of the other files, and the state:
// steps, epoch, window, sums over the present epoch, the history of metrics, the
// best epoch, and the caller's journal position. It is indented JSON; metrics
// that could not be computed are null. The adapters of finished epochs lie
// beside the checkpoints, in epoch-EEE, also in PEFT layout.
//
// Checkpoints are written after an optimizer step or an evaluation and never
// between; each is written under a temporary name, synced and renamed, so that
// it is whole or absent, and then replaces the ones before it. Run refuses one
// of another format, numerics class or job, and one whose files don't match
// their digests. Resuming in another folder than the checkpoint's copies the
// adapters of the finished epochs there first.
package train
