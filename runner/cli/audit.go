package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/ledger/store"
	"daybook/reports/audit"
	"daybook/runner"
)

// auditFlags say how to audit an adapter.
type auditFlags struct {
	key    string
	format string
	json   bool
	bundle string

	decision, person, reason string // of a sign-off
}

func newAuditCommand(e *env) *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use:   "audit ADAPTER",
		Short: "Tell which data, code, base, settings and machine produced an adapter",
		Long: `Audit tells what made an adapter: its data with licence and consent as declared,
how the data was split and what was left out, base, settings, code, machine, every
epoch's results. ADAPTER is a folder or a file in it, name@version, or a digest: of
the adapter, as Daybook prints it, or of its weights, as sha256sum does. Weights that
lie alone are known by their digest, where the ledger is at hand.

Each statement is graded. Proved: bytes at hand were read now and have the digest
that was recorded. Recorded: Daybook saw it, and it is in the log, all of which is
checked first. Claimed: somebody said so. Unknown: nobody did. It ends with exit
code 4 if anything at hand contradicts the log.

An adapter's folder proves by itself what made it, where no ledger is at hand: its
provenance is in an entry that is proved to be in the log of a signed head. --key
is then the ledger's public key, as its owner gave it to you.

--bundle packs what somebody else needs into one zip file: the audit as JSON and
HTML, the adapter's statement, envelope and ML-BOM, the ledger's public key, and
the entries that all of it rests on, each with the proof that it is in the log of
the signed head. ledgercheck checks it with the key. Entries say more than the
audit does: names of changed files, and processes.

With --sign-off, what a person decided is added to the log, if the audit finds no
mismatch. Daybook doesn't know who is at the keyboard: the name is a claim.`,
		Example: `  daybook audit clinical@best
  daybook audit adapters/clinical/v0007 --format html >audit.html
  daybook audit 3f9ac1d2 --json
  daybook audit clinical@v7 --bundle clinical-v7.zip
  daybook audit ./mailed-adapter --key 'daybook/4be1...+71b0c26f+AZ...'
  daybook audit clinical@v7 --sign-off approved --by 'R. Viewer' --reason 'consent checked, test F1 above .8'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.json {
				if cmd.Flags().Changed("format") && f.format != string(audit.FormatJSON) {
					return usageError{runner.WithHint(fmt.Errorf("--json: and --format %s", f.format), "give one of them; --json is --format json")}
				}
				f.format = string(audit.FormatJSON)
			}
			return runAudit(cmd.Context(), e, args[0], f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.key, "key", "", "the ledger's public `key`, or a file that holds it, as you know it; without, the ledger's word is taken")
	flags.StringVar(&f.format, "format", string(audit.FormatText), "text, markdown, html or json")
	flags.BoolVar(&f.json, "json", false, "print JSON, as --format json does")
	flags.StringVar(&f.bundle, "bundle", "", "if nothing contradicts the log, also write the audit with all it rests on to a zip `file` that ledgercheck reads")
	flags.StringVar(&f.decision, "sign-off", "", "add to the log that a person `decided`: "+strings.Join(ledger.Decisions(), ", "))
	flags.StringVar(&f.person, "by", "", "the `person` who signs off")
	flags.StringVar(&f.reason, "reason", "", "`why` they decided so")
	return cmd
}

func runAudit(ctx context.Context, e *env, ref string, f auditFlags) (err error) {
	format, err := audit.ParseFormat(f.format)
	if err != nil {
		return usageError{runner.WithHint(fmt.Errorf("--format: %w", err), "for people text, markdown and html, for programs json")}
	}
	if f.key, err = keyOf(f.key); err != nil {
		return err
	}
	open, err := f.signOff()
	if err != nil {
		return err
	}
	weights, err := runner.WeightsAlone(ref)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if strings.EqualFold(filepath.Ext(ref), ".zip") && weights != "" {
		return usageError{runner.WithHint(fmt.Errorf("audit: %s: a bundle is not audited, but checked", ref), "'ledgercheck -key KEY "+filepath.Base(ref)+"' (ledger/cmd) checks one, without Daybook; audit takes an adapter's folder")}
	}
	folder := ""
	if weights == "" {
		if folder, err = runner.AdapterFolder(ref); err != nil {
			return fmt.Errorf("audit: %w", err)
		}
	}
	if folder != "" {
		root, err := e.findRoot(".")
		if err != nil {
			return err
		}
		if foreign := root.OriginRef(folder); foreign != "" {
			ref, folder = foreign, ""
		}
	}
	if folder != "" {
		if alone, err := e.withoutLedger(ctx, folder, f.key); err != nil || alone != nil {
			if err != nil {
				return err
			}
			if f.decision != "" {
				return runner.WithHint(errors.New("audit: --sign-off: no ledger here has this adapter"), "--root names the folder of its ledger")
			}
			if f.bundle != "" {
				return runner.WithHint(errors.New("audit: --bundle: no ledger here has this adapter, and the entries are in it"), "--root names the folder of its ledger; an adapter's folder has its own proof")
			}
			return printAudit(e, alone, format)
		}
	}
	root, l, err := e.openLedger(ctx, ".", open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	if f.decision != "" {
		if err := e.ownVersion(ctx, root, l, "audit: --sign-off", ref); err != nil {
			return err
		}
	}
	all, err := e.origins(ctx, root, l)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, all.Close()) }()
	at := ledgerAt{root: root, ledger: l}
	if o, rest := all.Split(ref); o != nil && folder == "" {
		at, ref = ledgerAt{root: o.Root, ledger: o.Ledger, origin: o}, rest
		root, l = o.Root, o.Ledger
	}
	a, err := findAdapter(ctx, l, root, strings.TrimPrefix(ref, "sha256:"), folder)
	if weights != "" && err != nil {
		if a, at, err = ofWeights(ctx, at, all, weights); err == nil {
			root, l = at.root, at.ledger
			e.say("%s: by their digest the weights of %s, as the statement on its publication says; which configuration belongs to them, the audit tells", ref, a.Name())
		}
	}
	if err != nil {
		return runner.WithHint(fmt.Errorf("audit: %w", err), "'daybook adapters' lists the versions; --root names another ledger")
	}
	if folder == "" {
		folder = root.Abs(a.Path)
	}
	report, err := auditLedger(ctx, e, at, a, folder, f.key)
	if err == nil && f.decision != "" && report.Sound {
		if err := l.RecordSignOff(ctx, ledger.SignOff{Adapter: a.Digest, Decision: f.decision, Person: f.person, Reason: f.reason, Time: e.now()}); err != nil {
			return err
		}
		report, err = auditLedger(ctx, e, at, a, folder, f.key)
	}
	if err != nil {
		return err
	}
	if err := printAudit(e, report, format); err != nil || f.bundle == "" {
		return err
	}
	return writeAuditBundle(ctx, e, root, l, report, f.bundle)
}

// signOff checks what is to be signed off, and returns how to open the ledger for it.
func (f *auditFlags) signOff() (opener, error) {
	switch {
	case f.decision == "" && f.person == "" && f.reason == "":
		return ledger.OpenReadOnly, nil
	case f.decision == "" || f.person == "" || f.reason == "":
		return nil, usageError{runner.WithHint(errors.New("audit: --sign-off, --by and --reason go together"), "a decision is worth what is known of who took it, and why")}
	case !slices.Contains(ledger.Decisions(), f.decision):
		return nil, usageError{runner.WithHint(fmt.Errorf("--sign-off: %q", f.decision), "it is one of "+strings.Join(ledger.Decisions(), ", "))}
	}
	return ledger.Open, nil
}

func printAudit(e *env, a *audit.Audit, f audit.Format) error {
	if err := audit.Render(e.out, a, f); err != nil {
		return err
	}
	if !a.Sound {
		return runner.WithHint(fmt.Errorf("audit: %w: %s", errMismatch, mismatches(len(a.Problems))), "'daybook verify' looks at everything; until then trust none of what the audit says")
	}
	return nil
}

// findAdapter returns the version that a reference names or that is in a folder:
// the one published from there, else the oldest of the same adapter.
func findAdapter(ctx context.Context, l *ledger.Ledger, root runner.Root, ref, folder string) (ledger.Adapter, error) {
	if folder == "" {
		return l.Adapter(ctx, ref)
	}
	a, digest, err := runner.VersionIn(ctx, root, l, folder)
	if err == nil && a == nil {
		err = fmt.Errorf("%s: the adapter in it, adapter %s: %w", ref, digest, ledger.ErrNotFound)
	}
	if err != nil {
		return ledger.Adapter{}, err
	}
	return *a, nil
}

// ofWeights finds the adapter that has weights with a digest, in a ledger or else in one
// that was merged into it.
func ofWeights(ctx context.Context, at ledgerAt, all runner.Origins, weights ledger.Digest) (ledger.Adapter, ledgerAt, error) {
	a, err := runner.VersionOfWeights(ctx, at.ledger, store.New(at.root.Store()), weights)
	for _, o := range all {
		if !errors.Is(err, ledger.ErrNotFound) {
			break
		}
		at = ledgerAt{root: o.Root, ledger: o.Ledger, origin: o}
		a, err = runner.VersionOfWeights(ctx, at.ledger, store.New(at.root.Store()), weights)
	}
	return a, at, err
}

// auditLedger audits an adapter by its ledger, all of whose log is checked first.
func auditLedger(ctx context.Context, e *env, at ledgerAt, a ledger.Adapter, folder, key string) (*audit.Audit, error) {
	root, l := at.root, at.ledger
	v, err := l.Verify(ctx, ledger.VerifyOptions{Keys: e.ledgerOptions().Keys, Key: key, Copied: root.IsOrigin()})
	if err != nil {
		return nil, err
	}
	trace, err := l.Trace(ctx, a)
	if err != nil {
		return nil, err
	}
	looked, err := runner.Look(ctx, root, store.New(root.Store()), trace, folder)
	if err != nil {
		return nil, err
	}
	subject := audit.Subject{Trace: trace, Later: true}
	if subject.SignOffs, err = l.SignOffs(ctx, a.Digest); err != nil {
		return nil, err
	}
	if subject.Reproductions, err = l.Reproductions(ctx, a.Run); err != nil {
		return nil, err
	}
	if subject.Forgotten, err = l.Unrepeatable(ctx, trace.Run); err != nil {
		return nil, err
	}
	aliases, err := l.Aliases(ctx, a.Sweep)
	if err != nil {
		return nil, err
	}
	for _, alias := range aliases {
		if alias.Version == a.Version {
			subject.Aliases = append(subject.Aliases, alias.Sweep+"@"+alias.Alias)
		}
	}
	return audit.New(subject, audit.Evidence{
		Log: at.vouched(v, key), Unsigned: at.origin != nil && at.origin.Unauthenticated(), Cite: "entry %d", Seen: looked.Seen, Changed: looked.Changed, Problems: append(v.Problems, looked.Problems...),
	})
}

// vouched says what vouches for a log that was verified.
func (p ledgerAt) vouched(v *ledger.Verification, key string) string {
	text := vouched(v, key)
	if o := p.origin; o != nil {
		text = fmt.Sprintf("the log of %s, another machine's, as it was merged here last (its first %d entries, by entry %d of the log here): %s", o.Name, o.Entries, o.Entry, text)
	}
	return text
}

func vouched(v *ledger.Verification, key string) string {
	if v.Key == "" {
		return fmt.Sprintf("the ledger's log of %d entries, which nobody has signed", v.Entries)
	}
	whose := "which is the ledger's own word: compare it with the key as its owner gave it to you, or give that with --key"
	if key != "" {
		whose = "the key that was given"
	}
	text := fmt.Sprintf("the ledger's log of %d entries, checked for this audit; its head, root %s, is signed by %s, %s", v.Entries, v.Root, v.Key, whose)
	switch {
	case v.Anchored == 0:
		text += "; none of it is in a head that is known from elsewhere"
	case v.Anchored < v.Entries:
		text += fmt.Sprintf("; entries after %d are in no head that is known from elsewhere", v.Anchored)
	}
	return text
}
