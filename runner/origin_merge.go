package runner

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"daybook/ledger"
	"daybook/ledger/store"
)

// MergeLedgerOptions say what to call another machine's ledger, and what to hold it
// against.
type MergeLedgerOptions struct {
	Name     string // "" for the one that it has, or else that of its folder
	Key      string // public key that is known to be the ledger's; "" for the one that signed it last time, or at first any
	Progress func(done, total int64)
}

// MergedLedger is what came of merging another machine's ledger.
type MergedLedger struct {
	ledger.Origin
	Before   int64    `json:"before"`   // entries of it that were merged earlier; 0 if it is new
	Already  bool     `json:"already"`  // nothing in it was new
	Runs     int      `json:"runs"`     // that it has results of
	Adapters int      `json:"adapters"` // that it published
	Copied   int      `json:"copied"`   // of these, folders that were brought here by this call
	Missing  []string `json:"missing"`  // folders and artifacts that are not where the ledger says
	LeftOut  []string `json:"left_out"` // ledgers that it has merged itself
	Notes    []string `json:"notes"`    // what a reader of its log has to know
}

// RefusedError says that another machine's ledger is not taken in, and why. It matches
// ledger.ErrMismatch.
type RefusedError struct {
	From     string
	Problems []ledger.Problem
	More     int // problems beyond those listed
	Advice   string
}

func (e *RefusedError) Error() string {
	n := len(e.Problems) + e.More
	if n == 1 {
		return fmt.Sprintf("%s: %s", e.From, e.Problems[0])
	}
	return fmt.Sprintf("%s: %d mismatches, the first at %s", e.From, n, e.Problems[0])
}

// Is makes errors.Is(err, ledger.ErrMismatch) true.
func (e *RefusedError) Is(target error) bool { return target == ledger.ErrMismatch }

// Hint says what to do about it.
func (e *RefusedError) Hint() string { return e.Advice }

// MergeLedger brings another machine's ledger into a root, beside its own ledger l: its
// log, the artifacts that it names and the adapters that it published. other is its
// root, its state folder or its database, which may be in use and is not written to, or
// a bundle of the whole log.
// All of the log is verified first, and that it goes on from what was merged of it
// earlier; otherwise nothing changes, and the error is a *RefusedError. Its head then
// becomes an entry of l. A call that is killed leaves nothing that anybody sees, or
// something that the next one finishes.
func MergeLedger(ctx context.Context, root Root, l *ledger.Ledger, other string, o MergeLedgerOptions) (_ *MergedLedger, err error) {
	m := &ledgerMerge{MergeLedgerOptions: o, root: root, ledger: l}
	if m.from, err = findOther(other); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root.origins(), 0o700); err != nil {
		return nil, WithHint(fmt.Errorf("merge: %w", err), "choose a writable folder with --root")
	}
	if err := sweepUp(root.origins()); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	stage, err := os.MkdirTemp(root.origins(), unfinished)
	if err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(stage)) }()
	m.stage = Root{Dir: stage}
	if err := m.read(ctx); err != nil {
		return nil, err
	}
	return m.bring(ctx)
}

// ledgerMerge is one call of MergeLedger.
type ledgerMerge struct {
	MergeLedgerOptions
	root   Root
	ledger *ledger.Ledger
	from   otherLedger
	stage  Root // what is being made, and is thrown away at the end

	known *ledger.Origin // as it was merged last; nil if it never was
	head  ledger.Origin  // as it is now
	found MergedLedger
}

// read copies the ledger to the stage and checks all of it.
func (m *ledgerMerge) read(ctx context.Context) (err error) {
	if err := m.copy(ctx); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	l, err := ledger.OpenReadOnly(ctx, m.stage.Ledger(), ledger.Options{})
	if err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if m.head, err = l.AsOrigin(ctx); err != nil {
		return fmt.Errorf("merge: %s: %w", m.from.name, err)
	}
	if m.head.Entries == 0 {
		return WithHint(fmt.Errorf("merge: %s: its ledger is empty", m.from.name), "run a sweep there first")
	}
	if err := m.recognize(ctx, l); err != nil {
		return err
	}
	if err := m.verify(ctx, l); err != nil {
		return err
	}
	return m.look(ctx, l)
}

// copy copies the ledger, or what a bundle has of one, to the stage.
func (m *ledgerMerge) copy(ctx context.Context) (err error) {
	z, err := zip.OpenReader(m.from.file)
	if errors.Is(err, zip.ErrFormat) {
		return ledger.Copy(ctx, m.from.file, m.stage.Ledger())
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, z.Close()) }()
	if err := os.MkdirAll(m.stage.State(), 0o700); err != nil {
		return err
	}
	if err := ledger.CopyBundle(ctx, &z.Reader, m.stage.Ledger()); err != nil {
		return fmt.Errorf("%s: %w", m.from.name, err)
	}
	// Artifacts are taken from where a root would have them; adapters are in no bundle.
	m.from.root = Root{Dir: filepath.Join(m.stage.Dir, "bundle")}
	artifacts := store.New(m.from.root.Store())
	for _, f := range z.File {
		if !strings.HasPrefix(f.Name, "artifacts/") || f.FileInfo().IsDir() {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return err
		}
		_, err = artifacts.Put(ctx, r) // under the digest of its bytes, whatever its name is
		if err := errors.Join(err, r.Close()); err != nil {
			return err
		}
	}
	return nil
}

// recognize finds out which of the ledgers that were merged it is, and names it.
func (m *ledgerMerge) recognize(ctx context.Context, l *ledger.Ledger) error {
	own, err := m.ledger.Signers(ctx)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(own, func(s ledger.Signer) bool { return m.head.Origin != "" && s.Origin == m.head.Origin }) {
		return WithHint(fmt.Errorf("merge: %s: it is this ledger itself, or a copy of it", m.from.name), "where a copied root goes on on another machine, 'daybook ledger key --new-origin REASON' there makes it a log of its own")
	}
	signers, err := l.Signers(ctx)
	if err != nil {
		return err
	}
	all, err := m.ledger.Origins(ctx)
	if err != nil {
		return err
	}
	usual := m.from.usual()
	for i, o := range all {
		same := slices.ContainsFunc(signers, func(s ledger.Signer) bool { return o.Origin != "" && s.Origin == o.Origin })
		if o.Unauthenticated() {
			// Nothing but its entries tells an unsigned log from another one: it is the one
			// whose first entries are the same, or that is to be called so.
			root, err := l.RootOver(ctx, min(o.Entries, m.head.Entries))
			same = err == nil && root == o.Root || o.Name == usual && m.head.Unauthenticated() && m.Name == ""
		}
		if same {
			m.known = &all[i]
		}
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(all, func(o ledger.Origin) bool { return strings.EqualFold(o.Name, name) })
	}
	switch {
	case m.known != nil && m.Name != "" && m.Name != m.known.Name:
		return WithHint(fmt.Errorf("merge: %s: it was merged as %s", m.from.name, m.known.Name), "names of origins don't change: versions are known by them")
	case m.known != nil:
		m.head.Name = m.known.Name
	case m.Name != "" && taken(m.Name):
		return WithHint(fmt.Errorf("merge: --as %s: another ledger has that name", m.Name), "'daybook ledger origins' lists them")
	case m.Name != "":
		m.head.Name = m.Name
	default:
		m.head.Name = usual
		for n := 2; taken(m.head.Name); n++ {
			m.head.Name = fmt.Sprintf("%s-%d", usual, n)
		}
	}
	return nil
}

// verify checks the whole log, and that it goes on from each head that was merged.
func (m *ledgerMerge) verify(ctx context.Context, l *ledger.Ledger) error {
	o := ledger.VerifyOptions{Key: m.Key, Copied: true, Progress: m.Progress}
	if m.known != nil {
		if err := holdAgainst(ctx, m.ledger, *m.known, &o); err != nil {
			return err
		}
	}
	v, err := l.Verify(ctx, o)
	if err != nil {
		return fmt.Errorf("merge: %s: %w", m.from.name, err)
	}
	m.found.Notes = v.Notes
	if len(v.Problems) == 0 {
		return nil
	}
	advice := "'daybook verify' there, with --root, looks at everything; what was merged earlier stays as it is"
	if slices.ContainsFunc(v.Problems, func(p ledger.Problem) bool { return p.Where == "key" }) {
		advice = "ask its owner for the public key ('daybook ledger key' prints it there); --key KEY takes it in under that one"
	}
	return m.refuse(v.Problems, v.More, advice)
}

func (m *ledgerMerge) refuse(problems []ledger.Problem, more int, advice string) error {
	return &RefusedError{From: "merge: " + m.from.name, Problems: problems, More: more, Advice: advice}
}

// holdAgainst has a log verified against what was merged of it: each head, and unless
// another key is demanded the one that signed it then.
func holdAgainst(ctx context.Context, l *ledger.Ledger, known ledger.Origin, o *ledger.VerifyOptions) error {
	heads, err := l.OriginHeads(ctx, known.Name)
	if err != nil {
		return err
	}
	for _, h := range heads {
		from := fmt.Sprintf("head merged by entry %d", h.Entry)
		if h.Unauthenticated() {
			o.Roots = append(o.Roots, ledger.KnownRoot{From: from, Entries: h.Entries, Root: h.Root})
		} else {
			o.Heads = append(o.Heads, ledger.KnownHead{From: from, Note: []byte(h.Note)})
		}
	}
	if o.Key == "" {
		o.Key = known.Key
	}
	return nil
}

// look counts what the ledger has, and has its files brought to the stage as far as
// they are not here yet.
func (m *ledgerMerge) look(ctx context.Context, l *ledger.Ledger) error {
	runs, err := l.RunLines(ctx, ledger.RunFilter{Kind: ledger.Train, State: ledger.Done})
	if err != nil {
		return err
	}
	m.found.Runs = len(runs)
	nested, err := l.Origins(ctx)
	if err != nil {
		return err
	}
	for _, o := range nested {
		m.found.LeftOut = append(m.found.LeftOut, o.Name)
	}
	published, err := l.Adapters(ctx, ledger.AdapterFilter{})
	if err != nil {
		return err
	}
	m.found.Adapters = len(published)
	c := carrier{from: m.from.root, to: m.stage, have: m.root.Origin(m.head.Name), ledger: l, signed: !m.head.Unauthenticated()}
	if m.known == nil { // what a killed call has left there is nobody's
		c.have = Root{}
	}
	for _, a := range published {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := c.adapter(ctx, a); err != nil {
			return fmt.Errorf("merge: %s: %w", a.Name(), err)
		}
	}
	if err := c.artifacts(ctx); err != nil {
		return fmt.Errorf("merge: %w", err)
	}
	m.found.Copied, m.found.Missing = c.copied, c.missing
	if len(c.problems) > 0 {
		return m.refuse(c.problems, 0, "compare with a backup there; what was merged earlier stays as it is")
	}
	return nil
}

// bring puts what is on the stage in its place, the ledger last, and then adds the
// fact. Until that is there, a ledger that is new is none of the root's, and one that
// went on says what it said and more.
func (m *ledgerMerge) bring(ctx context.Context) (*MergedLedger, error) {
	home := m.root.Origin(m.head.Name)
	if m.known == nil {
		if err := os.RemoveAll(home.Dir); err != nil {
			return nil, fmt.Errorf("merge: %w", err)
		}
	} else {
		m.found.Before = m.known.Entries
		m.found.Already = m.known.Entries == m.head.Entries && m.found.Copied == 0
	}
	if err := home.Prepare(); err != nil {
		return nil, err
	}
	if err := move(m.stage, home); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	if err := replaceLedger(m.stage, home); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	if err := m.ledger.RecordOrigin(ctx, m.head); err != nil {
		return nil, fmt.Errorf("merge: %w", err)
	}
	now, err := m.ledger.Origins(ctx)
	if err != nil {
		return nil, err
	}
	for _, o := range now {
		if o.Name == m.head.Name {
			m.found.Origin = o
		}
	}
	return &m.found, nil
}
