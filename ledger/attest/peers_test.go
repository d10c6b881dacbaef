package attest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"daybook/ledger"
)

const (
	// pythonVariable names a Python that has the packages of testdata/requirements.txt.
	pythonVariable = "DAYBOOK_TEST_PYTHON"
	// cosignVariable names cosign, if the one to use is not on the path.
	cosignVariable = "DAYBOOK_TEST_COSIGN"
	// adapterVariable names the folder of a published adapter, to try the peers on
	// a copy of it rather than on one that a test makes.
	adapterVariable = "DAYBOOK_TEST_ADAPTER"

	cosignVersion = "v3.1.3"
	cosignModule  = "github.com/sigstore/cosign/v3/cmd/cosign@" + cosignVersion
)

// adapterFiles are those that an adapter's identity is a digest of, in its order.
var adapterFiles = []string{"adapter_config.json", "adapter_model.safetensors"}

// published returns an adapter's folder that peers are tried on, a new one for each
// test.
func published(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	if given := os.Getenv(adapterVariable); given != "" {
		check(tb, os.CopyFS(dir, os.DirFS(given)))
		return dir
	}
	content := map[string][]byte{adapterFiles[0]: []byte(`{"peft_type":"LORA","r":8}`), adapterFiles[1]: bytes.Repeat([]byte("weights "), 1000)}
	digests := map[string]ledger.Digest{}
	for name, data := range content {
		digests[name] = id(string(data))
	}
	tr := trace()
	tr.Adapter.Fact.Digest = identity(digests)
	statement, err := Statement(tr, digests)
	check(tb, err)
	key := newKey(tb)
	content[EnvelopeFile], err = Sign(tb.Context(), statement, key)
	check(tb, err)
	content[BundleFile], err = Bundle(content[EnvelopeFile], &key.PublicKey)
	check(tb, err)
	content[KeyFile], err = MarshalKey(&key.PublicKey)
	check(tb, err)
	content[BOMFile], err = BOM(tr)
	check(tb, err)
	for name, data := range content {
		check(tb, os.WriteFile(filepath.Join(dir, name), data, 0o600))
	}
	return dir
}

// identity is what an adapter of files with these digests is known by.
func identity(digests map[string]ledger.Digest) ledger.Digest {
	var lines strings.Builder
	for _, name := range adapterFiles {
		fmt.Fprintf(&lines, "%s  %s\n", digests[name], name)
	}
	return id(lines.String())
}

// TestInToto has in-toto's reference implementation accept the provenance, and
// refuse it with a byte changed.
func TestInToto(t *testing.T) { script(t, "in-toto") }

// TestCycloneDX has the CycloneDX project's validator accept the ML-BOM, and refuse
// broken ones.
func TestCycloneDX(t *testing.T) { script(t, "cyclonedx") }

func script(t *testing.T, peer string) {
	t.Helper()
	python := os.Getenv(pythonVariable)
	if python == "" {
		t.Skipf("%s names no Python; 'python3 -m venv peers && peers/bin/pip install -r ledger/attest/testdata/requirements.txt' makes one, peers/bin/python, with the pinned releases", pythonVariable)
	}
	out, err := exec.CommandContext(t.Context(), python, "testdata/peers.py", peer, published(t)).CombinedOutput()
	const absent = 77 // by the script
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == absent {
		t.Skipf("%s: %s", python, out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}

// cosign is a cosign of the pinned release, tried on an adapter's folder.
type cosign struct{ path, dir string }

// findCosign skips the test if there is none of the pinned release.
func findCosign(t *testing.T) cosign {
	t.Helper()
	path := os.Getenv(cosignVariable)
	if path == "" {
		var err error
		if path, err = exec.LookPath("cosign"); err != nil {
			t.Skipf("no cosign: put %s on the path or name it in %s; 'go install %s' makes it", cosignVersion, cosignVariable, cosignModule)
		}
	}
	out, err := exec.CommandContext(t.Context(), path, "version", "--json").Output()
	if err != nil {
		t.Fatalf("%s version: %v", path, err)
	}
	var version struct {
		Git string `json:"gitVersion"`
	}
	check(t, json.Unmarshal(out, &version))
	if version.Git != cosignVersion {
		t.Skipf("%s is %s, want %s: 'go install %s' makes it", path, version.Git, cosignVersion, cosignModule)
	}
	return cosign{path, published(t)}
}

// verify runs what the README has reviewers type, with some arguments more.
func (c cosign) verify(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.path, append([]string{
		"verify-blob-attestation", "--key", KeyFile, "--insecure-ignore-tlog", "--type", "slsaprovenance1",
	}, args...)...)
	cmd.Dir = c.dir
	// A proxy that nobody is: whoever asks the network fails.
	cmd.Env = append(os.Environ(), "HTTPS_PROXY=http://127.0.0.1:1", "HTTP_PROXY=http://127.0.0.1:1", "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), err
}

// accepts has cosign verify, and say so.
func (c cosign) accepts(t *testing.T, what string, args ...string) {
	t.Helper()
	if out, err := c.verify(t, args...); err != nil || !strings.Contains(out, "Verified OK") {
		t.Fatalf("%s: %v\n%s", what, err, out)
	}
}

// refuses has cosign refuse, for the reason that is expected.
func (c cosign) refuses(t *testing.T, what, reason string, args ...string) {
	t.Helper()
	if out, err := c.verify(t, args...); err == nil || !strings.Contains(out, reason) {
		t.Errorf("%s: want %q, got %v\n%s", what, reason, err, out)
	}
}

// with writes other bytes into a file of the folder while f runs.
func (c cosign) with(t *testing.T, name string, data []byte, f func()) {
	t.Helper()
	path := filepath.Join(c.dir, name)
	was, err := os.ReadFile(path)
	check(t, err)
	check(t, os.WriteFile(path, data, 0o600))
	f()
	check(t, os.WriteFile(path, was, 0o600))
}

func (c cosign) read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(c.dir, name))
	check(t, err)
	return data
}

// TestCosign has cosign accept each file that an adapter consists of, and its
// identity, and refuse one byte of what is signed changed.
func TestCosign(t *testing.T) {
	c := findCosign(t)
	digests := map[string]ledger.Digest{}
	for _, name := range adapterFiles {
		digests[name] = id(string(c.read(t, name)))
		c.accepts(t, name, "--bundle", BundleFile, name)
	}
	c.accepts(t, "identity", "--bundle", BundleFile, "--digestAlg", "sha256", "--digest", identity(digests))
	c.accepts(t, "the envelope alone, as older folders have it", "--signature", EnvelopeFile, adapterFiles[1])

	const unsigned, unnamed = "could not verify envelope", "provided artifact digest"
	blob := adapterFiles[1]
	for _, name := range adapterFiles {
		data := c.read(t, name)
		for _, at := range []int{0, len(data) / 2, len(data) - 1} {
			c.with(t, name, flip(data, at), func() {
				c.refuses(t, fmt.Sprintf("byte %d of %s", at, name), unnamed, "--bundle", BundleFile, name)
			})
		}
	}
	c.refuses(t, "a file that is no subject", unnamed, "--bundle", BundleFile, BOMFile)
	c.refuses(t, "another identity", unnamed, "--bundle", BundleFile, "--digestAlg", "sha256", "--digest", id("another"))

	payload, sig := c.signed(t)
	for i := range 24 { // cosign takes its time
		at := i * (len(payload) - 1) / 23
		c.with(t, BundleFile, c.holding(t, flip(payload, at), sig), func() {
			c.refuses(t, fmt.Sprintf("byte %d of the statement", at), unsigned, "--bundle", BundleFile, blob)
		})
	}
	for at := 0; at < len(sig); at += 7 {
		c.with(t, BundleFile, c.holding(t, payload, flip(sig, at)), func() {
			c.refuses(t, fmt.Sprintf("byte %d of the signature", at), unsigned, "--bundle", BundleFile, blob)
		})
	}
	block, _ := pem.Decode(c.read(t, KeyFile))
	for at := 0; at < len(block.Bytes); at += 9 {
		other := pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: flip(block.Bytes, at)})
		c.with(t, KeyFile, other, func() { // which may be none
			c.refuses(t, fmt.Sprintf("byte %d of the key", at), "Error: ", "--bundle", BundleFile, blob)
		})
	}
	stranger, err := MarshalKey(&newKey(t).PublicKey)
	check(t, err)
	c.with(t, KeyFile, stranger, func() { c.refuses(t, "another key", unsigned, "--bundle", BundleFile, blob) })
	c.with(t, BundleFile, c.holding(t, payload, sig), func() { // it was not the writing that was refused
		c.accepts(t, "the same written again", "--bundle", BundleFile, blob)
	})
}

// signed returns the statement and the signature that the bundle holds.
func (c cosign) signed(t *testing.T) (payload, sig []byte) {
	t.Helper()
	var b bundle
	check(t, json.Unmarshal(c.read(t, BundleFile), &b))
	if len(b.Envelope.Signatures) != 1 {
		t.Fatalf("%d signatures", len(b.Envelope.Signatures))
	}
	payload, err := base64.StdEncoding.DecodeString(b.Envelope.Payload)
	check(t, err)
	sig, err = base64.StdEncoding.DecodeString(b.Envelope.Signatures[0].Sig)
	check(t, err)
	return payload, sig
}

// holding returns the bundle with another statement and signature in it.
func (c cosign) holding(t *testing.T, payload, sig []byte) []byte {
	t.Helper()
	var b bundle
	check(t, json.Unmarshal(c.read(t, BundleFile), &b))
	b.Envelope.Payload = base64.StdEncoding.EncodeToString(payload)
	b.Envelope.Signatures[0].Sig = base64.StdEncoding.EncodeToString(sig)
	data, err := json.Marshal(b)
	check(t, err)
	return data
}

func flip(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 1
	return out
}
