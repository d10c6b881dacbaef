package cli

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/term"
)

// Variables that hold passphrases where there is no terminal to ask on.
const (
	passphraseVariable    = "DAYBOOK_PASSPHRASE"
	newPassphraseVariable = "DAYBOOK_NEW_PASSPHRASE"
)

var errNoTerminal = errors.New("there is no terminal to ask on")

// passphrase asks for the passphrase of the ledger's key, once.
func (e *env) passphrase() (string, error) {
	if e.secret != "" {
		return e.secret, nil
	}
	secret, ok := os.LookupEnv(passphraseVariable)
	if !ok {
		var err error
		if secret, err = e.ask("passphrase of the ledger's key: "); err != nil {
			return "", err
		}
	}
	e.secret = secret
	return secret, nil
}

// newPassphrase asks for a passphrase twice.
func (e *env) newPassphrase() (string, error) {
	if secret := os.Getenv(newPassphraseVariable); secret != "" {
		return secret, nil
	}
	first, err := e.ask("new passphrase: ")
	if err != nil {
		return "", fmt.Errorf("new passphrase: %w; set %s", err, newPassphraseVariable)
	}
	again, err := e.ask("once more: ")
	switch {
	case err != nil:
		return "", err
	case first == "":
		return "", errors.New("new passphrase: it is empty")
	case first != again:
		return "", errors.New("new passphrase: the two differ")
	}
	return first, nil
}

// ask reads a line that isn't shown.
func (e *env) ask(prompt string) (string, error) {
	in, ok := e.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", errNoTerminal
	}
	_, _ = fmt.Fprint(e.err, prompt)
	line, err := term.ReadPassword(int(in.Fd()))
	_, _ = fmt.Fprintln(e.err)
	return string(line), err
}
