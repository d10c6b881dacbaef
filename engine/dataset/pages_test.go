package dataset

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"daybook/engine/fuzztest"
)

type textRow struct {
	Text string `parquet:"text,dict"`
}

func parquetOf(t *testing.T, rows int) []byte {
	t.Helper()
	var file bytes.Buffer
	w := parquet.NewGenericWriter[textRow](&file)
	if _, err := w.Write(slices.Repeat([]textRow{{"x"}}, rows)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// A run of equal rows takes no room in a file, but each would in an index.
func TestParquetRepeats(t *testing.T) {
	for rows, ok := range map[int]bool{1000: true, 100_000: false} {
		data := parquetOf(t, rows)
		d, err := Read("a.parquet", bytes.NewReader(data))
		var e *Error
		switch {
		case ok && (err != nil || len(d.Records) != rows):
			t.Errorf("%d rows: %v", rows, err)
		case !ok && (!errors.As(err, &e) || !errors.Is(err, ErrNotParquet) || e.Advice == ""):
			t.Errorf("%d rows in %d bytes: error %v", rows, len(data), err)
		}
	}
}

// The library makes room for what the header of a page says.
func TestParquetPageHeaders(t *testing.T) {
	good := parquetOf(t, 10)
	first := len(parquetMagic)
	r := new(thrift.CompactProtocol).NewReaderFromBytes(good[first:])
	var header format.PageHeader
	if err := thrift.NewDecoder(r).Decode(&header); err != nil {
		t.Fatal(err)
	}
	rest := good[first+r.BytesRead():]
	for name, lie := range map[string]func(h *format.PageHeader){
		"compressed size":   func(h *format.PageHeader) { h.CompressedPageSize = math.MaxInt32 },
		"negative size":     func(h *format.PageHeader) { h.CompressedPageSize = -1 },
		"uncompressed size": func(h *format.PageHeader) { h.UncompressedPageSize = math.MaxInt32 },
		"values":            func(h *format.PageHeader) { h.DictionaryPageHeader.V.NumValues = math.MaxInt32 },
	} {
		h := header
		lie(&h)
		written, err := thrift.Marshal(new(thrift.CompactProtocol), &h)
		if err != nil {
			t.Fatal(err)
		}
		data := slices.Concat(good[:first], written, rest)
		fuzztest.Bounded(t, 4<<20, func() { _, err = Read("a.parquet", bytes.NewReader(data)) })
		if !errors.Is(err, ErrNotParquet) || !errors.Is(err, errPage) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
