package sweeps

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/gowebpki/jcs"
)

// FuzzCanonical compares canonical JSON with what the full implementation makes of
// the same value: keys are digests of it.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{
		`{}`, `[]`, `"a"`, `{"b":1,"a":{"d":[],"c":[1,{"f":null,"e":true}]},"a b":false}`, `{"a":"<&>","\u0000":"\n"}`,
		`{"\u20ac":"Euro","\r":"","1":"","\ud83d\ude00":"","\ufb33":"","\u00f6":"ö","a":1,"a\u007f":2}`,
		`[1e21,1e20,-0,0.1,1e-7,123456789012345678,1.0,100,-5,333333333.33333329,1E30,4.50,2e-3,0.000001]`,
		`{"a":1,"a":2}`, `{"a!":1,"a":2,"a#":3,"":4}`, ` [ 1 , { "b" : "\u00e9  " } ] `, `1e400`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if !json.Valid(data) {
			return
		}
		value := json.RawMessage(data)
		written, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		want, wantErr := jcs.Transform(written)
		got, err := Canonical(value)
		if (err == nil) != (wantErr == nil) || !bytes.Equal(got, want) {
			t.Errorf("%s: got %s, %v, want %s, %v", written, got, err, want, wantErr)
		}
	})
}
