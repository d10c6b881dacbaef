// Daybook runs fine-tuning experiments declared as Jsonnet and keeps a ledger
// that lets someone else check them.
package main

import (
	"os"

	"daybook/runner/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
