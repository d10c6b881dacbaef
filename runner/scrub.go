package runner

import (
	"bytes"
	"crypto/sha256"
	"os"
	"regexp"
	"slices"
	"strings"
)

// credentials match what must not be kept of a file: whole, or their last group.
var credentials = []*regexp.Regexp{
	regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`),
	regexp.MustCompile(`\b(?:AKIA|ASIA)[0-9A-Z]{16}\b`),                       // AWS
	regexp.MustCompile(`\b(?:gh[pousr]_[0-9A-Za-z]{30,}|github_pat_\w{22,})`), // GitHub
	regexp.MustCompile(`\bglpat-[\w-]{20,}`),                                  // GitLab
	regexp.MustCompile(`\bhf_[0-9A-Za-z]{30,}`),                               // Hugging Face
	regexp.MustCompile(`\bsk-[\w-]{20,}`),                                     // OpenAI, Anthropic
	regexp.MustCompile(`\bxox[abpr]-[0-9A-Za-z-]{10,}`),                       // Slack
	regexp.MustCompile(`\bAIza[\w-]{35}`),                                     // Google
	regexp.MustCompile(`\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,}`),              // JSON Web Token
	regexp.MustCompile(`://[^/\s:@"']*:([^/\s@"']+)@`),                        // in a URL
	regexp.MustCompile(`(?i)\bbearer\s+([\w.~+/-]{16,}=*)`),                   // in a header
	regexp.MustCompile(`(?i)(?:passw(?:or)?d|passphrase|secret|token|credential|(?:api|access|private)_?key)["']?\s*[:=]+\s*["']([^"'\s<]{8,})["']`), // given to a name
}

// unquoted matches a value given to the name of a secret without quotes, as in YAML and
// INI files and in comments. What has no digit is left: it may as well be code.
var unquoted = regexp.MustCompile(`(?im)(?:passw(?:or)?d|passphrase|secret|credential|(?:auth|refresh|bearer)_?token|(?:api|access|private)_?(?:key|token))\s*[:=]\s*([\w~+/.!@$%^&*=-]{8,})(?:[\s,;]|$)`)

// secretName matches names of environment variables whose values are nobody's business.
var secretName = regexp.MustCompile(`(?i)passw|passphrase|secret|token|credential|(?:api|access|private)_?key`)

// scrubber conceals secrets in what is kept of files.
type scrubber struct {
	values  []string // known ones, longest first
	home    string   // "" if there is none
	conceal func(secret string) string
}

// shortestSecret is the length, in bytes, from which a value of the environment is
// looked for in files: shorter ones occur by chance.
const shortestSecret = 8

// scrubber returns what conceals, as names of records are, the arguments that the
// sweep took from the environment, what the environment holds under the name of a
// secret, and whatever has the form of a credential.
func (p *planner) scrubber() *scrubber {
	s := &scrubber{conceal: func(secret string) string { return concealed + p.keyed(sha256.Sum256([]byte(secret))) }}
	for _, a := range p.sweep.Args {
		if a.Environment && a.Value != "" {
			s.values = append(s.values, a.Value)
		}
	}
	for _, variable := range os.Environ() {
		if name, value, _ := strings.Cut(variable, "="); len(value) >= shortestSecret && secretName.MatchString(name) {
			s.values = append(s.values, value)
		}
	}
	slices.SortFunc(s.values, func(a, b string) int { return len(b) - len(a) })
	if home, err := os.UserHomeDir(); err == nil && len(home) > 1 {
		s.home = strings.TrimSuffix(home, "/") + "/"
	}
	return s
}

// scrub returns data without secrets, and why it is not what it was, "" if it is.
func (s *scrubber) scrub(data []byte) (clean []byte, why string) {
	clean = data
	for _, value := range s.values {
		clean = bytes.ReplaceAll(clean, []byte(value), []byte(s.conceal(value)))
	}
	for _, form := range append([]*regexp.Regexp{unquoted}, credentials...) {
		var out []byte
		end := 0
		for _, at := range form.FindAllSubmatchIndex(clean, -1) {
			from, to := at[len(at)-2], at[len(at)-1]
			if form == unquoted && !bytes.ContainsAny(clean[from:to], "0123456789") {
				continue
			}
			out = append(append(out, clean[end:from]...), s.conceal(string(clean[from:to]))...)
			end = to
		}
		clean = append(out, clean[end:]...)
	}
	if !bytes.Equal(clean, data) {
		why = "it holds a secret"
	}
	if s.home != "" && bytes.Contains(clean, []byte(s.home)) {
		clean = bytes.ReplaceAll(clean, []byte(s.home), []byte("~/"))
		if why == "" {
			why = "it names a home folder"
		}
	}
	return clean, why
}
