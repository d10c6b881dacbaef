package evidence

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func TestCanonicalRefuses(t *testing.T) {
	for _, text := range []string{`9007199254740993`, `{"a":[1,-9007199254740993]}`, `{"seed":18446744073709551615}`, `[123456789012345678901]`} {
		if got, err := Canonicalize([]byte(text)); !errors.Is(err, ErrNumber) {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{``, `{`, `{"a":1,"a":2}`, `{"a":NaN}`, `1 2`} {
		if got, err := Canonicalize([]byte(text)); err == nil {
			t.Errorf("%s became %s", text, got)
		}
	}
	for _, text := range []string{`"9007199254740993"`, `{"9007199254740993\"":1.25}`, `[9007199254740992,9007199254740993.5,1e300]`} {
		if _, err := Canonicalize([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

var sample = Entry{Seq: 12, Time: "2026-03-01T12:00:00.5Z", Type: "alias", Version: 1, Body: []byte(`{"a":1}`)}

// TestEntryForm refuses entries that share a leaf with another one.
func TestEntryForm(t *testing.T) {
	for name, change := range map[string]func(*Entry){
		"number":   func(e *Entry) { e.Seq = 0 },
		"version":  func(e *Entry) { e.Version = 0 },
		"zone":     func(e *Entry) { e.Time = "2026-03-01T13:00:00+01:00" },
		"decimals": func(e *Entry) { e.Time = "2026-03-01T12:00:00.50Z" },
		"quote":    func(e *Entry) { e.Type = `alias","version":1}` },
		"no type":  func(e *Entry) { e.Type = "" },
		"injected": func(e *Entry) { e.Time = `2026-03-01T12:00:00.5Z","type":"alias` },
	} {
		e := sample
		if change(&e); e.Check() == nil {
			t.Errorf("%s: it is taken", name)
		}
		if _, err := ParseEntry(e.Leaf()); !errors.Is(err, ErrForm) {
			t.Errorf("%s: parsed: %v", name, err)
		}
	}
	for _, leaf := range []string{"", "{}", "null", string(sample.Leaf()) + " ", strings.Replace(string(sample.Leaf()), `"a":1`, `"a": 1`, 1), strings.Replace(string(sample.Leaf()), `"a":1`, `"a":1.0`, 1)} {
		if _, err := ParseEntry([]byte(leaf)); !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v", leaf, err)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add(sample.Leaf())
	f.Add([]byte(`{"body":{},"seq":1,"time":"2026-03-01T12:00:00Z","type":"a","version":1}`))
	f.Fuzz(func(t *testing.T, leaf []byte) {
		if e, err := ParseEntry(leaf); err == nil && string(e.Leaf()) != string(leaf) {
			t.Errorf("%s became %s", leaf, e.Leaf())
		}
	})
}

const origin = "daybook/1"

func newKey(tb testing.TB) (note.Signer, string) {
	tb.Helper()
	private, public, err := note.GenerateKey(rand.Reader, origin)
	check(tb, err)
	signer, err := note.NewSigner(private)
	check(tb, err)
	return signer, public
}

func verifier(tb testing.TB, key string) note.Verifier {
	tb.Helper()
	v, err := NewVerifier(key)
	check(tb, err)
	return v
}

// newWitness returns a witness's public key and what it adds to a head.
func newWitness(tb testing.TB, name string) (string, func(signed []byte, at uint64) []byte) {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(tb, err)
	material := append([]byte{4}, public...)
	sum := sha256.Sum256(append([]byte(name+"\n"), material...))
	key := fmt.Sprintf("%s+%08x+%s", name, binary.BigEndian.Uint32(sum[:]), base64.StdEncoding.EncodeToString(material))
	return key, func(signed []byte, at uint64) []byte {
		text, _, _ := strings.Cut(string(signed), "\n\n")
		signature := ed25519.Sign(private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at, text))
		line := append(append([]byte{}, sum[:4]...), binary.BigEndian.AppendUint64(nil, at)...)
		return fmt.Appendf(signed, "— %s %s\n", name, base64.StdEncoding.EncodeToString(append(line, signature...)))
	}
}

func TestHead(t *testing.T) {
	signer, key := newKey(t)
	other, otherKey := newKey(t)
	h := Head{Origin: origin, Size: 3, Root: tlog.RecordHash([]byte("x"))}
	signed, err := h.Sign(signer)
	check(t, err)
	if got, _, err := OpenHead(signed, verifier(t, key)); err != nil || got != h {
		t.Errorf("got %v, %v", got, err)
	}
	if got, err := PeekHead(signed); err != nil || got != h {
		t.Errorf("got %v, %v", got, err)
	}
	if _, _, err := OpenHead(signed, verifier(t, otherKey)); err == nil {
		t.Error("another key's head is taken for it")
	}
	both, err := h.Sign(signer, other)
	check(t, err)
	if _, _, err := OpenHead(both, verifier(t, key), verifier(t, otherKey)); err != nil {
		t.Error(err)
	}
	if _, _, err := OpenHead(signed, verifier(t, key), verifier(t, otherKey)); err == nil {
		t.Error("a signature that is missing isn't missed")
	}
	for _, text := range []string{"", "daybook/1\n", "daybook/1\n03\n" + h.Root.String() + "\n", "daybook/1\n3\nx\n", h.Text() + "more\n", "\n3\n" + h.Root.String() + "\n", "daybook/1\n-1\n" + h.Root.String() + "\n"} {
		if _, err := ParseHead(text); !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for i := range signed {
		changed := append([]byte{}, signed...)
		changed[i] ^= 1
		if _, _, err := OpenHead(changed, verifier(t, key)); err == nil {
			t.Errorf("byte %d: it is still signed", i)
		}
	}
}

func TestWitness(t *testing.T) {
	signer, key := newKey(t)
	public, cosign := newWitness(t, "witness.example")
	h := Head{Origin: origin, Size: 3}
	signed, err := h.Sign(signer)
	check(t, err)
	cosigned := cosign(signed, 1679315147)
	w := verifier(t, public)
	got, n, err := OpenHead(cosigned, verifier(t, key), w)
	if err != nil || got != h || len(n.Sigs) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	if at, err := CosignedAt(n.Sigs[1]); err != nil || !at.Equal(time.Unix(1679315147, 0)) {
		t.Errorf("signed at %v, %v", at, err)
	}
	if _, _, err := OpenHead(signed, verifier(t, key), w); err == nil {
		t.Error("the witness has signed nothing")
	}
	for i := len(signed); i < len(cosigned); i++ {
		changed := append([]byte{}, cosigned...)
		changed[i] ^= 1
		if _, _, err := OpenHead(changed, verifier(t, key), w); err == nil {
			t.Errorf("byte %d: it is still signed", i)
		}
	}
	for _, bad := range []string{"", "x", strings.Replace(public, "example", "other", 1), public[:len(public)-8], key + "x"} {
		if _, err := NewVerifier(bad); err == nil {
			t.Errorf("%q is taken for a key", bad)
		}
	}
}

// TestPublishedWitness opens the example of C2SP tlog-cosignature's checkpoint
// form: a head with a signature that is nobody's here.
func TestPublishedWitness(t *testing.T) {
	const example = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n" +
		"— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n" +
		"— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n"
	h, err := PeekHead([]byte(example))
	if err != nil || h.Origin != "example.com/behind-the-sofa" || h.Size != 20852163 {
		t.Errorf("got %v, %v", h, err)
	}
	at, err := CosignedAt(note.Signature{Base64: "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="})
	if err != nil || at.Unix() != 1679315147 {
		t.Errorf("signed at %v, %v", at, err)
	}
}

func TestRotation(t *testing.T) {
	old, oldKey := newKey(t)
	next, nextKey := newKey(t)
	r := Rotation{Head: Head{Origin: origin, Size: 3}, Old: oldKey, New: nextKey}
	signed, err := r.Sign(old, next)
	check(t, err)
	if got, err := OpenRotation(signed); err != nil || got != r {
		t.Errorf("got %v, %v", got, err)
	}
	alone, err := note.Sign(&note.Note{Text: r.Text()}, next)
	check(t, err)
	if _, err := OpenRotation(string(alone)); err == nil {
		t.Error("the new key has signed alone")
	}
	for i := range signed {
		changed := []byte(signed)
		changed[i] ^= 1
		if got, err := OpenRotation(string(changed)); err == nil {
			t.Errorf("byte %d: %v", i, got)
		}
	}
	head, err := r.Head.Sign(old)
	check(t, err)
	if _, err := OpenRotation(string(head)); err == nil {
		t.Error("a head is taken for a rotation")
	}
}

func TestProof(t *testing.T) {
	signer, key := newKey(t)
	var tree growth
	var entries []Entry
	for i := range int64(7) {
		e := sample
		e.Seq = i + 1
		entries = append(entries, e)
		more, err := tlog.StoredHashes(i, e.Leaf(), tree)
		check(t, err)
		tree = append(tree, more...)
	}
	root, err := tlog.TreeHash(7, tree)
	check(t, err)
	h := Head{Origin: origin, Size: 7, Root: root}
	signed, err := h.Sign(signer)
	check(t, err)
	for i, e := range entries {
		hashes, err := tlog.ProveRecord(7, int64(i), tree)
		check(t, err)
		p := Proof{Index: int64(i), Hashes: hashes, Head: signed}
		again, err := ParseProof(p.Text())
		check(t, err)
		if got, err := again.Check(e, verifier(t, key)); err != nil || got != h {
			t.Errorf("entry %d: %v, %v", e.Seq, got, err)
		}
		if _, err := again.Check(entries[(i+1)%7], verifier(t, key)); err == nil {
			t.Errorf("entry %d: it proves another one", e.Seq)
		}
		text := p.Text()
		for j := range text {
			changed := append([]byte{}, text...)
			changed[j] ^= 1
			if p, err := ParseProof(changed); err == nil {
				if _, err := p.Check(e, verifier(t, key)); err == nil {
					t.Fatalf("entry %d, byte %d: it is still a proof", e.Seq, j)
				}
			}
		}
	}
}

func FuzzParseProof(f *testing.F) {
	f.Add(Proof{Index: 3, Hashes: tlog.RecordProof{{1}}, Head: []byte("x\n")}.Text())
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, err := ParseProof(data); err == nil && string(p.Text()) != string(data) {
			t.Errorf("%q became %q", data, p.Text())
		}
	})
}
