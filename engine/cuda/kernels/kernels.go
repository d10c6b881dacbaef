// Package kernels holds the GPU kernels as compiled images, one for each
// operation and architecture, embedded in the binary.
//
// The sources beside this file are CUDA C++; build.py compiles them with a
// pinned compiler, and MANIFEST says what each image was made from. Building
// Daybook needs neither. The package knows nothing about the driver.
package kernels

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
)

//go:embed images
var images embed.FS

//go:embed MANIFEST
var manifest []byte

// Digest identifies all images and what they were made from.
func Digest() string {
	sum := sha256.Sum256(manifest)
	return hex.EncodeToString(sum[:])
}

// Portable is the architecture whose image every later GPU can run: the driver
// compiles it when it is loaded.
const Portable = "compute_80"

// Image returns the image of operation op for arch, such as "sm_90a" or
// Portable, ready for the driver to load.
func Image(arch, op string) ([]byte, error) {
	packed, err := images.ReadFile("images/" + arch + "/" + op + extension(arch) + ".gz")
	if err != nil {
		return nil, fmt.Errorf("kernels: no image of %s for %s", op, arch)
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("kernels: %s/%s: %w", arch, op, err)
	}
	image, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("kernels: %s/%s: %w", arch, op, err)
	}
	return image, nil
}

func extension(arch string) string {
	if strings.HasPrefix(arch, "sm_") {
		return ".cubin"
	}
	return ".ptx"
}
