package checkpoint

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
)

// shardFile is one file of weights that are written in several.
type shardFile struct {
	name    string
	tensors map[string]Info
}

// planShards lays tensors out, in the order of names, over files of at most so many
// bytes each; one that is larger by itself has its own file. A single file is
// called as if there could be no others.
func planShards(names []string, tensors map[string]Info, most int64) []shardFile {
	var out []shardFile
	size := int64(0)
	for _, name := range names {
		n := tensors[name].bytes()
		if len(out) == 0 || size+n > most {
			out, size = append(out, shardFile{tensors: map[string]Info{}}), 0
		}
		out[len(out)-1].tensors[name] = tensors[name]
		size += n
	}
	for i := range out {
		out[i].name = weightsFile
		if len(out) > 1 {
			out[i].name = fmt.Sprintf("model-%05d-of-%05d.safetensors", i+1, len(out))
		}
	}
	return out
}

// writeSharded writes the files, and the index if there are several, into dir. write
// is asked for the bytes of each tensor in turn.
func writeSharded(dir string, shards []shardFile, write func(w io.Writer, name string) error) error {
	index := struct {
		Metadata struct {
			TotalSize int64 `json:"total_size"`
		} `json:"metadata"`
		WeightMap map[string]string `json:"weight_map"`
	}{WeightMap: map[string]string{}}
	for _, s := range shards {
		if err := writeFile(filepath.Join(dir, s.name), map[string]string{"format": "pt"}, s.tensors, write); err != nil {
			return err
		}
		for name, t := range s.tensors {
			index.WeightMap[name] = s.name
			index.Metadata.TotalSize += t.bytes()
		}
	}
	if len(shards) == 1 {
		return nil
	}
	data, err := json.MarshalIndent(index, "", "  ")
	if err != nil {
		return fmt.Errorf("checkpoint: %s: %w", indexFile, err)
	}
	return writeSynced(filepath.Join(dir, indexFile), append(data, '\n'))
}
