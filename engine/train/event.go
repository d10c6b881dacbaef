package train

// Event is what Run tells Job.Emit: a *Started or *Resumed first; then *Step,
// *Epoch and *Checkpoint as they happen; *Finished last. What an event says has
// happened: a step's update is applied and finite, a checkpoint is on disk.
type Event interface{ event() }

// Started opens a run from nothing.
type Started struct {
	Steps      int // optimizer steps planned
	Skipped    int // windows without a target
	Parameters int // trainable
	EightBit   int // of those, with 8-bit optimizer state
	Order      [32]byte
}

// Resumed opens a run from a checkpoint.
type Resumed struct {
	Started
	Checkpoint string // folder
	Step       int    // steps done
	Position   int64  // what Job.Position returned when the checkpoint was written
	// Seconds are those of the runs that led to the checkpoint, up to it, by Job.Now.
	Seconds float64
}

// Step is one optimizer step.
type Step struct {
	Step     int     // from 1
	Epoch    int     // from 1
	Loss     float64 // mean nats per target token in the window
	Rate     float64 // learning rate
	GradNorm float64 // before clipping
	Tokens   int     // in the window
	Targets  int     // in the window
	Seconds  float64 // by Job.Now
}

// Epoch is a trained and evaluated epoch.
type Epoch struct {
	Epoch     int                // from 1
	TrainLoss float64            // mean nats per target token over the epoch
	Metrics   map[string]float64 // what Job.Evaluate returned
	Selected  float64            // Metrics[Training.Select]; NaN without evaluation
	Best      bool               // the best so far
	Path      string             // folder of the epoch's adapter, relative to Job.Dir
	Seconds   float64            // of the steps, without evaluation
}

// Checkpoint is a place from which a later Run can go on.
type Checkpoint struct {
	Step int
	Path string // relative to Job.Dir
}

// Finished closes a run.
type Finished struct {
	Epoch  int    // the chosen one
	Path   string // folder of its adapter, relative to Job.Dir
	Steps  int    // done
	Tokens int    // trained on, in all epochs
	Early  bool   // early stopping ended it
}

func (*Started) event()    {}
func (*Resumed) event()    {}
func (*Step) event()       {}
func (*Epoch) event()      {}
func (*Checkpoint) event() {}
func (*Finished) event()   {}
