//go:build !cuda

package cuda

import (
	"errors"
	"testing"

	"daybook/engine"
)

// TestStub checks that a binary without the tag says what to do.
func TestStub(t *testing.T) {
	_, err := Open(engine.Shape{}, Options{})
	_, also := Devices()
	for _, err := range []error{err, also} {
		var hint interface{ Hint() string }
		if !errors.Is(err, ErrUnavailable) || !errors.As(err, &hint) || hint.Hint() == "" {
			t.Errorf("%v: not unavailable, or without advice", err)
		}
	}
}
