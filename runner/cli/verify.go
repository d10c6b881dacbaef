package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"daybook/ledger/folder"

	"daybook/ledger"
	"daybook/ledger/store"
	"daybook/runner"
)

// verifyFlags say what to hold a ledger against.
type verifyFlags struct {
	anchors []string
	key     string
	rebuild bool
	bundle  string
	json    bool
}

func newVerifyCommand(e *env) *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check that nothing in the ledger, and of what it speaks, was changed",
		Long: `Verify reads everything: the log and its signatures, every head that is known
from elsewhere, every value that a query returns against the entries it follows
from, and every artifact, adapter folder, journal and file of predictions against its
digest, and says what a killed process left unfinished; likewise each
ledger that was merged, against every head of it that was merged. It says what is
wrong and where, and ends with exit code 4 if anything is.

What was never anchored, the holder of the key could have rewritten before you
looked: verify says which entries those are. 'daybook ledger anchor' puts an end
to that.`,
		Example: `  daybook verify
  daybook verify --anchor head-from-last-year --key 'daybook/4be1...+71b0c26f+AZ...'
  daybook verify --bundle clinical.zip`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runVerify(cmd.Context(), e, f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.anchors, "anchor", nil, "`file` with a head of this ledger that you kept (repeatable)")
	flags.StringVar(&f.key, "key", "", "the ledger's public `key`, or a file that holds it, as you know it; without, the ledger's word is taken")
	flags.BoolVar(&f.rebuild, "rebuild", false, "make the tables that queries read again from the entries, if they differ")
	flags.StringVar(&f.bundle, "bundle", "", "if all is well, write the log with its proofs to a zip `file` that ledgercheck reads")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// verdict is what verify prints.
type verdict struct {
	Sound bool                  `json:"sound"`
	Log   *ledger.Verification  `json:"log"`
	Files *runner.FilesVerified `json:"files"`

	Origins []runner.OriginVerified `json:"origins,omitempty"` // ledgers that were merged
}

func runVerify(ctx context.Context, e *env, f verifyFlags) (err error) {
	if f.rebuild && f.bundle != "" {
		return usageError{runner.WithHint(errors.New("verify: --rebuild and --bundle don't go together"), "rebuild first")}
	}
	open := opener(ledger.OpenReadOnly)
	if f.rebuild {
		open = ledger.Open
	}
	root, l, err := e.openLedger(ctx, ".", open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	o := ledger.VerifyOptions{Keys: e.ledgerOptions().Keys, Copied: root.IsOrigin()}
	if o.Key, err = keyOf(f.key); err != nil {
		return err
	}
	if o.RootKey, err = root.KnownRootKey(); err != nil {
		return err
	}
	for _, path := range f.anchors {
		data, err := os.ReadFile(path)
		if err != nil {
			return usageError{fmt.Errorf("--anchor: %w", err)}
		}
		o.Heads = append(o.Heads, ledger.KnownHead{From: path, Note: data})
	}
	v, err := verifyAll(ctx, e, root, l, o)
	if err != nil {
		return err
	}
	if f.json {
		err = printJSON(e.out, v)
	} else {
		err = printVerdict(e, v)
	}
	if err != nil {
		return err
	}
	if f.rebuild && len(v.Log.Problems) > 0 {
		if err := l.Rebuild(ctx); err != nil {
			return err
		}
		e.say("the tables were made again from the entries; verify again to see what is left")
	}
	if !v.Sound {
		n := len(v.Log.Problems) + v.Log.More + len(v.Files.Problems)
		for _, o := range v.Origins {
			n += len(o.Problems)
		}
		return runner.WithHint(fmt.Errorf("%w: %s", errMismatch, mismatches(n)), "compare with a backup; until then trust none of what the list names")
	}
	if f.bundle != "" {
		return writeBundle(ctx, e, root, l, f.bundle, o.Heads)
	}
	return nil
}

func mismatches(n int) string {
	if n == 1 {
		return "1 mismatch"
	}
	return fmt.Sprintf("%d mismatches", n)
}

// keyOf returns a public key that is given as such or in a file.
func keyOf(given string) (string, error) {
	if given == "" || strings.Count(given, "+") >= 2 {
		return given, nil
	}
	data, err := os.ReadFile(given)
	if err != nil {
		return "", usageError{runner.WithHint(fmt.Errorf("--key: %w", err), "'daybook ledger key' prints a ledger's public key")}
	}
	return strings.TrimSpace(string(data)), nil
}

// verifyAll checks the log and the files at the same time.
func verifyAll(ctx context.Context, e *env, root runner.Root, l *ledger.Ledger, o ledger.VerifyOptions) (*verdict, error) {
	kept, err := l.Anchors(ctx)
	if err != nil {
		return nil, err
	}
	var gone []ledger.Problem
	var notes []string
	for _, a := range newestAnchors(kept) {
		if strings.HasPrefix(a.Place, outsideRoot) {
			notes = append(notes, fmt.Sprintf("an anchor was put outside of the root, into a file named %s: name it with --anchor", filepath.Base(a.Place)))
			continue
		}
		data, err := runner.ReadAnchor(root, a)
		if err != nil {
			gone = append(gone, ledger.Problem{Where: a.Kind + " " + a.Place, What: err.Error()})
			continue
		}
		o.Heads = append(o.Heads, ledger.KnownHead{From: a.Kind + " " + a.Place, Note: data, Nearby: true})
	}
	m := newMeter(e.err)
	defer m.close()
	v := &verdict{}
	group, ctx := errgroup.WithContext(ctx)
	o.Progress = m.part("entries")
	files := m.part("files")
	group.Go(func() (err error) {
		v.Log, err = l.Verify(ctx, o)
		return err
	})
	group.Go(func() (err error) {
		v.Files, err = runner.VerifyFiles(ctx, root, l, store.New(root.Store()), func(done, total int) { files(int64(done), int64(total)) })
		return err
	})
	group.Go(func() (err error) {
		v.Origins, err = runner.VerifyOrigins(ctx, root, l)
		return err
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	v.Log.Problems = append(v.Log.Problems, gone...)
	v.Log.Notes = append(v.Log.Notes, notes...)
	v.Sound = len(v.Log.Problems)+len(v.Files.Problems) == 0
	for _, o := range v.Origins {
		v.Sound = v.Sound && len(o.Problems) == 0
	}
	return v, nil
}

// outsideRoot begins the place of an anchor that the ledger doesn't tell.
const outsideRoot = "…/"

// newestAnchors returns, of each place outside of the ledger, what was put there last.
func newestAnchors(all []ledger.Anchor) []ledger.Anchor {
	var out []ledger.Anchor
	at := map[string]int{}
	for _, a := range all {
		if a.Kind == ledger.AnchorWitness {
			continue // it is in the ledger itself
		}
		id := a.Kind + " " + a.Place
		if i, ok := at[id]; ok {
			out[i] = a
			continue
		}
		at[id] = len(out)
		out = append(out, a)
	}
	return out
}

func printVerdict(e *env, v *verdict) error {
	rows := [][]string{{"log", count(int(v.Log.Entries), "entry")}}
	if v.Log.Entries != 1 {
		rows[0][1] = fmt.Sprintf("%d entries", v.Log.Entries)
	}
	if v.Log.Key != "" {
		rows = append(rows, []string{"key", v.Log.Key}, []string{"root", v.Log.Root})
	}
	for _, from := range v.Log.Checked {
		rows = append(rows, []string{"held against", from})
	}
	f := v.Files
	rows = append(rows, []string{"files", fmt.Sprintf("%s, %s, %s of epochs, %s; %d of what runs left are gone",
		count(f.Artifacts, "artifact"), count(f.Adapters, "published adapter"), count(f.Epochs, "adapter"), count(f.Journals, "journal"), f.Gone)})
	for _, note := range v.Log.Notes {
		rows = append(rows, []string{"note", note})
	}
	for _, one := range f.Unfinished {
		rows = append(rows, []string{"unfinished", one})
	}
	problems := append(append([]ledger.Problem{}, v.Log.Problems...), f.Problems...)
	for _, o := range v.Origins {
		if o.Log != nil {
			rows = append(rows, []string{"origin", fmt.Sprintf("%s: %d entries, %s, %s; %s", o.Name, o.Log.Entries, count(o.Files.Artifacts, "artifact"), count(o.Files.Adapters, "published adapter"), vouchedBy(o.Origin))})
			for _, note := range o.Log.Notes {
				rows = append(rows, []string{"note", o.Name + ": " + note})
			}
		}
		problems = append(problems, o.Problems...)
	}
	for _, p := range problems {
		rows = append(rows, []string{"MISMATCH", p.String()})
	}
	if v.Log.More > 0 {
		rows = append(rows, []string{"MISMATCH", fmt.Sprintf("and %d more in the ledger", v.Log.More)})
	}
	if v.Sound {
		rows = append(rows, []string{"sound", "everything is as the entries say"})
	}
	return printList(e.out, []string{"", ""}, rows)
}

// writeBundle writes all that somebody else needs in order to check the log: it,
// the heads it was held against, and the artifacts that it names.
func writeBundle(ctx context.Context, e *env, root runner.Root, l *ledger.Ledger, path string, heads []ledger.KnownHead) (err error) {
	artifacts := store.New(root.Store())
	digests, _, err := artifacts.List()
	if err != nil {
		return err
	}
	file, err := folder.Create(path, 0o644)
	if err != nil {
		return fmt.Errorf("--bundle: %w", err)
	}
	defer func() { err = errors.Join(err, file.Cleanup()) }()
	if err := l.WriteBundle(ctx, file, ledger.Bundle{Heads: heads, Artifacts: digests, Open: artifacts.Open}); err != nil {
		return err
	}
	if err := file.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("--bundle: %w", err)
	}
	e.say("%s: the log with %s; 'ledgercheck %s' checks it without Daybook", path, count(len(digests), "artifact"), filepath.Base(path))
	return nil
}
