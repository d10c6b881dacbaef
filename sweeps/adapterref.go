package sweeps

import (
	"fmt"
	"regexp"
	"strings"
)

// AdapterRef names an adapter that there is already. In a sweep file it may be
// written as Ref alone.
type AdapterRef struct {
	Ref string `json:"ref,omitempty"` // folder in PEFT layout, relative to the sweep file, or name@version
	// Digest is the adapter's identity: SHA-256 over the lines that sha256sum prints
	// for adapter_config.json and adapter_model.safetensors. A sweep may give it, and
	// then no other adapter is taken; a plan fills it in.
	Digest string `json:"digest,omitempty"`
}

func (a *AdapterRef) decode(d *decoder, path string, in any) {
	if ref, ok := in.(string); ok {
		a.Ref = ref
		return
	}
	d.into(path, in, a)
}

var digestForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// adapterRef checks a reference that is given.
func (c checker) adapterRef(path string, a AdapterRef) {
	if strings.TrimSpace(a.Ref) == "" {
		c.fail(path, "name an adapter's folder, or a version such as 'clinical@v3'", "names no adapter")
	}
	if a.Digest != "" && !digestForm.MatchString(a.Digest) {
		c.fail(path+".digest", "'daybook audit' prints an adapter's identity", "%q is not a SHA-256 in hex", a.Digest)
	}
}

// adapterBaseline checks a baseline that is an adapter.
func (c checker) adapterBaseline(path string, b Baseline, before []Baseline) {
	c.adapterRef(path+".adapter", b.Adapter)
	if strings.TrimSpace(b.Name) == "" || strings.ContainsAny(b.Name, "\n\r\t()") {
		c.fail(path+".name", "write d.adapter('a name for the table', 'path or name@version')", "%q is no name for a row", b.Name)
	}
	for i, other := range before {
		if other.Kind == b.Kind && other.Name == b.Name {
			c.fail(path+".name", "", "%q is already baselines[%d]", b.Name, i)
		}
	}
}

// Label is how results are known that a baseline gave, such as "k_shot(2)".
func (b Baseline) Label() string {
	switch b.Kind {
	case "k_shot":
		return fmt.Sprintf("k_shot(%d)", b.Shots)
	case "adapter":
		return fmt.Sprintf("adapter(%s)", b.Name)
	}
	return b.Kind
}
