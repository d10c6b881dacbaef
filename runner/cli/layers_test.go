package cli_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"

	"github.com/parquet-go/parquet-go"
)

// encoded is text that may be base64, as the payload of a DSSE envelope is.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/]{24,}={0,2}`)

// layers calls visit with data and with whatever is packed into it: in base64, gzip,
// zip and Parquet, one inside the other.
func layers(name string, data []byte, visit func(name string, data []byte)) error {
	visit(name, data)
	for _, text := range encoded.FindAll(data, -1) {
		whole := text[:len(text)/4*4]
		if plain, err := base64.StdEncoding.DecodeString(string(whole)); err == nil {
			visit(name+": base64", plain)
		}
	}
	var err error
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		err = zipped(name, data, visit)
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		var r *gzip.Reader
		if r, err = gzip.NewReader(bytes.NewReader(data)); err == nil {
			err = within(name+": gzip", r, visit)
		}
	case bytes.HasPrefix(data, []byte("PAR1")):
		err = rows(name, data, visit)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func within(name string, r io.Reader, visit func(string, []byte)) error {
	data, err := io.ReadAll(r)
	return errors.Join(err, layers(name, data, visit))
}

func zipped(name string, data []byte, visit func(string, []byte)) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	for _, f := range z.File {
		visit(name, []byte(f.Name+"\n"+f.Comment))
		r, err := f.Open()
		if err != nil {
			return err
		}
		if err := errors.Join(within(name+": "+f.Name, r, visit), r.Close()); err != nil {
			return err
		}
	}
	return nil
}

func rows(name string, data []byte, visit func(string, []byte)) error {
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return err
	}
	buffer := make([]parquet.Row, 64)
	for _, group := range f.RowGroups() {
		r := group.Rows()
		for {
			n, err := r.ReadRows(buffer)
			for _, row := range buffer[:n] {
				for _, v := range row {
					visit(name+": a cell", []byte(v.String()))
				}
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
		}
		if err := r.Close(); err != nil {
			return err
		}
	}
	return nil
}
