// Asks for everything that is known of a person, from a page of a console: over gRPC-Web, with nothing in between. The server has
// to name the page's origin in server.web_origins.

import { Code, ConnectError, createClient, type Client } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { Right } from "../gen/rightful/downstream/v1/subject_data_pb";
import { CaseState, type ExportInfo } from "../gen/rightful/v1/case_pb";
import { CaseService } from "../gen/rightful/v1/case_service_pb";
import { EvidenceKind } from "../gen/rightful/v1/handling_pb";

const log = document.querySelector("pre")!;
const link = document.querySelector("a")!;

function say(...words: unknown[]): void {
  log.textContent += `${words.join(" ")}\n`;
}

function client(server: string, token: string): Client<typeof CaseService> {
  const transport = createGrpcWebTransport({
    baseUrl: server,
    interceptors: [
      (next) => (request) => {
        if (token) request.header.set("authorization", `Bearer ${token}`);
        return next(request);
      },
    ],
  });
  return createClient(CaseService, transport);
}

/** Whether it is to be tried again: another replica takes over, or there is too much at once. */
function meansAgain(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return code === Code.Unavailable || code === Code.ResourceExhausted;
}

/** Calls until it has worked. Safe, because requests have ids, a watch starts anew and a download goes on. */
async function again<T>(call: () => Promise<T>): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (!meansAgain(error) || attempt === 4) throw error;
      await new Promise((done) => setTimeout(done, 2 ** attempt * 250));
    }
  }
}

async function download(cases: Client<typeof CaseService>, caseId: string): Promise<Blob> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let written = 0n;
  let info: ExportInfo | undefined;
  await again(async () => {
    for await (const { item } of cases.downloadExport({ caseId, offset: written })) {
      if (item.case === "info") info = item.value;
      if (item.case === "chunk") {
        chunks.push(new Uint8Array(item.value));
        written += BigInt(item.value.length);
      }
    }
  });
  const blob = new Blob(chunks, { type: info!.mediaType });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (sha256 !== info!.sha256) throw new Error("the export is not what the server made");
  say("export", written, "bytes", sha256);
  link.download = info!.fileName;
  return blob;
}

async function ask(server: string, token: string, email: string): Promise<void> {
  const cases = client(server, token);
  const request = {
    // The id makes the request safe to repeat: the same one opens the same case.
    requestId: crypto.randomUUID(),
    right: Right.ACCESS,
    subject: { identifiers: email ? [{ kind: "email", value: email }] : [] },
    evidence: [{ kind: EvidenceKind.ACCOUNT_SESSION, reference: "example-1" }],
  };
  const { caseId } = (await again(() => cases.openCase(request))).case!;
  say("case", caseId);
  await again(async () => {
    for await (const answer of cases.watchCase({ caseId })) say("state", CaseState[answer.case!.state]);
  });
  link.href = URL.createObjectURL(await download(cases, caseId));
  link.hidden = false;
}

document.querySelector("form")!.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = new FormData(event.target as HTMLFormElement);
  const value = (name: string) => String(form.get(name));
  log.textContent = "";
  link.hidden = true;
  ask(value("server"), value("token"), value("email"))
    .catch((error: unknown) => say("mistake", Code[ConnectError.from(error).code], ConnectError.from(error).rawMessage))
    .finally(() => say("done"));
});
