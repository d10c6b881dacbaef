package ledger

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

// rewritten returns a bundle with one of its files changed.
func rewritten(tb testing.TB, bundle []byte, name string, change func(string) string) []byte {
	tb.Helper()
	from := must(zip.NewReader(bytes.NewReader(bundle), int64(len(bundle))))(tb)
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, f := range from.File {
		r := must(f.Open())(tb)
		text := string(must(io.ReadAll(r))(tb))
		if f.Name == name {
			text = change(text)
		}
		ok(tb, addFile(z, f.Name, strings.NewReader(text)))
	}
	ok(tb, z.Close())
	return out.Bytes()
}

// TestCopyBundle makes a ledger of a bundle again, and believes nothing in it.
func TestCopyBundle(t *testing.T) {
	ctx := t.Context()
	l, _ := open(t)
	sweep := small.fill(ctx, t, l)
	must(l.Rotate(ctx))(t)
	key := must(l.signer(ctx))(t).Key
	var whole, some bytes.Buffer
	ok(t, l.WriteBundle(ctx, &whole, Bundle{}))
	ok(t, l.WriteProofs(ctx, &some, []int64{2, 5}, nil))
	copied := func(bundle []byte) (*Ledger, error) {
		to := filepath.Join(t.TempDir(), file)
		if err := CopyBundle(ctx, must(zip.NewReader(bytes.NewReader(bundle), int64(len(bundle))))(t), to); err != nil {
			return nil, err
		}
		c := must(OpenReadOnly(ctx, to, Options{}))(t)
		t.Cleanup(func() { ok(t, c.Close()) })
		return c, nil
	}
	c := must(copied(whole.Bytes()))(t)
	if v := must(c.Verify(ctx, VerifyOptions{Copied: true, Key: key}))(t); len(v.Problems) > 0 || !c.Copied() {
		t.Errorf("problems %v", v.Problems)
	}
	if a, b := must(c.AsOrigin(ctx))(t), must(l.AsOrigin(ctx))(t); a != b {
		t.Errorf("the copy is %+v, want %+v", a, b)
	}
	if a, b := must(c.Results(ctx, sweep))(t), must(l.Results(ctx, sweep))(t); len(a.Runs) != len(b.Runs) || a.Runs[1].Adapter != b.Runs[1].Adapter {
		t.Errorf("results %+v", a.Runs)
	}

	cut := func(text string) string { return text[:strings.LastIndexByte(strings.TrimSuffix(text, "\n"), '\n')+1] }
	for name, bundle := range map[string][]byte{
		"edited": rewritten(t, whole.Bytes(), bundleEntries, func(s string) string { return strings.Replace(s, `"branch":"main"`, `"branch":"mine"`, 1) }),
		"cut":    rewritten(t, whole.Bytes(), bundleEntries, cut),
		"head":   rewritten(t, whole.Bytes(), bundleHead, func(s string) string { return strings.Replace(s, "\n— ", "x\n— ", 1) }),
	} {
		c, err := copied(bundle)
		if err == nil && len(must(c.Verify(ctx, VerifyOptions{Copied: true, Key: key}))(t).Problems) == 0 {
			t.Errorf("%s: nobody noticed", name)
		}
	}
	for name, c := range map[string]struct {
		bundle []byte
		want   error
	}{
		"single entries": {some.Bytes(), ErrNotFound},
		"no bundle":      {rewritten(t, whole.Bytes(), bundleMark, func(string) string { return "something else" }), ErrNotFound},
		"no entry":       {rewritten(t, whole.Bytes(), bundleEntries, func(s string) string { return "{}\n" + s }), ErrMismatch},
		"no head":        {rewritten(t, whole.Bytes(), bundleHead, func(string) string { return "" }), ErrMismatch},
	} {
		if _, err := copied(c.bundle); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
