package bench

// Result is what one benchmark measured.
type Result struct {
	Name   string            `json:"name"`   // "train", "decode", "attention" or "gemm"
	Shape  string            `json:"shape"`  // of the model
	Case   string            `json:"case"`   // what was varied, such as "4x2048, full checkpointing"
	Device map[string]string `json:"device"` // what computed

	Tokens  int     `json:"tokens"`                      // of one repetition
	Rate    float64 `json:"tokens_per_second,omitempty"` // by the median; of new ones in an answer, through one layer's operation, or in a step
	Seconds float64 `json:"seconds"`                     // of one repetition, the median
	Fastest float64 `json:"fastest"`                     // the minimum
	Slowest float64 `json:"slowest"`                     // the maximum
	Repeats int     `json:"repeats"`
	Total   float64 `json:"total_seconds"` // of all repetitions

	// FLOP is the arithmetic of one repetition that the mathematics needs, and
	// Recompute what gradient checkpointing adds; 0 where nothing is counted.
	FLOP      float64 `json:"flop,omitempty"`
	Recompute float64 `json:"recompute_flop,omitempty"`

	// Utilisation is FLOP, without Recompute, as a part of what Peak allows in the
	// time of one repetition; both are 0 where nothing is known of the device.
	Utilisation float64 `json:"model_flop_utilisation,omitempty"`
	Peak        float64 `json:"peak_flop_per_second,omitempty"` // of the device's datasheet: dense bfloat16

	Bytes   int64 `json:"engine_bytes,omitempty"`  // the most that the backend held at once
	Planned int64 `json:"planned_bytes,omitempty"` // what was planned before anything was allocated, by model.Estimate; 0 where nothing is
	Process int64 `json:"process_bytes,omitempty"` // the most of the device that the process took as NVML has it, context included; the whole device's where NVML does not tell

	Clocks *Clocks `json:"clocks,omitempty"` // while measuring; nil where the device does not tell

	Operations []Operation `json:"operations,omitempty"` // where the time goes, largest first
}

// Operation is one operation's part of a repetition.
type Operation struct {
	Name    string  `json:"name"`
	Calls   int     `json:"calls"`
	Seconds float64 `json:"seconds"`
	Share   float64 `json:"share"` // of the seconds of all operations
}

// describe fills in what the backend knows of itself, and what follows from it.
func (r *Result) describe(seen *watch) {
	r.Device = seen.be.Describe()
	if r.Peak = peak(r.Device["gpu"]); r.Peak > 0 {
		r.Utilisation = r.FLOP / r.Seconds / r.Peak
	}
	r.Process = seen.most()
	if m, ok := seen.be.(interface{ Memory() (resident, peak int64) }); ok {
		_, r.Bytes = m.Memory()
	}
}
