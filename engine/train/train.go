package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"time"

	"daybook/engine"
	"daybook/engine/checkpoint"
	"daybook/engine/model"
)

// ErrInterrupted reports a run that stopped because its context was done. Its
// state is in a checkpoint; nothing is lost.
var ErrInterrupted = errors.New("interrupted")

// StepError says at which optimizer step a run broke, and where in the model.
type StepError struct {
	Step  int    // from 1
	Where string // such as "layer 3", "loss" or a parameter's name; "" if unknown
	Err   error
}

func (e *StepError) Error() string {
	if e.Where == "" {
		return fmt.Sprintf("step %d: %v", e.Step, e.Err)
	}
	return fmt.Sprintf("step %d: %s: %v", e.Step, e.Where, e.Err)
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// Job is a run to be trained.
type Job struct {
	Backend  engine.Backend
	Source   engine.Source
	Base     [32]byte // digest of the base as Source lends it, quantization included
	Training engine.Training
	Examples []engine.Example // none longer than MaxSeqLen; their order matters

	// Initial is the adapter to start from; nil means engine.NewHostAdapter
	// with Training.Seed.
	Initial *engine.HostAdapter

	// Info goes into the adapter_config.json of the adapters written.
	Info checkpoint.AdapterInfo

	// Dir receives checkpoints and the adapters of the epochs; it is created.
	Dir string
	// Resume is the checkpoint to go on from, in Dir or in another run's
	// folder; "" starts from nothing. Latest finds one.
	Resume string
	// CheckpointEvery is the number of steps after which a checkpoint is
	// written, beside those at the end of an epoch and on interruption; 0: none.
	CheckpointEvery int

	// Evaluate measures the adapter of an epoch, which is in use in m and
	// already lies in the folder adapter in PEFT layout. What it returns must
	// include Training.Select, or be empty if there was nothing to measure. Of
	// epochs without measurements, as also if Evaluate is nil, the last is chosen.
	Evaluate func(ctx context.Context, epoch int, adapter string, m *model.Model) (map[string]float64, error)
	// Room is what Evaluate needs, where that is more than training takes.
	Room Room

	// Emit hears every event in order; an error from it ends the run.
	Emit func(Event) error
	// Position is kept in each checkpoint and given back in Resumed: where the
	// caller's journal stood. nil: always 0.
	Position func() int64
	// Now is the clock behind Seconds; nil: they are 0.
	Now func() time.Time
}

// Room is what an evaluation needs of a model and of its device.
type Room struct {
	// Tokens and Documents are those of a batch: at least the longest example or
	// prompt, and the sequences decoded together. More tokens make it faster, and
	// every layer's activations larger.
	Tokens, Documents int
	Positions         int // of each sequence that is decoded, Documents together; 0 if none is
}

// Options returns those of a model that only evaluates.
func (r Room) Options() model.Options {
	o := model.Options{MaxTokens: r.Tokens, MaxDocuments: r.Documents}
	if r.Positions > 0 {
		o.Slots, o.Positions = r.Documents, r.Positions
	}
	return o
}

// Result is a finished run.
type Result struct {
	Epoch    int                 // the chosen one, from 1
	Adapter  *engine.HostAdapter // its adapter
	Path     string              // its folder, relative to Job.Dir
	Epochs   []Epoch             // all of them, in order
	Steps    int
	Tokens   int  // trained on, in all epochs
	Early    bool // early stopping ended it
	EightBit int  // trainable parameters with 8-bit optimizer state
	Params   int  // trainable parameters
}

// run is a Job under way.
type run struct {
	Job
	order     *Order
	model     *model.Model
	optimizer engine.Optimizer
	identity  [32]byte // digest of everything that decides the result
	state     state
	began     time.Time   // by Job.Now
	before    float64     // seconds of the runs that this one goes on from
	saved     *Checkpoint // of exactly the present state; nil if there is none
}

// Run trains j from its beginning or from a checkpoint, and returns the epoch
// that Training.Select prefers. When ctx is done, the step or evaluation under
// way ends, a checkpoint is written, and the error wraps both ErrInterrupted and
// the context's; if it can't be written, the error says why and wraps neither. A value that is not finite ends the run with a *StepError that
// wraps engine.ErrNonFinite; the step it happened in is not emitted.
func Run(ctx context.Context, j Job) (_ *Result, err error) {
	r, err := newRun(ctx, j)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	defer func() { err = errors.Join(err, r.close()) }()
	if err := r.open(); err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	for !r.over() {
		if err := r.epoch(ctx); err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
	}
	res, err := r.finish()
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	return res, nil
}

// newRun makes everything that a job needs before its first step.
func newRun(ctx context.Context, j Job) (*run, error) {
	if err := j.validate(); err != nil {
		return nil, err
	}
	order, err := NewOrder(context.WithoutCancel(ctx), j.Training, j.Examples) // an interrupted run ends at a step
	if err != nil {
		return nil, err
	}
	r := &run{Job: j, order: order}
	r.began = r.now()
	d := model.Demand{Shape: j.Source.Shape(), Options: order.Options(j.Training, j.Room), Optimizer: j.Training.Optimizer, Base: j.Source.Bytes()}
	o := d.Options
	if o.Checkpointing, err = d.Fit(j.Backend, d.Base); err != nil {
		return nil, err
	}
	r.model, err = model.New(j.Backend, j.Source, o)
	if err != nil {
		return nil, err
	}
	if err := r.begin(); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// begin puts the adapter to start from and its optimizer on the device.
func (r *run) begin() (err error) {
	if r.Initial == nil {
		r.Initial = engine.NewHostAdapter(r.model.Shape(), r.Training.LoRA, r.Training.Seed)
	}
	if err := r.model.Trained().Upload(r.Initial); err != nil {
		return err
	}
	r.optimizer, err = r.Backend.NewOptimizer(r.Training.Optimizer, r.model.Trained().Params())
	if err != nil {
		return fmt.Errorf("optimizer: %w", err)
	}
	r.identity, err = r.digest()
	return err
}

// close gives back what the run holds on the device.
func (r *run) close() error {
	return errors.Join(engine.Close(r.optimizer), r.model.Close())
}

func (j Job) validate() error {
	t, s := j.Training, j.Source.Shape()
	switch {
	case j.Dir == "":
		return errors.New("no folder for checkpoints")
	case !(t.LearningRate > 0) || math.IsInf(t.LearningRate, 0):
		return fmt.Errorf("learning rate %v: must be positive", t.LearningRate)
	case !(t.WarmupRatio >= 0 && t.WarmupRatio <= 1):
		return fmt.Errorf("warmup ratio %v: must be in [0, 1]", t.WarmupRatio)
	case !(t.MaxGradNorm >= 0):
		return fmt.Errorf("max grad norm %v: must not be negative", t.MaxGradNorm)
	case t.Patience < 0 || !(t.MinDelta >= 0):
		return fmt.Errorf("early stopping after %d epochs within %v: neither may be negative", t.Patience, t.MinDelta)
	case t.Patience > 0 && j.Evaluate == nil:
		return errors.New("early stopping needs an evaluation")
	case j.CheckpointEvery < 0:
		return fmt.Errorf("a checkpoint every %d steps: must not be negative", j.CheckpointEvery)
	}
	switch t.Schedule {
	case "linear", "cosine", "constant":
	default:
		return fmt.Errorf("schedule %q: want linear, cosine or constant", t.Schedule)
	}
	for i, e := range j.Examples {
		if len(e.Tokens) > s.MaxPositions {
			return fmt.Errorf("example %d (record %d): %d tokens: the base has %d positions", i, e.Record, len(e.Tokens), s.MaxPositions)
		}
	}
	return nil
}

// open restores the checkpoint to resume from, if any, and says how the run begins.
func (r *run) open() error {
	started := Started{Steps: r.order.Steps, Skipped: r.order.Skipped, Order: r.order.Digest}
	started.EightBit, started.Parameters = r.optimizer.Quantized()
	if r.Resume == "" {
		r.state = state{Epoch: 1}
		if err := prepare(r.Dir); err != nil {
			return err
		}
		return r.emit(&started)
	}
	if err := r.restore(r.Resume); err != nil {
		return fmt.Errorf("resume: %s: %w", r.Resume, err)
	}
	return r.emit(&Resumed{Started: started, Checkpoint: r.Resume, Step: r.state.Step, Position: r.state.Position, Seconds: r.before})
}

// over says whether the last epoch is done, or patience has run out.
func (r *run) over() bool {
	return r.state.Epoch > r.Training.Epochs || r.early()
}

func (r *run) early() bool {
	return r.Training.Patience > 0 && r.state.Stale >= r.Training.Patience
}

func (r *run) finish() (*Result, error) {
	s := &r.state
	chosen := s.History[s.Best-1]
	adapter, err := readAdapter(filepath.Join(r.Dir, chosen.Path), r.model.Shape(), r.Training.LoRA)
	if err != nil {
		return nil, err
	}
	res := &Result{Epoch: s.Best, Adapter: adapter, Path: chosen.Path, Steps: s.Step, Tokens: s.Tokens, Early: r.early()}
	for _, h := range s.History {
		res.Epochs = append(res.Epochs, h.event(r.Training.Select))
	}
	res.EightBit, res.Params = r.optimizer.Quantized()
	return res, r.emit(&Finished{Epoch: res.Epoch, Path: res.Path, Steps: res.Steps, Tokens: res.Tokens, Early: res.Early})
}

func (r *run) emit(e Event) error {
	if r.Emit == nil {
		return nil
	}
	if err := r.Emit(e); err != nil {
		return fmt.Errorf("event: %w", err)
	}
	return nil
}

// since returns the seconds on the job's clock since an earlier reading.
func (r *run) since(t time.Time) float64 {
	if r.Now == nil {
		return 0
	}
	return r.Now().Sub(t).Seconds()
}

func (r *run) now() time.Time {
	if r.Now == nil {
		return time.Time{}
	}
	return r.Now()
}
