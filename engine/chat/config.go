package chat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var errPointer = errors.New("a Git LFS pointer instead of the file; fetch it with git lfs pull")

func isPointer(data []byte) bool {
	return bytes.HasPrefix(data, []byte("version https://git-lfs.github.com/spec/"))
}

// optional reads a JSON object from dir, nil if there is no such file.
func optional(dir, name string) (map[string]json.RawMessage, error) {
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if isPointer(data) {
		return nil, fmt.Errorf("%s: %w", path, errPointer)
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return object, nil
}

// readTokens fills t.tokens and returns tokenizer_config.json.
func (t *Template) readTokens(dir string) (map[string]json.RawMessage, error) {
	var config map[string]json.RawMessage
	for _, name := range []string{"special_tokens_map.json", "tokenizer_config.json"} { // the second wins
		var err error
		if config, err = optional(dir, name); err != nil {
			return nil, err
		}
		for key, value := range config {
			if !strings.HasSuffix(key, "_token") {
				continue
			}
			if token, ok := tokenText(value); ok {
				t.tokens[key] = token
			}
		}
	}
	return config, nil
}

// tokenText reads a special token: its text, or an object with a "content".
func tokenText(data json.RawMessage) (string, bool) {
	var text *string
	if json.Unmarshal(data, &text) == nil {
		if text == nil {
			return "", false
		}
		return *text, true
	}
	var object struct {
		Content *string `json:"content"`
	}
	if json.Unmarshal(data, &object) != nil || object.Content == nil {
		return "", false
	}
	return *object.Content, true
}

// readEOS collects eos_token_id, a number or a list.
func (t *Template) readEOS(dir string) error {
	for _, name := range []string{"generation_config.json", "config.json"} {
		config, err := optional(dir, name)
		if err != nil {
			return err
		}
		data, ok := config["eos_token_id"]
		if !ok {
			continue
		}
		var one *int32
		var list []int32
		if json.Unmarshal(data, &one) == nil {
			if one != nil {
				t.eos = append(t.eos, *one)
			}
		} else if err := json.Unmarshal(data, &list); err != nil {
			return fmt.Errorf("%s: eos_token_id: %w", filepath.Join(dir, name), err)
		}
		t.eos = append(t.eos, list...)
	}
	return nil
}

// defaultOf returns "chat_template" of tokenizer_config.json, "" if there is none.
func defaultOf(config map[string]json.RawMessage) (string, error) {
	data, ok := config["chat_template"]
	if !ok || string(data) == "null" {
		return "", nil
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		return text, nil
	}
	var list []struct {
		Name     string `json:"name"`
		Template string `json:"template"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return "", errors.New("neither a text nor a list of named templates")
	}
	names := make([]string, len(list))
	for i, one := range list {
		if one.Name == "default" {
			return one.Template, nil
		}
		names[i] = one.Name
	}
	return "", fmt.Errorf("no template called \"default\" among %q; name a template file instead", names)
}
