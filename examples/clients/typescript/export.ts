// Asks for everything that is known of a person, waits for it, and writes the export to a file.
//
//     npm ci && npm run build && npm run export -- HOST:PORT EMAIL FILE
//
// With a CA and a token: CA=ca.crt TOKEN_FILE=token npm run export -- …

import { createHash, randomUUID } from "node:crypto";
import { open, readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const proto = resolve(dirname(fileURLToPath(import.meta.url)), "../../../../proto");

interface Case {
  case_id: string;
  state: string;
}
interface ExportInfo {
  sha256: string;
  size_bytes: string;
}
interface Download {
  info?: ExportInfo;
  chunk?: Buffer;
}

/** Answers that mean "again": another replica takes over, or there is too much at once. */
function meansAgain(error: unknown): boolean {
  const code = (error as grpc.ServiceError).code;
  return code === grpc.status.UNAVAILABLE || code === grpc.status.RESOURCE_EXHAUSTED;
}

const pause = (milliseconds: number) => new Promise((done) => setTimeout(done, milliseconds));

async function client(server: string): Promise<grpc.Client & Record<string, any>> {
  const loaded = loadSync(resolve(proto, "rightful/v1/case_service.proto"), {
    includeDirs: [proto],
    keepCase: true,
    longs: String,
    enums: String,
    oneofs: true,
  });
  const { rightful } = grpc.loadPackageDefinition(loaded) as any;
  // In clear: a server on this machine, started with --insecure.
  let credentials = grpc.credentials.createInsecure();
  if (process.env.CA) {
    credentials = grpc.credentials.createSsl(await readFile(process.env.CA));
    const file = process.env.TOKEN_FILE;
    if (file) {
      const token = grpc.credentials.createFromMetadataGenerator((_, done) => {
        readFile(file, "utf8").then(
          (text) => {
            const metadata = new grpc.Metadata();
            metadata.set("authorization", `Bearer ${text.trim()}`);
            done(null, metadata);
          },
          (error) => done(error),
        );
      });
      credentials = grpc.credentials.combineChannelCredentials(credentials, token);
    }
  }
  return new rightful.v1.CaseService(server, credentials);
}

/** A call with one answer, called again while that is what the answer means. Safe, because requests have ids. */
async function again<T>(call: (done: grpc.requestCallback<T>) => void): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await new Promise<T>((done, failed) => call((error, answer) => (error ? failed(error) : done(answer!))));
    } catch (error) {
      if (!meansAgain(error) || attempt === 4) throw error;
      await pause(2 ** attempt * 250);
    }
  }
}

async function main([server, email, file]: string[]): Promise<void> {
  const cases = await client(server);
  // The id makes the request safe to repeat: the same one opens the same case.
  const request = {
    request_id: randomUUID(),
    right: "RIGHT_ACCESS",
    subject: { identifiers: [{ kind: "email", value: email }] },
    evidence: [{ kind: "EVIDENCE_KIND_ACCOUNT_SESSION", reference: "example-1" }],
  };
  const opened = await again<{ case: Case }>((done) => cases.OpenCase(request, done));
  const case_id = opened.case.case_id;
  console.log("case", case_id);

  // A watch ends when the case is settled; after an outage it is begun again and starts with the case as it is.
  for (let ended = false; !ended; ) {
    try {
      for await (const answer of cases.WatchCase({ case_id })) console.log("state", answer.case.state);
      ended = true;
    } catch (error) {
      if (!meansAgain(error)) throw error;
      await pause(1000);
    }
  }

  // A download goes on from the bytes that have come.
  const digest = createHash("sha256");
  const output = await open(file, "w");
  let written = 0;
  let info: ExportInfo | undefined;
  while (info === undefined || written < Number(info.size_bytes)) {
    try {
      for await (const answer of cases.DownloadExport({ case_id, offset: written }) as AsyncIterable<Download>) {
        if (answer.info) info = answer.info;
        if (answer.chunk?.length) {
          await output.write(answer.chunk);
          digest.update(answer.chunk);
          written += answer.chunk.length;
        }
      }
    } catch (error) {
      if (!meansAgain(error)) throw error;
      await pause(1000);
    }
  }
  await output.close();
  const sha256 = digest.digest("hex");
  if (sha256 !== info.sha256) throw new Error("the export is not what the server made");
  console.log("export", written, "bytes", sha256);

  // What a mistake looks like: which field, and what would be right. Its ErrorInfo and BadRequest are in the metadata's
  // grpc-status-details-bin, a google.rpc.Status.
  const mistake = await new Promise<grpc.ServiceError>((done) =>
    cases.OpenCase({ request_id: "bad", right: "RIGHT_ACCESS" }, (error: grpc.ServiceError) => done(error)),
  );
  console.log("mistake", grpc.status[mistake.code], mistake.details);
  cases.close();
}

await main(process.argv.slice(2));
