//go:build !linux

package cli_test

import "errors"

func handOver() error { return errors.ErrUnsupported }
