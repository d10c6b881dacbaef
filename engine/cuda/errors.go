package cuda

import "errors"

// ErrUnavailable reports that this binary or this machine has no CUDA.
var ErrUnavailable = errors.New("CUDA is not available")

// hinted is an error that tells its reader what to do about it.
type hinted struct {
	error
	hint string
}

func (h hinted) Hint() string  { return h.hint }
func (h hinted) Unwrap() error { return h.error }

// missing is something that CUDA needs and this machine or binary lacks.
type missing struct{ what string }

func (m missing) Error() string        { return m.what }
func (m missing) Is(target error) bool { return target == ErrUnavailable }

// unavailable is an error that wraps ErrUnavailable, with advice.
func unavailable(what, advice string) error { return hinted{missing{what}, advice} }
