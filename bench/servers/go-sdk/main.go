// The official MCP Go SDK as its documentation shows it: one server behind its streamable HTTP handler, once with sessions
// and once stateless, which is how it takes 2026-07-28. Answers `cpu` and `memory` on standard input, as probe.mjs does for servers of Node.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type text struct {
	Text string `json:"text"`
}

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "go-sdk", Version: "1.8.0"}, nil)
	addListed(server)
	addEcho(server)
	serverOf := func(*http.Request) *mcp.Server { return server }
	sessions := mcp.NewStreamableHTTPHandler(serverOf, &mcp.StreamableHTTPOptions{JSONResponse: true})
	stateless := mcp.NewStreamableHTTPHandler(serverOf, &mcp.StreamableHTTPOptions{JSONResponse: true, Stateless: true})

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go answerReadings()
	fmt.Printf("{\"message\":\"ready\",\"endpoint\":\"http://%s/mcp\"}\n", listener.Addr())
	log.Fatal(http.Serve(listener, withKey(sessions, stateless)))
}

func withKey(sessions, stateless http.Handler) http.Handler {
	key := "Bearer " + os.Getenv("BENCH_KEY")
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Authorization") != key {
			response.WriteHeader(http.StatusUnauthorized)
			return
		}
		if request.Header.Get("MCP-Protocol-Version") == "2026-07-28" {
			stateless.ServeHTTP(response, request)
		} else {
			sessions.ServeHTTP(response, request)
		}
	})
}

// As tools.mjs: as many tools of the product's shape as asked for; from the sixteenth on copies of the fifteen.
func addListed(server *mcp.Server) {
	var listed []mcp.Tool
	file, err := os.ReadFile(os.Getenv("BENCH_TOOLS"))
	if err == nil {
		err = json.Unmarshal(file, &listed)
	}
	count, notANumber := strconv.Atoi(os.Getenv("BENCH_TOOL_COUNT"))
	if err != nil || notANumber != nil {
		log.Fatal(err, notANumber)
	}
	empty := func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{StructuredContent: map[string]any{}}, nil
	}
	for index := range count {
		tool := listed[index%len(listed)]
		if copies := index / len(listed); copies > 0 {
			tool.Name = fmt.Sprintf("%s_%d", tool.Name, copies)
		}
		server.AddTool(&tool, empty)
	}
}

func addEcho(server *mcp.Server) {
	no := false
	shortest, longest := 1, 1000
	tool := &mcp.Tool{
		Name:        "echo",
		Description: "Answer with the text that was sent.",
		Annotations: &mcp.ToolAnnotations{
			Title: "Echo", ReadOnlyHint: true, DestructiveHint: &no, IdempotentHint: true, OpenWorldHint: &no,
		},
		InputSchema: schemaOf(&jsonschema.Schema{
			Type: "string", MinLength: &shortest, MaxLength: &longest, Description: "Text to answer with",
		}),
		OutputSchema: schemaOf(&jsonschema.Schema{Type: "string", Description: "The text that was sent"}),
	}
	echo := func(_ context.Context, _ *mcp.CallToolRequest, input text) (*mcp.CallToolResult, text, error) {
		return nil, input, nil
	}
	mcp.AddTool(server, tool, echo)
}

func schemaOf(field *jsonschema.Schema) *jsonschema.Schema {
	properties := map[string]*jsonschema.Schema{"text": field}
	return &jsonschema.Schema{Type: "object", Properties: properties, Required: []string{"text"}}
}

func answerReadings() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		switch lines.Text() {
		case "cpu":
			fmt.Printf("{\"read\":\"cpu\",\"value\":%d}\n", cpuMicroseconds())
		case "memory":
			heap, resident := memory()
			fmt.Printf("{\"read\":\"memory\",\"value\":{\"heap\":%d,\"rss\":%d}}\n", heap, resident)
		}
	}
	os.Exit(0)
}

// CPU time of the whole process so far, every thread.
func cpuMicroseconds() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return (usage.Utime.Nano() + usage.Stime.Nano()) / 1000
}

func memory() (heap, resident uint64) {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	statm, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		resident, err = strconv.ParseUint(strings.Fields(string(statm))[1], 10, 64)
	}
	if err != nil {
		log.Fatal(err)
	}
	return stats.HeapAlloc, resident * uint64(os.Getpagesize())
}
