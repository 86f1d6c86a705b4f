// Posts bodies of given sizes with Go's own HTTP client, one after the other, and prints what came back, a line each.
// Arguments: URL, Authorization, Content-Type, sizes in bytes.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

type outcome struct {
	Status int    `json:"status"`
	Body   string `json:"body"`
}

func main() {
	url, authorization, contentType := os.Args[1], os.Args[2], os.Args[3]
	for _, text := range os.Args[4:] {
		size, err := strconv.Atoi(text)
		if err != nil {
			panic(err)
		}
		line, err := json.Marshal(post(url, authorization, contentType, size))
		if err != nil {
			panic(err)
		}
		fmt.Println(string(line))
	}
}

func post(url, authorization, contentType string, size int) outcome {
	request, err := http.NewRequest("POST", url, bytes.NewReader(make([]byte, size)))
	if err != nil {
		panic(err)
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Content-Type", contentType)
	request.Header.Set("Accept", "application/json, text/event-stream")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return outcome{0, err.Error()}
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return outcome{0, err.Error()}
	}
	return outcome{response.StatusCode, string(body)}
}
