package dataset

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"daybook/engine/fuzztest"
)

// fuzzFormat reads the bytes as a file of that name. Whatever they are: no panic,
// no more memory than they are worth, an error with a place, and records that come
// out the same when they are read again.
func fuzzFormat(f *testing.F, name string) {
	f.Helper()
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &Dataset{}
		var err error
		fuzztest.Bounded(t, allowance+1024*len(data), func() { // the smallest record has 11 bytes, and takes 1 KB with what becomes of it
			err = d.read(content{path: name, r: bytes.NewReader(data), size: int64(len(data))}, &Source{})
		})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Line < 0 || e.Column < 0 || e.Path != name {
				t.Fatalf("bad error %#v", err)
			}
			return
		}
		for i := range d.Records {
			r := &d.Records[i]
			again, err := r.again()
			if err != nil || again.ID != r.ID || again.ContentID != r.ContentID || again.BlankID != r.BlankID {
				t.Fatalf("record %d read again: %v", i, err)
			}
		}
	})
}

const allowance = 4 << 20 // bytes for buffers, and in Parquet for pools and decoders

func FuzzJSONLines(f *testing.F) {
	for _, text := range []string{
		good + "\n" + `{"prompt":"Q","completion":"A"}`, "\xef\xbb\xbf\n" + good, `{"instruction":"a","input":"b","output":"c","n":1e-7}`,
		`{"conversations":[{"from":"human","value":"x"},{"from":"gpt","value":"\ud83d\ude00"}],"t":[[[{}]]]}`, `{"text":"","id":9007199254740993}`,
	} {
		f.Add([]byte(text))
	}
	fuzzFormat(f, "a.jsonl")
}

func FuzzJSONArray(f *testing.F) {
	for _, text := range []string{
		"[" + good + ",\n{\"text\":\"[]{}\\\"\"} ]", "[]", "\xef\xbb\xbf[\n" + good + "]\n", "[1, \"a\", [true,null], {}]", "[{\"text\":\"a\"},]",
	} {
		f.Add([]byte(text))
	}
	fuzzFormat(f, "a.json")
}

func FuzzCSV(f *testing.F) {
	for _, text := range []string{
		"prompt,completion,n\n\"Q\n\",A,1\nQ,\"A\"\"B\",\n", "text\na\n\n\"\"\n", "\xef\xbb\xbftext,text\na,b\n", "text,\n,\n", "instruction,input,output\r\na,,b\r\n",
	} {
		f.Add([]byte(text))
	}
	fuzzFormat(f, "a.csv")
}

func FuzzParquet(f *testing.F) {
	for _, name := range []string{"snappy", "zstd", "plain", "decimal", "large", "binary"} {
		data, err := os.ReadFile("testdata/" + name + ".parquet")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	fuzzFormat(f, "a.parquet")
}
