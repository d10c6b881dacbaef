package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"daybook/ledger"
	"daybook/ledger/evidence"
	"daybook/runner"
)

func newLedgerCommand(e *env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "ledger",
		Short: "Look after the ledger itself: its keys, heads of it elsewhere, other machines' ledgers, other formats",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newLedgerKeyCommand(e), newLedgerAnchorCommand(e), newLedgerMergeCommand(e), newLedgerOriginsCommand(e), newLedgerExportCommand(e))
	return cmd
}

// anchorFlags say where a head goes.
type anchorFlags struct {
	file     string
	tag      string
	cosigned string
	witness  string
}

// tagByOrigin asks for a tag's name made from the ledger's origin and size.
const tagByOrigin = "auto"

func newLedgerAnchorCommand(e *env) *cobra.Command {
	var f anchorFlags
	cmd := &cobra.Command{
		Use:   "anchor",
		Short: "Put the ledger's signed head where its owner can't change it",
		Long: `Anchor prints the ledger's newest signed head: 200 bytes that commit to every
entry so far. Whoever keeps them can tell later whether any of it was changed,
dropped or reordered, with 'daybook verify --anchor FILE' or with ledgercheck.

Until a head is elsewhere, the holder of the key can rewrite everything since the
last one that is, and sign it again, and nobody can tell: signatures show who
says something, not that it was always said. So mail the head, publish it, push it as
a git tag, or have a witness sign it. A file or a tag on this machine is out of
reach only once it is copied to another.`,
		Example: `  daybook ledger anchor > head             # to mail or print
  daybook ledger anchor --file heads/clinical
  daybook ledger anchor --tag && git push --tags
  daybook ledger anchor --cosigned head.signed --witness 'witness.example+8d96cf3c+BA...'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runAnchor(cmd.Context(), e, f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "file", "", "write the head to a `file`, in the place of an earlier one of this ledger")
	flags.StringVar(&f.tag, "tag", "", "make an annotated git tag of it, of this `name` or, without one, daybook/<origin>/<entries>")
	flags.Lookup("tag").NoOptDefVal = tagByOrigin
	flags.StringVar(&f.cosigned, "cosigned", "", "take in a head that a witness has signed too, from a `file`")
	flags.StringVar(&f.witness, "witness", "", "the witness's public `key` (C2SP tlog-cosignature)")
	return cmd
}

func runAnchor(ctx context.Context, e *env, f anchorFlags) (err error) {
	if (f.cosigned == "") != (f.witness == "") {
		return usageError{runner.WithHint(errors.New("anchor: --cosigned and --witness go together"), "the witness publishes its key")}
	}
	root, l, err := e.openLedger(ctx, ".", ledger.Open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	head, key, err := l.Head(ctx)
	if err != nil {
		return err
	}
	if key == nil {
		return runner.WithHint(errors.New("anchor: nothing is signed yet"), "the next fact that is recorded begins the log")
	}
	h, _, err := evidence.OpenHead(head, key)
	if err != nil {
		return err
	}
	if f.file == "" && f.tag == "" && f.cosigned == "" {
		_, err := e.out.Write(head)
		return err
	}
	if f.file != "" {
		place := root.Rel(f.file)
		if err := replaces(ctx, l, f.file, place); err != nil {
			return err
		}
		if err := runner.WriteAnchor(f.file, head); err != nil {
			return err
		}
		if err := e.recordAnchor(ctx, l, ledger.Anchor{Kind: ledger.AnchorFile, Place: place, Note: string(head)}, h); err != nil {
			return err
		}
	}
	if f.tag != "" {
		if f.tag == tagByOrigin {
			f.tag = fmt.Sprintf("daybook/%.8s/%d", filepath.Base(h.Origin), h.Size)
		}
		if err := runner.TagAnchor(root, f.tag, head, e.now()); err != nil {
			return err
		}
		if err := e.recordAnchor(ctx, l, ledger.Anchor{Kind: ledger.AnchorTag, Place: f.tag, Note: string(head)}, h); err != nil {
			return err
		}
	}
	if f.cosigned != "" {
		data, err := os.ReadFile(f.cosigned)
		if err != nil {
			return usageError{fmt.Errorf("--cosigned: %w", err)}
		}
		signed, err := evidence.PeekHead(data)
		if err != nil {
			return err
		}
		return e.recordAnchor(ctx, l, ledger.Anchor{Kind: ledger.AnchorWitness, Place: f.witness, Note: string(data)}, signed)
	}
	return nil
}

func (e *env) recordAnchor(ctx context.Context, l *ledger.Ledger, a ledger.Anchor, h evidence.Head) error {
	if err := l.RecordAnchor(ctx, a); err != nil {
		return err
	}
	_, err := fmt.Fprintf(e.out, "%d entries: %s %s\n", h.Size, a.Kind, a.Place)
	return err
}

// replaces makes sure that a file that is there holds an earlier head of the same
// log: no other file is overwritten, and no head from which the log doesn't go on.
func replaces(ctx context.Context, l *ledger.Ledger, path, place string) error {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = l.GoesOnFrom(ctx, data)
	}
	if err != nil {
		return runner.WithHint(fmt.Errorf("anchor: %s: it holds no earlier head of this ledger: %w", place, err),
			"'daybook verify --anchor FILE' compares a head with the ledger; --file with another name keeps both")
	}
	return nil
}

// keyFlags say what to do about keys.
type keyFlags struct {
	rotate     bool
	origin     string
	passphrase string
	json       bool
}

func newLedgerKeyCommand(e *env) *cobra.Command {
	var f keyFlags
	cmd := &cobra.Command{
		Use:   "key",
		Short: "Show or change the key that signs the ledger",
		Long: `Key shows the ledger's public key and those before it. The private one was made
when the first entry was added, outside of the repository. Back it up: without it
nothing can be added to the ledger under its name.

If it may be in other hands, --rotate replaces it, and both keys sign that. If it
is lost, or the newest copy of the ledger is, --new-origin goes on under another
identity, which cites the last head known. Everyone who checks sees that break.`,
		Example: `  daybook ledger key
  daybook ledger key --rotate
  daybook ledger key --new-origin 'laptop lost, key with it'`,
		RunE: func(cmd *cobra.Command, _ []string) error { return runKey(cmd.Context(), e, f) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.rotate, "rotate", false, "replace the key by a new one")
	flags.StringVar(&f.origin, "new-origin", "", "begin another origin, for this `reason`")
	flags.StringVar(&f.passphrase, "passphrase", "", "set a passphrase on the private key, or remove it (`set or remove`)")
	flags.BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

// listedKey is a key with what this machine has of it.
type listedKey struct {
	ledger.Signer
	Here      bool   `json:"here"` // the private key is on this machine
	Protected bool   `json:"protected"`
	Folder    string `json:"folder,omitempty"` // it would be in
}

func runKey(ctx context.Context, e *env, f keyFlags) (err error) {
	switch f.passphrase {
	case "", "set", "remove":
	default:
		return usageError{runner.WithHint(fmt.Errorf("--passphrase: %q", f.passphrase), "set or remove; the passphrase itself is asked for")}
	}
	asked := 0
	for _, given := range []bool{f.rotate, f.origin != "", f.passphrase != ""} {
		if given {
			asked++
		}
	}
	if asked > 1 {
		return usageError{runner.WithHint(errors.New("key: --rotate, --new-origin and --passphrase don't go together"), "give one after the other")}
	}
	open := opener(ledger.OpenReadOnly)
	if f.rotate || f.origin != "" {
		open = ledger.Open
	}
	_, l, err := e.openLedger(ctx, ".", open)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	switch {
	case f.rotate:
		_, err = l.Rotate(ctx)
	case f.origin != "":
		_, err = l.NewOrigin(ctx, f.origin)
	}
	if err != nil {
		return err
	}
	signers, err := l.Signers(ctx)
	if err != nil {
		return err
	}
	if len(signers) == 0 {
		e.say("nothing is signed yet: the next fact that is recorded makes a key")
		return nil
	}
	keys := e.ledgerOptions().Keys
	if f.passphrase != "" {
		secret := ""
		if f.passphrase == "set" {
			if secret, err = e.newPassphrase(); err != nil {
				return err
			}
		}
		if err := keys.Protect(signers[len(signers)-1].Key, secret); err != nil {
			return err
		}
	}
	var list []listedKey
	var rows [][]string
	for _, s := range signers {
		item := listedKey{Signer: s, Here: keys.Has(s.Key), Protected: keys.Protected(s.Key)}
		if item.Folder, err = keys.Folder(s.Origin); err != nil {
			return err
		}
		list = append(list, item)
		why := s.Reason
		if s.Replaces != "" {
			why = "rotated"
		}
		here := "no"
		if item.Here {
			here = item.Folder
		}
		if item.Protected {
			here += ", with a passphrase"
		}
		rows = append(rows, []string{fmt.Sprint(s.Entry), s.Key, why, here})
	}
	if f.json {
		return printJSON(e.out, list)
	}
	return printList(e.out, []string{">from entry", "public key", "why", "private key here"}, rows)
}
