package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"
)

const margin = time.Minute // before expires_at, from which the secret is read again

// The time without a read for the same reason; doubled while no read brings another token.
const firstPause, longestPause = time.Second / 2, 5 * time.Second

// RotatedToken adds the token of a secret that rotates, read with the AWS command line, to the requests of a client:
// &http.Client{Transport: &RotatedToken{SecretID: "genesys/prod"}}
type RotatedToken struct {
	SecretID  string
	lock      sync.Mutex
	token     string
	expiresAt time.Time
	reads     [2]struct { // before the expiry, after a rejection
		next  time.Time
		pause time.Duration
	}
}

func (r *RotatedToken) RoundTrip(request *http.Request) (*http.Response, error) {
	first := request
	for first.Response != nil {
		first = first.Response.Request
	}
	if first.URL.Host != request.URL.Host || first.URL.Scheme != request.URL.Scheme {
		return http.DefaultTransport.RoundTrip(request) // a redirect to another host, which must not get the token
	}
	token, err := r.current("")
	if err != nil {
		if request.Body != nil {
			request.Body.Close()
		}
		return nil, err
	}
	answer, err := send(request, token)
	if err != nil || answer.StatusCode != http.StatusUnauthorized || request.Body != nil && request.GetBody == nil {
		return answer, err // a body without GetBody cannot be sent again
	}
	other, err := r.current(token)
	if err != nil || other == token {
		return answer, nil
	}
	answer.Body.Close()
	return send(request, other)
}

func send(request *http.Request, token string) (*http.Response, error) {
	sent := request.Clone(request.Context())
	sent.Header.Set("Authorization", "Bearer "+token)
	if request.Body != nil && request.GetBody != nil {
		request.Body.Close()
		var err error
		if sent.Body, err = request.GetBody(); err != nil {
			return nil, err
		}
	}
	return http.DefaultTransport.RoundTrip(sent)
}

func (r *RotatedToken) current(rejected string) (string, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	reads := &r.reads[0]
	if r.token == rejected {
		reads = &r.reads[1]
	} else if time.Until(r.expiresAt) > margin {
		return r.token, nil
	}
	if time.Now().Before(reads.next) {
		return r.token, nil
	}
	token, expiresAt, err := r.read()
	if err != nil && r.token == "" {
		return "", fmt.Errorf("%s cannot be read: %w", r.SecretID, err)
	} else if err != nil {
		log.Printf("%s cannot be read, its last token is used: %v", r.SecretID, err)
	} else if token != r.token {
		r.token, r.expiresAt, reads.next, reads.pause = token, expiresAt, time.Time{}, 0
		return r.token, nil
	}
	reads.pause = min(max(2*reads.pause, firstPause), longestPause)
	reads.next = time.Now().Add(reads.pause)
	return r.token, nil
}

func (r *RotatedToken) read() (string, time.Time, error) {
	limit, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	command := exec.CommandContext(limit, "aws", "secretsmanager", "get-secret-value", "--secret-id", r.SecretID,
		"--query", "SecretString", "--output", "text", "--cli-connect-timeout", "3", "--cli-read-timeout", "3")
	command.Env, command.Stderr, command.WaitDelay = append(os.Environ(), "AWS_MAX_ATTEMPTS=2"), os.Stderr, time.Second
	text, err := command.Output()
	if err != nil {
		return "", time.Time{}, err
	}
	var document struct {
		Token     string `json:"access_token"`
		ExpiresAt any    `json:"expires_at"`
	}
	if json.Unmarshal(text, &document) != nil || document.Token == "" {
		return "", time.Time{}, errors.New("it is not a JSON object with an access_token")
	}
	expiry, _ := document.ExpiresAt.(string)
	expiresAt, err := time.Parse(time.RFC3339, expiry)
	if err != nil {
		expiresAt = time.Now().AddDate(1, 0, 0) // unknown
	}
	return document.Token, expiresAt, nil
}
