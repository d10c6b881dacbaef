package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"

	"github.com/spf13/cobra"

	"daybook/engine/cpu"
	"daybook/engine/cuda"
	"daybook/ledger"
	"daybook/reports"
	"daybook/runner"
)

func newDoctorCommand(e *env) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "doctor",
		Short:   "Say what this machine has and lacks",
		Example: "  daybook doctor --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			root, err := e.findRoot(".")
			if err != nil {
				return err
			}
			found := examine(cmd.Context(), root)
			if asJSON {
				return printJSON(e.out, found)
			}
			return printFindings(e.out, found)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// printFindings lists findings, whose texts are wrapped beside their names.
func printFindings(w io.Writer, found []finding) error {
	level, what := 0, 0
	for _, f := range found {
		level, what = max(level, len(f.Level)), max(what, len(f.What))
	}
	room := width(w)
	if room > 0 {
		room = max(1, room-level-what-2*len("  "))
	}
	var rows [][]string
	for _, f := range found {
		lines := reports.Wrap(f.Found, room)
		if f.Hint != "" {
			lines = append(lines, reports.Wrap("→ "+f.Hint, room)...)
		}
		for i, line := range lines {
			if i == 0 {
				rows = append(rows, []string{f.Level, f.What, line})
				continue
			}
			rows = append(rows, []string{"", "", line})
		}
	}
	return printList(w, []string{"", "", ""}, rows)
}

// finding is one thing that doctor looked at.
type finding struct {
	Level string `json:"level"` // "ok", "note" or "problem"
	What  string `json:"what"`
	Found string `json:"found"`
	Hint  string `json:"hint,omitempty"`
}

// examine looks at everything a run needs.
func examine(ctx context.Context, root runner.Root) []finding {
	out := []finding{
		{Level: "ok", What: "daybook", Found: runner.Version + ", " + runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH},
		examineCPU(),
	}
	out = append(out, examineGPUs()...)
	out = append(out, examineState(root), examineGit(ctx, root), examineDisk(root))
	return append(out, examineLedger(ctx, root))
}

func examineCPU() finding {
	variants := cpu.Variants()
	best := variants[len(variants)-1]
	f := finding{Level: "ok", What: "cpu", Found: fmt.Sprintf("%d of %d processors, kernels for %s", runtime.GOMAXPROCS(0), runtime.NumCPU(), best)}
	if len(variants) == 1 && runtime.GOARCH == "amd64" {
		f.Level, f.Hint = "note", "this processor has no AVX2: training works, slowly"
	}
	return f
}

// examineGPUs tells what runs on a GPU would find, or why there are none.
func examineGPUs() []finding {
	gpus, err := cuda.Devices()
	switch {
	case errors.Is(err, cuda.ErrUnavailable):
		return []finding{{Level: "note", What: "gpu", Found: err.Error(), Hint: runner.HintOf(err)}}
	case err != nil:
		return []finding{{Level: "problem", What: "gpu", Found: err.Error(), Hint: runner.HintOf(err)}}
	case len(gpus) == 0:
		return []finding{{Level: "note", What: "gpu", Found: "the driver shows none", Hint: "CUDA_VISIBLE_DEVICES hides GPUs"}}
	}
	var out []finding
	for _, g := range gpus {
		f := finding{Level: "ok", What: "gpu", Found: fmt.Sprintf("cuda:%d is %s, %.1f GiB, compute capability %s", g.Index, g.Name, float64(g.Memory)/(1<<30), g.Capability)}
		if err := cuda.Usable(g.Index); err != nil {
			f.Level, f.Found, f.Hint = "problem", f.Found+": "+err.Error(), runner.HintOf(err)
			if g.Unfit != nil { // what runs pass over
				f.Level = "note"
			}
		}
		out = append(out, f)
	}
	return out
}

func examineState(root runner.Root) finding {
	f := finding{Level: "ok", What: "root", Found: root.Dir}
	dir := root.State()
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		dir = root.Dir
	}
	temp, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return finding{"problem", "root", err.Error(), "choose a writable folder with --root"}
	}
	if err := errors.Join(temp.Close(), os.Remove(temp.Name())); err != nil {
		return finding{"problem", "root", err.Error(), "choose a writable folder with --root"}
	}
	return f
}

func examineGit(ctx context.Context, root runner.Root) finding {
	git, err := runner.ReadGit(ctx, root, root.Dir)
	switch {
	case err != nil:
		return finding{"problem", "git", err.Error(), runner.HintOf(err)}
	case git.Commit == "":
		return finding{"note", "git", "no commit here", "put the sweep under version control, so that a run names the code it came from"}
	case git.Dirty:
		return finding{"note", "git", fmt.Sprintf("%.12s on %s, %s changed", git.Commit, git.Branch, count(len(git.Files)+git.Untracked, "file")), "commit before a run that others shall check"}
	}
	return finding{Level: "ok", What: "git", Found: fmt.Sprintf("%.12s on %s, clean", git.Commit, git.Branch)}
}

func examineDisk(root runner.Root) finding {
	const low = 1 << 30 // bytes; checkpoints of a few runs of a 7B model
	free, ok := freeSpace(root.Dir)
	f := finding{Level: "ok", What: "disk", Found: fmt.Sprintf("%.1f GiB free", float64(free)/(1<<30))}
	switch {
	case !ok:
		f.Found = "free space unknown"
	case free < low:
		f.Level, f.Hint = "problem", "free some space: journals, checkpoints and adapters are written here"
	}
	return f
}

func examineLedger(ctx context.Context, root runner.Root) finding {
	if _, err := os.Stat(root.Ledger()); errors.Is(err, os.ErrNotExist) {
		return finding{Level: "ok", What: "ledger", Found: "none yet; the first run makes it"}
	}
	l, err := ledger.OpenReadOnly(ctx, root.Ledger(), ledger.Options{})
	if err != nil {
		return finding{"problem", "ledger", err.Error(), runner.HintOf(err)}
	}
	runs, err := l.Runs(ctx, ledger.RunFilter{})
	if err := errors.Join(err, l.Close()); err != nil {
		return finding{Level: "problem", What: "ledger", Found: err.Error()}
	}
	baselines := 0
	for _, r := range runs {
		if r.Kind == ledger.Evaluate {
			baselines++
		}
	}
	return finding{Level: "ok", What: "ledger", Found: tally(len(runs)-baselines, baselines)}
}
