package runner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"daybook/engine/checkpoint"
	"daybook/ledger"
)

// mergeFile is the record of a merge, in the folder of the merged model.
const mergeFile = "daybook-merge.json"

// MergeRecord says what a merged model was made from. It lies beside the model, whose
// digest it doesn't enter: it is what the folder says of itself.
type MergeRecord struct {
	Format     int                              `json:"format"` // 1
	Digest     ledger.Digest                    `json:"digest"` // of the merged weights and configuration
	Into       string                           `json:"into"`   // "dequantized" or "original" weights of the base
	DType      string                           `json:"dtype"`  // of the projections written
	Adapter    MergedAdapter                    `json:"adapter"`
	Base       MetadataBase                     `json:"base"`       // with the quantization that the adapter was trained on
	Difference checkpoint.Difference            `json:"difference"` // over all projections
	ByModule   map[string]checkpoint.Difference `json:"by_module"`
	Engine     map[string]string                `json:"engine"`

	Files []string `json:"-"` // of weights
	Bytes int64    `json:"-"` // in them
}

// MergedAdapter is the adapter of a merge.
type MergedAdapter struct {
	Name   string        `json:"name"` // such as clinical@v7, or its folder's
	Digest ledger.Digest `json:"digest"`
	Run    ledger.Digest `json:"run,omitempty"` // that made it; "" of one made elsewhere
}

// ReadMerge reads the record of a merge in the folder of a base that has a digest. It
// returns nil if there is none. A record of other weights is an error: somebody has
// put it there, or changed them since.
func ReadMerge(dir string, digest ledger.Digest) (*MergeRecord, error) {
	data, err := os.ReadFile(filepath.Join(dir, mergeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var m MergeRecord
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, mergeFile), err)
	}
	switch {
	case m.Format != 1:
		err = fmt.Errorf("format %d, this version reads 1", m.Format)
	case !isDigest(m.Adapter.Digest) || !isDigest(m.Base.Digest):
		err = errors.New("digests of adapter and base: not both are there")
	case m.Digest != digest:
		err = fmt.Errorf("it is about weights with digest %.12s, those beside it have %.12s", m.Digest, digest)
	}
	if err != nil {
		return nil, WithHint(fmt.Errorf("%s: %w", filepath.Join(dir, mergeFile), err), "merge again, or remove the file: without it nobody knows what the model was made from")
	}
	return &m, nil
}

// merged returns what the base called model was made from, if its folder says.
func (p *planner) merged(model string, digest ledger.Digest) (ledger.BaseMerged, error) {
	m, err := ReadMerge(p.folder(model), digest)
	if err != nil {
		return ledger.BaseMerged{}, fmt.Errorf("base.model: %w", err)
	}
	if m == nil {
		return ledger.BaseMerged{}, nil
	}
	return ledger.BaseMerged{Name: m.Adapter.Name, Adapter: m.Adapter.Digest, Base: m.Base.Digest, Into: m.Into}, nil
}
