package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"daybook/engine"
	"daybook/engine/checkpoint"
)

// ErrMismatch reports a checkpoint that belongs to another job, another
// numerics class or another version of the format.
var ErrMismatch = errors.New("checkpoint does not belong to this job")

// Files of a checkpoint.
const (
	stateFile     = "state.json"
	optimizerFile = "optimizer.safetensors"
)

// file is the content of state.json.
type file struct {
	Format   int               `json:"format"`
	Numerics string            `json:"numerics"`
	Job      string            `json:"job"`   // digest of what decides the result
	Order    string            `json:"order"` // digest of the data order, packing included
	Files    map[string]string `json:"files"` // SHA-256 of the others
	State    state             `json:"state"`
}

// checkpoint writes the present state to Dir, unless it is there already, and
// removes the checkpoints that it replaces.
func (r *run) checkpoint() error {
	if r.saved != nil {
		return nil
	}
	s := &r.state
	if r.Position != nil {
		s.Position = r.Position()
	}
	s.Seconds = r.before + r.since(r.began)
	name := checkpointName(s.Step, len(s.History))
	if err := writeFolder(filepath.Join(r.Dir, name), r.write); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	r.saved = &Checkpoint{Step: s.Step, Path: name}
	if err := r.emit(r.saved); err != nil {
		return err
	}
	// Only now, for until its event is written the older one is what is known.
	if err := removeOthers(r.Dir, name); err != nil {
		return fmt.Errorf("checkpoint: %w", err)
	}
	return nil
}

// write fills the folder of a checkpoint.
func (r *run) write(dir string) error {
	adapter, err := r.model.Trained().Download()
	if err != nil {
		return err
	}
	if err := r.writeAdapter(dir, adapter); err != nil {
		return err
	}
	tensors, err := r.optimizer.State()
	if err != nil {
		return fmt.Errorf("optimizer: %w", err)
	}
	if err := writeTensors(filepath.Join(dir, optimizerFile), tensors); err != nil {
		return err
	}
	f := file{
		Format:   formatVersion,
		Numerics: r.Backend.Numerics().String(),
		Job:      hex.EncodeToString(r.identity[:]),
		Order:    hex.EncodeToString(r.order.Digest[:]),
		State:    r.state,
	}
	if f.Files, err = digests(dir); err != nil {
		return err
	}
	data, err := json.MarshalIndent(&f, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, stateFile), append(data, '\n'), 0o600)
}

// restore puts the run where the checkpoint in dir left it.
func (r *run) restore(dir string) error {
	f, err := readState(dir)
	if err != nil {
		return err
	}
	for _, c := range []struct{ what, got, want string }{
		{"numerics class", f.Numerics, r.Backend.Numerics().String()},
		{"job digest", f.Job, hex.EncodeToString(r.identity[:])},
		{"order digest", f.Order, hex.EncodeToString(r.order.Digest[:])},
	} {
		if c.got != c.want {
			return fmt.Errorf("%s is %s, this run's is %s: %w", c.what, c.got, c.want, ErrMismatch)
		}
	}
	if err := verify(dir, f.Files); err != nil {
		return err
	}
	if err := f.State.check(r.order); err != nil {
		return fmt.Errorf("%s: %w", stateFile, err)
	}
	adapter, err := readAdapter(dir, r.model.Shape(), r.Training.LoRA)
	if err != nil {
		return err
	}
	if err := r.model.Trained().Upload(adapter); err != nil {
		return err
	}
	tensors, err := readTensors(filepath.Join(dir, optimizerFile))
	if err != nil {
		return err
	}
	if err := r.optimizer.Restore(tensors); err != nil {
		return fmt.Errorf("optimizer: %w", err)
	}
	if err := prepare(r.Dir); err != nil {
		return err
	}
	if err := r.adopt(filepath.Dir(filepath.Clean(dir)), f.State.History); err != nil {
		return err
	}
	r.state, r.before = f.State, f.State.Seconds
	if filepath.Clean(dir) == filepath.Join(r.Dir, filepath.Base(dir)) {
		r.saved = &Checkpoint{Step: r.state.Step, Path: filepath.Base(dir)}
	}
	return nil
}

// adopt copies the adapters of finished epochs from another run's folder.
func (r *run) adopt(from string, history []epochState) error {
	for _, h := range history {
		src, dst := filepath.Join(from, h.Path), filepath.Join(r.Dir, h.Path)
		if filepath.Clean(src) == filepath.Clean(dst) {
			continue
		}
		err := writeFolder(dst, func(dir string) error { return os.CopyFS(dir, os.DirFS(src)) })
		if err != nil {
			return fmt.Errorf("adapter of epoch %d: %w", h.Epoch, err)
		}
	}
	return nil
}

// check makes sure that a state can be one of the order's.
func (s *state) check(o *Order) error {
	switch {
	case s.Epoch < 1 || s.Epoch > len(o.Epochs)+1 || len(s.History) != s.Epoch-1:
		return fmt.Errorf("epoch %d of %d with %d done", s.Epoch, len(o.Epochs), len(s.History))
	case s.Window < 0 || s.Epoch > len(o.Epochs) && s.Window != 0:
		return fmt.Errorf("window %d of epoch %d", s.Window, s.Epoch)
	case s.Epoch <= len(o.Epochs) && s.Window > len(o.Epochs[s.Epoch-1]):
		return fmt.Errorf("window %d of epoch %d, which has %d", s.Window, s.Epoch, len(o.Epochs[s.Epoch-1]))
	case s.Best < 0 || s.Best > len(s.History) || s.Best == 0 && len(s.History) > 0:
		return fmt.Errorf("best epoch %d of %d", s.Best, len(s.History))
	}
	steps := s.Window
	for i, h := range s.History {
		if h.Epoch != i+1 || h.Path != epochName(h.Epoch) {
			return fmt.Errorf("history: epoch %d in place %d", h.Epoch, i+1)
		}
		steps += len(o.Epochs[i])
	}
	if s.Step != steps {
		return fmt.Errorf("step %d, but its place in the order is step %d", s.Step, steps)
	}
	return nil
}

func (r *run) writeAdapter(dir string, a *engine.HostAdapter) error {
	return checkpoint.WriteAdapter(dir, a, r.Info)
}

// readAdapter reads an adapter that must be one of l.
func readAdapter(dir string, s engine.Shape, l engine.LoRA) (*engine.HostAdapter, error) {
	a, err := checkpoint.ReadAdapter(dir, s)
	if err != nil {
		return nil, err
	}
	if a.LoRA.Rank != l.Rank {
		return nil, fmt.Errorf("adapter: %s: rank %d, want %d", dir, a.LoRA.Rank, l.Rank)
	}
	a.LoRA = l
	return a, nil
}

func readState(dir string) (*file, error) {
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil {
		return nil, err
	}
	f, err := parseState(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", stateFile, err)
	}
	return f, nil
}

// parseState decodes the content of state.json. A field that it doesn't know is
// an error: what it can't restore it must not drop.
func parseState(data []byte) (*file, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return nil, err
	}
	if version.Format != formatVersion {
		return nil, fmt.Errorf("format %d, this version reads %d: %w", version.Format, formatVersion, ErrMismatch)
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, err
	}
	return &f, nil
}

// digests returns the hex SHA-256 of every file in dir.
func digests(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, e := range entries {
		if e.Name() == stateFile {
			continue
		}
		if out[e.Name()], err = digest(filepath.Join(dir, e.Name())); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // nothing was written
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// verify compares the files of a checkpoint with the digests in its state.
func verify(dir string, want map[string]string) error {
	got, err := digests(dir)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(want))
	for name := range want {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		switch d, ok := got[name]; {
		case !ok:
			return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
		case d != want[name]:
			return fmt.Errorf("%s: SHA-256 is %s, was %s when written: the file is damaged", name, d, want[name])
		}
	}
	return nil
}
