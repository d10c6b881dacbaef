package runner

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"daybook/engine/checkpoint"
	"daybook/ledger"
	"daybook/ledger/store"
	"daybook/sweeps"
)

// Garbage is a file or folder of the state folder that can be deleted.
type Garbage struct {
	Path  string `json:"path"` // relative to the root
	What  string `json:"what"`
	Bytes int64  `json:"bytes"`

	remove func() error
}

// GarbageOptions say what counts as garbage beside what nobody refers to.
type GarbageOptions struct {
	Since time.Time // only what was not touched after this
	// Cache counts what large sweep files evaluated to, and all quantized bases, not
	// only those of no run: each is made again when it is needed.
	Cache bool
	// Checkpoints counts what finished runs could have resumed from. The ledger names
	// it, but nothing reads it any more.
	Checkpoints bool
}

// FindGarbage returns what can be deleted of a root: artifacts that the ledger doesn't
// refer to, quantized bases of no run, and what processes left half written. While a
// sweep runs it is an error: what that puts into the store is referred to only later.
func FindGarbage(ctx context.Context, root Root, l *ledger.Ledger, o GarbageOptions) ([]Garbage, error) {
	if root.busy() {
		return nil, WithHint(errors.New("gc: a sweep is running here"), "wait until it has ended, or interrupt it; it resumes")
	}
	running, err := l.Runs(ctx, ledger.RunFilter{State: ledger.Running})
	if err != nil {
		return nil, err
	}
	if len(running) > 0 { // on another machine
		return nil, WithHint(fmt.Errorf("gc: %s works on run %.12s", HolderName(running[0].Holder), running[0].Key), "wait until it has ended, or stop it")
	}
	g := &collection{root: root, ledger: l, o: o}
	for _, look := range []func(context.Context) error{g.artifacts, g.bases, g.evaluations, g.checkpoints, g.left} {
		if err := look(ctx); err != nil {
			return nil, fmt.Errorf("gc: %w", err)
		}
	}
	return g.found, nil
}

// Collect deletes what was found. What is wanted again meanwhile stays.
func (g Garbage) Collect() error { return g.remove() }

// collection is one call of FindGarbage.
type collection struct {
	root   Root
	ledger *ledger.Ledger
	o      GarbageOptions
	found  []Garbage
}

func (c *collection) artifacts(ctx context.Context) error {
	wanted, err := artifacts(ctx, c.ledger)
	if err != nil {
		return err
	}
	kept := store.New(c.root.Store())
	list, err := kept.Garbage(c.o.Since, func(d ledger.Digest) bool { return wanted[d] != "" })
	if err != nil {
		return err
	}
	for _, one := range list {
		what := "artifact"
		if one.Digest == "" {
			what = "half written artifact"
		}
		c.found = append(c.found, Garbage{c.root.Rel(one.Path), what, one.Bytes, func() error { return kept.Remove(one, c.o.Since) }})
	}
	return nil
}

// evaluations finds what sweep files evaluated to.
func (c *collection) evaluations(context.Context) error {
	if !c.o.Cache {
		return nil
	}
	kept, err := filepath.Glob(filepath.Join(c.root.evaluations(), "[0-9a-f]*"))
	if err != nil {
		return err
	}
	for _, path := range kept {
		if err := c.add(path, "evaluation of a sweep"); err != nil {
			return err
		}
	}
	return nil
}

// bases finds quantized bases in the cache.
func (c *collection) bases(ctx context.Context) error {
	cache := checkpoint.Cache{Dir: filepath.Join(c.root.State(), "cache")}
	runs, err := c.ledger.Runs(ctx, ledger.RunFilter{})
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, r := range runs {
		var spec sweeps.Spec
		var digest [32]byte
		if err := json.Unmarshal(r.Spec, &spec); err != nil {
			return fmt.Errorf("run %.12s: spec: %w", r.Key, err)
		}
		if n, err := hex.Decode(digest[:], []byte(r.Base)); err != nil || n != len(digest) {
			return fmt.Errorf("run %.12s: base: %q is not a digest", r.Key, r.Base)
		}
		wanted[cache.BaseFile(digest, checkpoint.Quantization{Kind: spec.Base.Quantization, DoubleQuant: spec.Base.DoubleQuant})] = !c.o.Cache
	}
	dir := filepath.Dir(cache.BaseFile([32]byte{}, checkpoint.Quantization{}))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if path := filepath.Join(dir, e.Name()); !wanted[path] {
			what := "quantized base"
			if e.IsDir() {
				what = "half written quantized base"
			}
			if err := c.add(path, what); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkpoints finds what finished runs could have resumed from.
func (c *collection) checkpoints(ctx context.Context) error {
	if !c.o.Checkpoints {
		return nil
	}
	done, err := c.ledger.Runs(ctx, ledger.RunFilter{State: ledger.Done})
	if err != nil {
		return err
	}
	for _, r := range done {
		for _, a := range r.Attempts {
			// What was chosen, and every epoch's adapter, has a folder of its own.
			if a.CheckpointPath == "" || !strings.HasPrefix(a.CheckpointPath, Checkpoints+"/step-") {
				continue
			}
			err := c.add(filepath.Join(c.root.Abs(a.Dir), filepath.FromSlash(a.CheckpointPath)), "checkpoint of a finished run")
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// add counts a file or a folder, if it is there and was not touched for long enough.
func (c *collection) add(path, what string) error {
	var bytes int64
	var last time.Time
	err := filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode().IsRegular() {
			bytes += info.Size()
		}
		last = slices.MaxFunc([]time.Time{last, info.ModTime()}, time.Time.Compare)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) || err == nil && last.After(c.o.Since) {
		return nil
	}
	if err != nil {
		return err
	}
	c.found = append(c.found, Garbage{c.root.Rel(path), what, bytes, func() error { return os.RemoveAll(path) }})
	return nil
}

// busy reports whether a process of this machine runs a sweep here.
func (r Root) busy() bool {
	entries, err := os.ReadDir(r.holders())
	if err != nil {
		return false // nobody has run one
	}
	return slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		info, err := e.Info()
		if err != nil {
			return false // it has just ended
		}
		// One that has just begun may be about to lock its file.
		return time.Since(info.ModTime()) < lockTime || !abandoned(filepath.Join(r.holders(), e.Name()))
	})
}
