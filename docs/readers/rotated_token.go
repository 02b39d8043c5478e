package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os/exec"
	"sync"
	"time"
)

const margin = time.Minute    // before expires_at, from which the secret is read again
const pause = 5 * time.Second // without a read for the same reason after one that brought no other token

// RotatedToken adds the token of a secret that rotates, read with the AWS command line, to the requests of a client:
// &http.Client{Transport: &RotatedToken{SecretID: "genesys/prod"}}
type RotatedToken struct {
	SecretID  string
	lock      sync.Mutex
	token     string
	expiresAt time.Time
	nextRead  [2]time.Time // before the expiry, after a rejection
}

func (r *RotatedToken) RoundTrip(request *http.Request) (*http.Response, error) {
	token, err := r.current("")
	if err != nil {
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
	if request.GetBody != nil {
		sent.Body, _ = request.GetBody()
	}
	return http.DefaultTransport.RoundTrip(sent)
}

func (r *RotatedToken) current(rejected string) (string, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	next := &r.nextRead[0]
	if r.token == rejected {
		next = &r.nextRead[1]
	} else if time.Until(r.expiresAt) > margin {
		return r.token, nil
	}
	if time.Now().Before(*next) {
		return r.token, nil
	}
	document := struct {
		Token     string    `json:"access_token"`
		ExpiresAt time.Time `json:"expires_at"`
	}{ExpiresAt: time.Now().AddDate(1, 0, 0)}
	text, err := exec.Command("aws", "secretsmanager", "get-secret-value", "--secret-id", r.SecretID,
		"--query", "SecretString", "--output", "text", "--cli-connect-timeout", "3", "--cli-read-timeout", "3").Output()
	if err == nil {
		err = json.Unmarshal(text, &document)
	}
	if err != nil || document.Token == "" {
		if r.token == "" {
			return "", fmt.Errorf("%s cannot be read: %v", r.SecretID, err)
		}
		log.Printf("%s cannot be read, its last token is used: %v", r.SecretID, err)
	} else if document.Token != r.token {
		r.token, r.expiresAt, *next = document.Token, document.ExpiresAt, time.Time{}
		return r.token, nil
	}
	*next = time.Now().Add(pause)
	return r.token, nil
}
