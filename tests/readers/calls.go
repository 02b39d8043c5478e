// Ten calls for each line on standard input, by the client of docs/readers. Prints the number of those that failed.
//
// The calls of the line `together` are made at the same time.

package main

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
)

func main() {
	client := &http.Client{Transport: &RotatedToken{SecretID: os.Getenv("SECRET")}}
	api := "http://" + os.Getenv("GATEWAY_HOST") + ":" + os.Getenv("GATEWAY_PORT")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var failed atomic.Int32
		var calls sync.WaitGroup
		for number := range 10 {
			calls.Add(1)
			go func() {
				defer calls.Done()
				if fails(client, api, number) {
					failed.Add(1)
				}
			}()
			if lines.Text() != "together" {
				calls.Wait()
			}
		}
		calls.Wait()
		fmt.Println(failed.Load())
	}
}

func fails(client *http.Client, api string, number int) bool {
	var answer *http.Response
	var err error
	if number%2 == 0 {
		answer, err = client.Get(api + "/api/v2/tokens/me")
	} else {
		answer, err = client.Post(api+"/api/v2/routing/skills/search", "application/json", strings.NewReader("{}"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return true
	}
	answer.Body.Close()
	return answer.StatusCode == http.StatusUnauthorized
}
