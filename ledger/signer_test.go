package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"daybook/ledger/evidence"
)

func TestKeysOfALog(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	if head, key, err := l.Head(ctx); err != nil || head != nil || key != nil {
		t.Fatalf("an empty ledger has a head: %s, %v", head, err)
	}
	if _, err := l.NewOrigin(ctx, "for fun"); !errors.Is(err, ErrInvalid) {
		t.Errorf("got %v", err)
	}
	ok(t, l.RecordDataset(ctx, Dataset{Digest: id("a"), Root: id("r")}))
	first := must(l.signer(ctx))(t)
	head, key, err := l.Head(ctx)
	ok(t, err)
	h, _, err := evidence.OpenHead(head, key)
	if ok(t, err); h.Size != 2 || h.Origin != first.Origin || first.Entry != 1 || first.Break() {
		t.Errorf("head %+v, signer %+v", h, first)
	}
	rotated := must(l.Rotate(ctx))(t)
	if rotated.Replaces != first.Key || rotated.Origin != first.Origin || rotated.Vouches != 1 || rotated.Break() {
		t.Errorf("rotated: %+v", rotated)
	}
	if l.keys.Has(first.Key) || !l.keys.Has(rotated.Key) {
		t.Error("the old key is still there, or the new one isn't")
	}
	// Another process, and one that has had the ledger open for long, sign with it too.
	other := openAt(t, l.path, newClock())
	ok(t, other.RecordDataset(ctx, Dataset{Digest: id("b"), Root: id("r")}))
	must(other.Rotate(ctx))(t)
	ok(t, l.RecordDataset(ctx, Dataset{Digest: id("c"), Root: id("r")}))
	second := must(l.NewOrigin(ctx, "key lost"))(t)
	third := must(l.NewOrigin(ctx, "and again"))(t)
	if second.Origin == third.Origin || second.Origin == first.Origin || !third.Break() || third.Vouches != third.Entry {
		t.Errorf("origins %+v, %+v", second, third)
	}
	intact(t, l)
	v := must(l.Verify(ctx, VerifyOptions{Keys: l.keys, Key: third.Key}))(t)
	if diff := cmp.Diff(must(l.Signers(ctx))(t), v.Signers); diff != "" || len(v.Problems) > 0 {
		t.Errorf("problems %v\n%s", v.Problems, diff)
	}
	if v := must(l.Verify(ctx, VerifyOptions{Key: first.Key}))(t); len(v.Problems) == 0 {
		t.Error("two breaks later the first key is still good")
	}
}

func TestNoKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), file)
	l := must(Open(t.Context(), path, Options{}))(t)
	defer func() { ok(t, l.Close()) }()
	if err := l.RecordDataset(t.Context(), Dataset{Digest: id("a"), Root: id("r")}); !errors.Is(err, ErrNoKey) || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	ok(t, l.Lease(t.Context(), id("run"), "me", 1e9)) // which is no history
}

// TestHeadBesideTheKey puts the file beside the key in other states than it
// should be in.
func TestHeadBesideTheKey(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	seen := filepath.Join(must(l.keys.Folder(must(l.signer(ctx))(t).Origin))(t), "head")
	newest := must(os.ReadFile(seen))(t)
	again := func() error {
		other := openAt(t, l.path, newClock())
		return other.Tag(ctx, Alias{Sweep: "clinical", Alias: fmt.Sprintf("a%d", count(t, l, "entries")), Version: 1})
	}
	ok(t, os.Remove(seen)) // of a machine that has just been given the key
	ok(t, again())
	if data := must(os.ReadFile(seen))(t); string(data) == string(newest) {
		t.Error("the new head isn't kept")
	}
	ok(t, os.WriteFile(seen, newest, 0o600)) // a crash between commit and keeping the head
	ok(t, again())
	ok(t, os.WriteFile(seen, newest[:20], 0o600))
	if err := again(); err == nil || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
	ok(t, os.WriteFile(seen, resized(t, newest, 999), 0o600))
	if err := again(); !errors.Is(err, ErrRolledBack) || hintOf(err) == "" {
		t.Errorf("got %v", err)
	}
}

// resized is a head that claims to be over n entries, which nobody has signed.
func resized(tb testing.TB, head []byte, n int64) []byte {
	tb.Helper()
	h, err := evidence.PeekHead(head)
	ok(tb, err)
	_, signatures, _ := strings.Cut(string(head), "\n\n")
	h.Size = n
	return []byte(h.Text() + "\n" + signatures)
}

// witness makes a witness's public key and its signature under a head (C2SP
// tlog-cosignature).
func witness(tb testing.TB, head []byte) (key string, cosigned []byte) {
	tb.Helper()
	const name, at = "witness.example", 1772366400
	public, private, err := ed25519.GenerateKey(rand.Reader)
	ok(tb, err)
	material := append([]byte{4}, public...)
	sum := sha256.Sum256(append([]byte(name+"\n"), material...))
	text, _, _ := strings.Cut(string(head), "\n\n")
	line := binary.BigEndian.AppendUint64(sum[:4:4], at)
	line = append(line, ed25519.Sign(private, fmt.Appendf(nil, "cosignature/v1\ntime %d\n%s\n", at, text))...)
	return fmt.Sprintf("%s+%x+%s", name, sum[:4], base64.StdEncoding.EncodeToString(material)),
		fmt.Appendf(head, "— %s %s\n", name, base64.StdEncoding.EncodeToString(line))
}

func TestAnchors(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	head, _, err := l.Head(ctx)
	ok(t, err)
	ok(t, l.Tag(ctx, Alias{Sweep: "clinical", Alias: "x", Version: 1}))
	key, cosigned := witness(t, head)
	other, _ := open(t)
	small.fill(ctx, t, other)
	foreign, _, err := other.Head(ctx)
	ok(t, err)
	for name, bad := range map[string]Anchor{
		"kind":          {Kind: "wall", Place: "x", Note: string(head)},
		"place":         {Kind: AnchorFile, Place: "/home/me/head", Note: string(head)},
		"nonsense":      {Kind: AnchorFile, Place: "x", Note: "x"},
		"another log":   {Kind: AnchorFile, Place: "x", Note: string(foreign)},
		"no signature":  {Kind: AnchorWitness, Place: key, Note: string(head)},
		"no witness":    {Kind: AnchorWitness, Place: "x", Note: string(cosigned)},
		"altered":       {Kind: AnchorFile, Place: "x", Note: string(resized(t, head, 2))},
		"other witness": {Kind: AnchorWitness, Place: strings.Replace(key, "AQ", "AR", 1) + "x", Note: string(cosigned)},
	} {
		if err := l.RecordAnchor(ctx, bad); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	for range 2 { // known again
		ok(t, l.RecordAnchor(ctx, Anchor{Kind: AnchorTag, Place: "v1", Note: string(head)}))
		ok(t, l.RecordAnchor(ctx, Anchor{Kind: AnchorWitness, Place: key, Note: string(cosigned)}))
	}
	if n := len(must(l.Anchors(ctx))(t)); n != 2 {
		t.Errorf("%d anchors", n)
	}
	ok(t, l.GoesOnFrom(ctx, head))
	if err := l.GoesOnFrom(ctx, foreign); !errors.Is(err, ErrConflict) {
		t.Errorf("got %v", err)
	}
	intact(t, l)
	h, err := evidence.PeekHead(head)
	ok(t, err)
	v := must(l.Verify(ctx, VerifyOptions{}))(t)
	if v.Anchored != h.Size || len(v.Checked) != 1 || !strings.Contains(v.Checked[0], "witness.example, who signed at 2026-03-01T12:00:00Z") {
		t.Errorf("anchored %d of %d, held against %q", v.Anchored, v.Entries, v.Checked)
	}
	if !strings.Contains(strings.Join(v.Notes, "\n"), fmt.Sprintf("rewrite entries %d to %d unnoticed", h.Size+1, v.Entries)) {
		t.Errorf("notes %q", v.Notes)
	}
	if v := must(l.Verify(ctx, VerifyOptions{Heads: []KnownHead{{From: "mail", Note: foreign}}}))(t); len(v.Problems) != 1 {
		t.Errorf("another log's head: %v", v.Problems)
	}
}

// TestProofs proves each entry, to somebody who knows the key alone.
func TestProofs(t *testing.T) {
	l, _ := open(t)
	ctx := t.Context()
	small.fill(ctx, t, l)
	_, key, err := l.Head(ctx)
	ok(t, err)
	for seq := int64(1); seq <= int64(count(t, l, "entries")); seq++ {
		e, p, err := l.Prove(ctx, seq)
		ok(t, err)
		if _, err := p.Check(e, key); err != nil || e.Seq != seq {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
	for _, seq := range []int64{0, -1, 1000} {
		if _, _, err := l.Prove(ctx, seq); !errors.Is(err, ErrNotFound) {
			t.Errorf("entry %d: %v", seq, err)
		}
	}
}
