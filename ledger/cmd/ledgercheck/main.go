// Command ledgercheck checks a bundle of a Daybook ledger without Daybook: it
// shares no code with it, and uses nothing but the standard library and the two
// packages of golang.org/x/mod that Merkle trees and signed notes come from. The
// package comment of daybook/ledger is the format that it follows.
//
//	ledgercheck [-key KEY] [-witness KEY]... [-head FILE]... BUNDLE
//
// It prints what the bundle proves and what it doesn't, and ends with 0 if all of
// it holds, 4 if something doesn't, 2 if it was called wrong.
package main

import (
	"archive/zip"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// checker is one call of run.
type checker struct {
	out       io.Writer
	bad       int // mismatches
	key       string
	witnesses []string
	heads     map[string][]byte // signed ones from elsewhere, by where they are from
	zip       *zip.Reader
	signers   []signer          // in the order of their entries
	named     map[string]string // digests that entries have of files in the bundle
}

// run returns the exit code.
func run(args []string, out, problems io.Writer) int {
	c := &checker{out: out, heads: map[string][]byte{}, named: map[string]string{}}
	flags := flag.NewFlagSet("ledgercheck [flags] BUNDLE", flag.ContinueOnError)
	flags.SetOutput(problems)
	flags.Func("key", "the ledger's public `key` as you know it, even if it was replaced since; without, the bundle's word is taken", func(key string) error { _, err := verifier(key); c.key = key; return err })
	flags.Func("witness", "public `key` of a witness whose signature you want to see under the head (repeatable)", func(key string) error { _, err := verifier(key); c.witnesses = append(c.witnesses, key); return err })
	flags.Func("head", "`file` with a head of the ledger that you kept (repeatable)", func(path string) error { data, err := os.ReadFile(path); c.heads[path] = data; return err })
	if flags.Parse(args) != nil || flags.NArg() != 1 {
		return 2
	}
	z, err := zip.OpenReader(flags.Arg(0))
	if err != nil {
		_, _ = fmt.Fprintln(problems, "ledgercheck:", err)
		return 2
	}
	defer func() { _ = z.Close() }()
	c.zip = &z.Reader
	if err := c.bundle(); err != nil {
		c.problem("%v", err)
	}
	if c.bad == 0 {
		c.say("sound")
		return 0
	}
	return 4
}

func (c *checker) say(format string, args ...any) { _, _ = fmt.Fprintf(c.out, format+"\n", args...) }

func (c *checker) problem(format string, args ...any) {
	c.bad++
	c.say("MISMATCH: "+format, args...)
}

// errBundle keeps a bundle from being looked at further.
var errBundle = errors.New("not a bundle that this command reads")

// bundle checks all that a bundle holds.
func (c *checker) bundle() error {
	mark, _ := fs.ReadFile(c.zip, "daybook-bundle")
	head, err := fs.ReadFile(c.zip, "head")
	twice := fs.WalkDir(c.zip, ".", func(_ string, _ fs.DirEntry, err error) error { return err }) // of files of one name, others may read another
	if err = errors.Join(err, twice); err != nil || string(mark) != "daybook bundle v1\n" {
		return errBundle
	}
	check := c.whole
	if proofs, _ := fs.Glob(c.zip, "proofs/*"); len(proofs) > 0 {
		check = c.partial
	}
	if err = check(head); err == nil {
		c.artifacts() // named by what check reads
	}
	return err
}
