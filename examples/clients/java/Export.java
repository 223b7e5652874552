import com.google.protobuf.Any;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.rpc.BadRequest;
import com.google.rpc.ErrorInfo;
import example.rightful.downstream.v1.Identifier;
import example.rightful.downstream.v1.Right;
import example.rightful.downstream.v1.Subject;
import example.rightful.v1.CaseServiceGrpc;
import example.rightful.v1.CaseServiceGrpc.CaseServiceBlockingStub;
import example.rightful.v1.DownloadExportRequest;
import example.rightful.v1.DownloadExportResponse;
import example.rightful.v1.Evidence;
import example.rightful.v1.EvidenceKind;
import example.rightful.v1.ExportInfo;
import example.rightful.v1.OpenCaseRequest;
import example.rightful.v1.WatchCaseRequest;
import io.grpc.CallCredentials;
import io.grpc.ChannelCredentials;
import io.grpc.CompositeChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.TlsChannelCredentials;
import io.grpc.protobuf.StatusProto;
import java.io.File;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/**
 * Asks for everything that is known of a person, waits for it, and writes the export to a file.
 *
 * <p>{@code java Export HOST:PORT EMAIL FILE}; with a CA and a token: {@code CA=ca.crt TOKEN_FILE=token}.
 */
public final class Export {
  /** Every replica gets its share, and what means "again" is called again. Safe, because requests have ids. */
  private static final Map<String, ?> SERVICE =
      Map.of(
          "methodConfig",
          List.of(
              Map.of(
                  "name", List.of(Map.of("service", "rightful.v1.CaseService")),
                  "retryPolicy",
                      Map.of(
                          "maxAttempts", 5.0,
                          "initialBackoff", "0.25s",
                          "maxBackoff", "4s",
                          "backoffMultiplier", 2.0,
                          "retryableStatusCodes", List.of("UNAVAILABLE", "RESOURCE_EXHAUSTED")))));

  /** Reads the token at each call, so that it may be exchanged while this runs. */
  private static final class Token extends CallCredentials {
    private static final Metadata.Key<String> AUTHORIZATION =
        Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);
    private final Path file;

    Token(Path file) {
      this.file = file;
    }

    @Override
    public void applyRequestMetadata(RequestInfo request, Executor executor, MetadataApplier applier) {
      executor.execute(
          () -> {
            try {
              Metadata headers = new Metadata();
              headers.put(AUTHORIZATION, "Bearer " + Files.readString(file).strip());
              applier.apply(headers);
            } catch (IOException error) {
              applier.fail(Status.UNAUTHENTICATED.withCause(error));
            }
          });
    }

    @Override
    public void thisUsesUnstableApi() {}
  }

  private static ManagedChannel connect(String server) throws IOException {
    // In clear: a server on this machine, started with --insecure.
    ChannelCredentials credentials = InsecureChannelCredentials.create();
    if (System.getenv("CA") != null) {
      credentials = TlsChannelCredentials.newBuilder().trustManager(new File(System.getenv("CA"))).build();
      if (System.getenv("TOKEN_FILE") != null) {
        credentials = CompositeChannelCredentials.create(credentials, new Token(Path.of(System.getenv("TOKEN_FILE"))));
      }
    }
    return Grpc.newChannelBuilder(server, credentials)
        .defaultLoadBalancingPolicy("round_robin")
        .defaultServiceConfig(SERVICE)
        .enableRetry()
        .build();
  }

  /** Whether a stream that ended this way is to be begun again: another replica takes over, or there is too much at once. */
  private static void pauseIfAgain(StatusRuntimeException error) throws InterruptedException {
    Status.Code code = error.getStatus().getCode();
    if (code != Status.Code.UNAVAILABLE && code != Status.Code.RESOURCE_EXHAUSTED) {
      throw error;
    }
    Thread.sleep(1000);
  }

  /** Waits until the case is settled. A watch that broke starts with the case as it is. */
  private static void watch(CaseServiceBlockingStub cases, String caseId) throws InterruptedException {
    while (true) {
      try {
        var request = WatchCaseRequest.newBuilder().setCaseId(caseId).build();
        cases.watchCase(request).forEachRemaining(answer -> System.out.println("state " + answer.getCase().getState()));
        return;
      } catch (StatusRuntimeException error) {
        pauseIfAgain(error);
      }
    }
  }

  /** Goes on from the bytes that have come. */
  private static void download(CaseServiceBlockingStub cases, String caseId, OutputStream file)
      throws IOException, InterruptedException, NoSuchAlgorithmException {
    MessageDigest digest = MessageDigest.getInstance("SHA-256");
    long written = 0;
    ExportInfo info = null;
    while (info == null || written < info.getSizeBytes()) {
      try {
        var answers = cases.downloadExport(DownloadExportRequest.newBuilder().setCaseId(caseId).setOffset(written).build());
        while (answers.hasNext()) {
          DownloadExportResponse answer = answers.next();
          if (answer.hasInfo()) {
            info = answer.getInfo();
          }
          byte[] chunk = answer.getChunk().toByteArray();
          file.write(chunk);
          digest.update(chunk);
          written += chunk.length;
        }
      } catch (StatusRuntimeException error) {
        pauseIfAgain(error);
      }
    }
    if (!HexFormat.of().formatHex(digest.digest()).equals(info.getSha256())) {
      throw new IOException("the export is not what the server made");
    }
    System.out.println("export " + written + " bytes " + info.getSha256());
  }

  /** The ErrorInfo of an answer, and what is wrong with which field. */
  private static String said(StatusRuntimeException error) throws InvalidProtocolBufferException {
    List<String> parts = new ArrayList<>();
    for (Any detail : StatusProto.fromThrowable(error).getDetailsList()) {
      if (detail.is(ErrorInfo.class)) {
        parts.add(detail.unpack(ErrorInfo.class).getReason());
      } else if (detail.is(BadRequest.class)) {
        for (var each : detail.unpack(BadRequest.class).getFieldViolationsList()) {
          parts.add(each.getField() + ": " + each.getDescription());
        }
      }
    }
    return String.join("; ", parts);
  }

  private static void run(CaseServiceBlockingStub cases, String email, Path path) throws Exception {
    var request =
        OpenCaseRequest.newBuilder()
            // The id makes the request safe to repeat: the same one opens the same case.
            .setRequestId(UUID.randomUUID().toString())
            .setRight(Right.RIGHT_ACCESS)
            .setSubject(
                Subject.newBuilder().addIdentifiers(Identifier.newBuilder().setKind("email").setValue(email)))
            .addEvidence(
                Evidence.newBuilder().setKind(EvidenceKind.EVIDENCE_KIND_ACCOUNT_SESSION).setReference("example-1"))
            .build();
    String caseId = cases.openCase(request).getCase().getCaseId();
    System.out.println("case " + caseId);
    watch(cases, caseId);
    try (OutputStream file = Files.newOutputStream(path)) {
      download(cases, caseId, file);
    }

    // What a mistake looks like: which field, and what would be right.
    try {
      cases.openCase(OpenCaseRequest.newBuilder().setRequestId("bad").setRight(Right.RIGHT_ACCESS).build());
    } catch (StatusRuntimeException error) {
      System.out.println("mistake " + error.getStatus().getCode() + " " + said(error));
    }
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length != 3) {
      System.err.println("usage: java Export HOST:PORT EMAIL FILE");
      System.exit(2);
    }
    ManagedChannel channel = connect(arguments[0]);
    try {
      var cases = CaseServiceGrpc.newBlockingStub(channel).withDeadlineAfter(10, TimeUnit.MINUTES);
      run(cases, arguments[1], Path.of(arguments[2]));
    } finally {
      channel.shutdownNow().awaitTermination(5, TimeUnit.SECONDS);
    }
  }
}
