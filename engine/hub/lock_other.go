//go:build !unix

package hub

import "context"

// acquire locks nothing here: two processes may fetch the same blob twice.
func acquire(context.Context, string) (release func(), err error) { return func() {}, nil }
