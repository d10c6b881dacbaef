package runner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing/object"

	"daybook/ledger/folder"

	"daybook/ledger"
)

// ErrAnchorGone is wrapped by errors about a head that is no longer where it was
// anchored.
var ErrAnchorGone = errors.New("the head that was kept there is gone")

// ReadAnchor returns the signed head that is at an anchor's place now.
func ReadAnchor(root Root, a ledger.Anchor) ([]byte, error) {
	switch a.Kind {
	case ledger.AnchorFile:
		data, err := os.ReadFile(root.Abs(a.Place))
		if errors.Is(err, fs.ErrNotExist) {
			err = ErrAnchorGone
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", a.Place, err)
		}
		return data, nil
	case ledger.AnchorTag:
		message, err := readTag(root, a.Place)
		if err != nil {
			return nil, fmt.Errorf("git tag %s: %w", a.Place, err)
		}
		return []byte(message), nil
	}
	return []byte(a.Note), nil
}

// WriteAnchor puts a signed head into a file.
func WriteAnchor(path string, head []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	if err := folder.WriteFile(path, head, 0o644); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	return nil
}

// TagAnchor makes an annotated tag, whose message is a signed head, on the current
// commit of the repository that the root is in. Pushed, it is out of reach.
func TagAnchor(root Root, name string, head []byte, now time.Time) error {
	repo, err := openRepository(root)
	if err != nil {
		return err
	}
	at, err := repo.Head()
	if err != nil {
		return WithHint(fmt.Errorf("git tag %s: %w", name, err), "a tag needs a commit that it is on")
	}
	options := &git.CreateTagOptions{Message: string(head)}
	if err := options.Validate(repo, at.Hash()); errors.Is(err, git.ErrMissingTagger) {
		options.Tagger = &object.Signature{Name: "daybook", When: now}
	}
	if _, err := repo.CreateTag(name, at.Hash(), options); err != nil {
		return WithHint(fmt.Errorf("git tag %s: %w", name, err), "choose another name with --tag NAME")
	}
	return nil
}

func readTag(root Root, name string) (string, error) {
	repo, err := openRepository(root)
	if err != nil {
		return "", err
	}
	ref, err := repo.Tag(name)
	if errors.Is(err, git.ErrTagNotFound) {
		return "", ErrAnchorGone
	}
	if err != nil {
		return "", err
	}
	tag, err := repo.TagObject(ref.Hash())
	if err != nil {
		return "", err
	}
	return strings.TrimRight(tag.Message, "\n") + "\n", nil
}

func openRepository(root Root) (*git.Repository, error) {
	repo, err := git.PlainOpenWithOptions(root.Dir, &git.PlainOpenOptions{DetectDotGit: true, EnableDotGitCommonDir: true})
	if err != nil {
		return nil, WithHint(fmt.Errorf("git: %w", err), "tags are made in the repository that holds the ledger; --file needs none")
	}
	return repo, nil
}
