package runner

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"daybook/ledger"
	"daybook/ledger/attest"
	"daybook/ledger/evidence"
)

// proof checks that the entry and the proof that lie beside an adapter, for readers
// who have no ledger, are this ledger's. Folders of releases that wrote none have no
// files beside the weights in their entry either.
func (v *fileCheck) proof(ctx context.Context, a ledger.Adapter) error {
	if len(a.Files) == 0 {
		return nil
	}
	entry, _, err := v.ledger.Prove(ctx, a.Entry)
	if errors.Is(err, ledger.ErrNotFound) { // nobody has signed the log
		return nil
	}
	if err != nil {
		return err
	}
	where := path.Join(a.Path, attest.EntryFile)
	if data, ok, err := v.read(where); err != nil {
		return err
	} else if ok && !bytes.Equal(data, entry.Leaf()) {
		v.problem(where, "it is not entry %d as the log has it", a.Entry)
	}
	where = path.Join(a.Path, attest.ProofFile)
	data, ok, err := v.read(where)
	if err != nil || !ok {
		return err
	}
	switch head, err := v.proven(ctx, data, entry); {
	case err != nil:
		v.problem(where, "it doesn't prove that entry %d is in the log: %v", a.Entry, err)
	default:
		root, err := v.ledger.RootOver(ctx, head.Size)
		if err != nil || root != head.Root.String() {
			v.problem(where, "its head is over %d entries that are not this log's", head.Size)
		}
	}
	return v.keys(ctx, a)
}

// keys checks the statements beside an adapter by which each key of the log hands over
// to the next. There are none in folders of older builds.
func (v *fileCheck) keys(ctx context.Context, a ledger.Adapter) error {
	where := path.Join(a.Path, attest.KeysFile)
	data, err := os.ReadFile(v.root.Abs(where))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	beside, err := attest.ReadKeys(data)
	if err != nil {
		v.problem(where, "%v", err)
		return nil
	}
	for _, e := range beside {
		logged, _, err := v.ledger.Prove(ctx, e.Seq)
		if err != nil && !errors.Is(err, ledger.ErrNotFound) {
			return err
		}
		if e.Type != "key" || err != nil || !bytes.Equal(logged.Leaf(), e.Leaf()) {
			v.problem(where, "it has an entry %d that is no replacement of a key in the log", e.Seq)
		}
	}
	return nil
}

// read returns a file that belongs into an adapter's folder, and reports one that is
// missing. Of another machine's ledger it may not have come along.
func (v *fileCheck) read(where string) (data []byte, ok bool, err error) {
	data, err = os.ReadFile(v.root.Abs(where))
	if errors.Is(err, fs.ErrNotExist) {
		if v.ledger.Copied() {
			v.count(&v.found.Gone)
		} else {
			v.problem(where, "the file is missing")
		}
		return nil, false, nil
	}
	return data, err == nil, err
}

// proven checks a proof against the keys that have signed the log.
func (v *fileCheck) proven(ctx context.Context, text []byte, entry evidence.Entry) (evidence.Head, error) {
	proof, err := evidence.ParseProof(text)
	if err != nil {
		return evidence.Head{}, err
	}
	signers, err := v.ledger.Signers(ctx)
	if err != nil {
		return evidence.Head{}, err
	}
	err = errors.New("nobody has signed the log")
	for _, s := range slices.Backward(signers) {
		var key note.Verifier
		if key, err = note.NewVerifier(s.Key); err != nil {
			continue
		}
		var head evidence.Head
		if head, err = proof.Check(entry, key); err == nil {
			return head, nil
		}
	}
	return evidence.Head{}, err
}

// strangers reports what lies in an adapter's folder and is none of its files: who
// loads the folder may load that. Hidden files, as desktops leave them, are not looked at.
func (v *fileCheck) strangers(a ledger.Adapter) error {
	if len(a.Files) == 0 {
		return nil
	}
	own := append([]string{attest.EntryFile, attest.ProofFile, attest.KeysFile, cardFile}, adapterFiles...) // releases before had no digest of the card
	files, err := os.ReadDir(v.root.Abs(a.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // reported already
	}
	if err != nil {
		return err
	}
	for _, f := range files {
		if _, listed := a.Files[f.Name()]; !listed && !slices.Contains(own, f.Name()) && !strings.HasPrefix(f.Name(), ".") {
			v.problem(path.Join(a.Path, f.Name()), "it is none of the files of %s", a.Name())
		}
	}
	return nil
}

// versionName is the name of a version's folder.
var versionName = regexp.MustCompile(`^v[0-9]{4,}$`)

// unrecorded reports folders in the places of versions that no entry speaks of. The
// entry comes before the folder, so nothing that Daybook does leaves such a one.
func (v *fileCheck) unrecorded(_ context.Context, known []ledger.Adapter) error {
	if v.ledger.Copied() {
		return nil
	}
	var paths []string
	for _, a := range known {
		paths = append(paths, a.Path)
	}
	found, err := filepath.Glob(filepath.Join(v.root.Adapters("*"), "v*"))
	if err != nil {
		return err
	}
	for _, dir := range found {
		if where := v.root.Rel(dir); versionName.MatchString(filepath.Base(dir)) && !slices.Contains(paths, where) {
			v.problem(where, "no entry says that this version was published")
		}
	}
	return nil
}

// emptied reports a ledger that says nothing of any attempt, beside journals of some:
// an entry precedes the first line of a journal.
func (v *fileCheck) emptied(ctx context.Context) error {
	all, err := v.ledger.Attempts(ctx)
	if err != nil || len(all) > 0 || v.ledger.Copied() {
		return err
	}
	left, err := filepath.Glob(filepath.Join(v.root.State(), "runs", "*", "*", JournalFile))
	if err != nil || len(left) == 0 {
		return err
	}
	v.problem("ledger", "%s", fmt.Sprintf("it knows of no attempt, and there are journals of %d: it was emptied, or they are another ledger's", len(left)))
	return nil
}
