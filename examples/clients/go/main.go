// Asks for everything that is known of a person, waits for it, and writes the export to a file.
//
//	buf generate && go mod tidy && go run . HOST:PORT EMAIL FILE
//
// With a CA and a token: CA=ca.crt TOKEN_FILE=token go run . …
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	data "rightful.example/export/gen/rightful/downstream/v1"
	rightful "rightful.example/export/gen/rightful/v1"
)

// Every replica gets its share, and what means "again" is called again. Safe, because requests have ids.
const service = `{
  "loadBalancingConfig": [{"round_robin": {}}],
  "methodConfig": [{
    "name": [{"service": "rightful.v1.CaseService"}],
    "retryPolicy": {
      "maxAttempts": 5,
      "initialBackoff": "0.25s",
      "maxBackoff": "4s",
      "backoffMultiplier": 2,
      "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"]
    }
  }]
}`

// token is read at each call, so that it may be exchanged while this runs.
type token string

func (file token) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	text, err := os.ReadFile(string(file))
	return map[string]string{"authorization": "Bearer " + strings.TrimSpace(string(text))}, err
}

func (token) RequireTransportSecurity() bool { return true }

func connect(server string) (*grpc.ClientConn, error) {
	options := []grpc.DialOption{grpc.WithDefaultServiceConfig(service)}
	if ca := os.Getenv("CA"); ca != "" {
		tls, err := credentials.NewClientTLSFromFile(ca, "")
		if err != nil {
			return nil, err
		}
		options = append(options, grpc.WithTransportCredentials(tls))
		if file := os.Getenv("TOKEN_FILE"); file != "" {
			options = append(options, grpc.WithPerRPCCredentials(token(file)))
		}
	} else {
		// In clear: a server on this machine, started with --insecure.
		options = append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))
	}
	return grpc.NewClient(server, options...)
}

// again says whether a stream that ended this way is to be begun again: another replica takes over, or there is too much at once.
func again(err error) bool {
	code := status.Code(err)
	return code == codes.Unavailable || code == codes.ResourceExhausted
}

// watch waits until the case is settled. A watch that broke starts with the case as it is.
func watch(ctx context.Context, cases rightful.CaseServiceClient, caseID string) error {
	for {
		stream, err := cases.WatchCase(ctx, &rightful.WatchCaseRequest{CaseId: caseID})
		for err == nil {
			var answer *rightful.WatchCaseResponse
			if answer, err = stream.Recv(); err == nil {
				fmt.Println("state", answer.Case.State)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if !again(err) {
			return err
		}
		time.Sleep(time.Second)
	}
}

// download goes on from the bytes that have come.
func download(ctx context.Context, cases rightful.CaseServiceClient, caseID string, file io.Writer) error {
	digest := sha256.New()
	var written uint64
	var info *rightful.ExportInfo
	for info == nil || written < info.SizeBytes {
		stream, err := cases.DownloadExport(ctx, &rightful.DownloadExportRequest{CaseId: caseID, Offset: written})
		for err == nil {
			var answer *rightful.DownloadExportResponse
			if answer, err = stream.Recv(); err != nil {
				break
			}
			if answer.GetInfo() != nil {
				info = answer.GetInfo()
			}
			digest.Write(answer.GetChunk())
			if _, err := file.Write(answer.GetChunk()); err != nil {
				return err
			}
			written += uint64(len(answer.GetChunk()))
		}
		if errors.Is(err, io.EOF) {
			continue
		}
		if !again(err) {
			return err
		}
		time.Sleep(time.Second)
	}
	if sum := hex.EncodeToString(digest.Sum(nil)); sum != info.Sha256 {
		return errors.New("the export is not what the server made")
	}
	fmt.Println("export", written, "bytes", info.Sha256)
	return nil
}

// said is the ErrorInfo of an answer, and what is wrong with which field.
func said(err error) string {
	var parts []string
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			parts = append(parts, detail.Reason)
		case *errdetails.BadRequest:
			for _, each := range detail.FieldViolations {
				parts = append(parts, each.Field+": "+each.Description)
			}
		}
	}
	return strings.Join(parts, "; ")
}

func run(server, email, path string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	connection, err := connect(server)
	if err != nil {
		return err
	}
	defer connection.Close()
	cases := rightful.NewCaseServiceClient(connection)

	opened, err := cases.OpenCase(ctx, &rightful.OpenCaseRequest{
		// The id makes the request safe to repeat: the same one opens the same case.
		RequestId: uuid.NewString(),
		Right:     data.Right_RIGHT_ACCESS,
		Subject:   &data.Subject{Identifiers: []*data.Identifier{{Kind: "email", Value: email}}},
		Evidence: []*rightful.Evidence{
			{Kind: rightful.EvidenceKind_EVIDENCE_KIND_ACCOUNT_SESSION, Reference: "example-1"},
		},
	})
	if err != nil {
		return err
	}
	fmt.Println("case", opened.Case.CaseId)
	if err := watch(ctx, cases, opened.Case.CaseId); err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	if err := errors.Join(download(ctx, cases, opened.Case.CaseId, file), file.Close()); err != nil {
		return err
	}

	// What a mistake looks like: which field, and what would be right.
	_, err = cases.OpenCase(ctx, &rightful.OpenCaseRequest{RequestId: "bad", Right: data.Right_RIGHT_ACCESS})
	fmt.Println("mistake", status.Code(err), said(err))
	return nil
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: export HOST:PORT EMAIL FILE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err, said(err))
		os.Exit(1)
	}
}
