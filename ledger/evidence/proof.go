package evidence

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const proofHeader = "c2sp.org/tlog-proof@v1\n"

// Proof shows that an entry is in a log (C2SP tlog-proof).
type Proof struct {
	Index  int64 // in the Merkle tree: the entry's Seq - 1
	Hashes tlog.RecordProof
	Head   []byte // signed
}

// Text returns the proof as a file.
func (p Proof) Text() []byte {
	b := append([]byte(proofHeader), "index "...)
	b = append(strconv.AppendInt(b, p.Index, 10), '\n')
	for _, h := range p.Hashes {
		b = append(base64.StdEncoding.AppendEncode(b, h[:]), '\n')
	}
	return append(append(b, '\n'), p.Head...)
}

// ParseProof is the inverse of Text. A line of extra data, which nothing vouches
// for, is refused.
func ParseProof(data []byte) (Proof, error) {
	top, head, ok := bytes.Cut(data, []byte("\n\n"))
	body, header := strings.CutPrefix(string(top)+"\n", proofHeader)
	if !ok || !header {
		return Proof{}, fmt.Errorf("proof: %w", ErrForm)
	}
	lines := strings.Split(strings.TrimSuffix(body, "\n"), "\n")
	number, ok := strings.CutPrefix(lines[0], "index ")
	index, err := strconv.ParseInt(number, 10, 64)
	if !ok || err != nil || index < 0 {
		return Proof{}, fmt.Errorf("proof: %w: want its index, got %q", ErrForm, lines[0])
	}
	p := Proof{Index: index, Head: head}
	for _, line := range lines[1:] {
		h, err := tlog.ParseHash(line)
		if err != nil {
			return Proof{}, fmt.Errorf("proof: %w: hash is %q", ErrForm, line)
		}
		p.Hashes = append(p.Hashes, h)
	}
	if !bytes.Equal(p.Text(), data) {
		return Proof{}, fmt.Errorf("proof: %w", ErrForm)
	}
	return p, nil
}

// Check verifies that the entry is in the log whose head the key has signed.
func (p Proof) Check(e Entry, key note.Verifier) (Head, error) {
	h, _, err := OpenHead(p.Head, key)
	if err != nil {
		return Head{}, err
	}
	if err := e.Check(); err != nil {
		return Head{}, err
	}
	if e.Seq != p.Index+1 {
		return Head{}, fmt.Errorf("proof: %w: it is of entry %d, not %d", ErrForm, p.Index+1, e.Seq)
	}
	if err := tlog.CheckRecord(p.Hashes, h.Size, h.Root, p.Index, e.Hash()); err != nil {
		return Head{}, fmt.Errorf("proof: entry %d: %w", e.Seq, err)
	}
	return h, nil
}
