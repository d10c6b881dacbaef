package hub

import (
	"errors"
	"fmt"
)

var (
	errName = errors.New("not the name of a model")
	// ErrOffline reports that something is missing while nothing may be fetched.
	ErrOffline = errors.New("not in the cache, and the Hub may not be asked")
	// ErrNotFound reports a model, a revision or a file that the Hub does not have, or does not show.
	ErrNotFound = errors.New("the Hub has no such model or revision, or does not show it")
	// ErrAccess reports that the Hub refuses access.
	ErrAccess = errors.New("the Hub refuses access")
	// ErrDigest reports a file that is not what its digest says.
	ErrDigest = errors.New("what was fetched does not have the digest that the Hub gives")
	// ErrWeights reports a model without weights in safetensors.
	ErrWeights = errors.New("the model has no weights in safetensors")
)

// Error says what could not be had of which model, and what to do about it.
type Error struct {
	Name   string // of the model, as Ref.String has it
	File   string // "" if it is about the model
	Err    error
	Advice string
}

func (e *Error) Error() string {
	if e.File != "" {
		return fmt.Sprintf("%s: %s: %s", e.Name, e.File, e.Err)
	}
	return fmt.Sprintf("%s: %s", e.Name, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

// Hint returns the advice.
func (e *Error) Hint() string { return e.Advice }

// advise returns err about a file of a model, with the advice that belongs to it.
func advise(ref Ref, file string, err error) error {
	var own *Error
	if err == nil || errors.As(err, &own) {
		return err
	}
	e := &Error{Name: ref.String(), File: file, Err: err}
	switch {
	case errors.Is(err, ErrOffline):
		e.Advice = "unset HF_HUB_OFFLINE, or fetch the model into the cache elsewhere and copy it"
	case errors.Is(err, ErrNotFound):
		e.Advice = "check the name and the revision; of a private model HF_TOKEN has to be set"
	case errors.Is(err, ErrAccess):
		e.Advice = "ask for access on the model's page, and set HF_TOKEN to a token that may read it"
	case errors.Is(err, ErrDigest):
		e.Advice = "try again; a proxy on the way may change what it passes on"
	case errors.Is(err, ErrWeights):
		e.Advice = "take the repository that the model was converted from, or save it with safe_serialization=True"
	default:
		e.Advice = "try again, what was fetched so far is kept; HF_HUB_OFFLINE=1 uses what is in the cache"
	}
	return e
}
