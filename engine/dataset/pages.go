package dataset

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

const (
	// rowsAByte is how many rows or values a byte of a file may stand for. A run of
	// equal ones takes a few bytes however long it is, so that a small file can have
	// billions of them; different ones take a bit each, at least.
	rowsAByte = 8
	// A page may be so large, and more if it is that much larger than compressed. Those
	// that writers make have about 1 MiB.
	pageBytes    = 1 << 20
	mostInflated = 1000
	// headerBytes is what is read at first of the header of a page.
	headerBytes = 4 << 10
)

var errPage = errors.New("a page whose header does not fit the file")

// checkPages makes sure that the pages of a file are as large as they say, since the
// library makes room for them before it reads them.
func checkPages(c content, f *parquet.File) error {
	meta := f.Metadata()
	if meta.NumRows > rowsAByte*c.size {
		return fmt.Errorf("%d rows, more than %d bytes can tell apart", meta.NumRows, c.size)
	}
	for i := range meta.RowGroups {
		if meta.RowGroups[i].NumRows == 0 { // has no pages, and is not read
			continue
		}
		for j := range meta.RowGroups[i].Columns {
			column := &meta.RowGroups[i].Columns[j].MetaData
			at := column.DataPageOffset
			if first := column.DictionaryPageOffset; first > 0 && first < at {
				at = first
			}
			end := at + column.TotalCompressedSize
			if at < 0 || column.TotalCompressedSize < 0 || end > c.size {
				return fmt.Errorf("%w: bytes %d to %d of %d", errPage, at, end, c.size)
			}
			for at < end { // or a little beyond: old writers leave a header out of the size
				next, err := checkPage(c, at)
				if err != nil {
					return err
				}
				at = next
			}
		}
	}
	return nil
}

// checkPage checks the page at an offset and returns where the next one is.
func checkPage(c content, at int64) (next int64, err error) {
	left := c.size - at
	var header format.PageHeader
	length := 0
	for n := min(headerBytes, left); ; n = min(4*n, left) {
		data := make([]byte, n)
		if _, err := c.r.ReadAt(data, at); err != nil && !errors.Is(err, io.EOF) {
			return 0, cause(err)
		}
		r := new(thrift.CompactProtocol).NewReaderFromBytes(data)
		header = format.PageHeader{}
		err := thrift.NewDecoder(r).Decode(&header)
		if length = r.BytesRead(); err == nil {
			break
		}
		if n == left {
			return 0, fmt.Errorf("%w: at byte %d: %w", errPage, at, err)
		}
	}
	size, inflated := int64(header.CompressedPageSize), int64(header.UncompressedPageSize)
	next = at + int64(length) + size
	values := int64(max(header.DataPageHeader.V.NumValues, header.DataPageHeaderV2.V.NumValues, header.DictionaryPageHeader.V.NumValues))
	switch {
	case size < 0 || next > c.size:
		return 0, fmt.Errorf("%w: at byte %d: %d bytes, %d are left", errPage, at, size, left)
	case inflated < 0 || inflated > pageBytes+mostInflated*size:
		return 0, fmt.Errorf("%w: at byte %d: %d bytes, compressed to %d", errPage, at, inflated, size)
	case values < 0 || values > rowsAByte*c.size:
		return 0, fmt.Errorf("%w: at byte %d: %d values in a file of %d bytes", errPage, at, values, c.size)
	}
	return next, nil
}
