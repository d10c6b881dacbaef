//go:build !linux

package runner

// processSpace is not known here, so that a lease is never taken over before its
// time is over.
func processSpace() string { return "" }

func processStart(int) (start string, alive bool) { return "", true }
