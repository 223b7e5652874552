#!/usr/bin/env python3
"""Records docs/grpcurl.md: a session with the real grpcurl for each RPC, against the demo, kept running.

`grpcurl.py GRPCURL SERVER EMAIL` writes it; with `check` at the end it fails if what comes back is not what is written there.
What differs from run to run (ids, times, digests, sizes) is masked.
"""

import datetime
import json
import pathlib
import re
import subprocess
import sys

DOCUMENT = pathlib.Path(__file__).resolve().parent.parent / "docs" / "grpcurl.md"
# Anything a run makes up. Fields of protobuf's 64-bit numbers are strings of digits in JSON.
MASKS = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "01a2…"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "2026-…Z"),
    (re.compile(r"\b\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?\b"), "2026-…"),
    (re.compile(r"\b[0-9a-f]{32,64}\b"), "3f2a…"),
    (re.compile(r"01a2…-\d+-\d+"), "01a2…-7-0"),
    (re.compile(r"; stood still for [^.;]*"), ""),
    (re.compile(r"^\d+(\.\d+)?s$"), "0.002s"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:…"),
    (re.compile(r"^[A-Za-z0-9+/]{60,}={0,2}$"), "…"),
]
EVIDENCE = [{"kind": "EVIDENCE_KIND_ACCOUNT_SESSION", "reference": "ticket-7"}]
ITEMS = 2


def mask(value):
    if isinstance(value, dict):
        return {key: mask(each) for key, each in value.items()}
    if isinstance(value, list):
        return [mask(each) for each in value[:ITEMS]] + (["…"] if len(value) > ITEMS else [])
    if isinstance(value, str):
        for pattern, shown in MASKS:
            value = pattern.sub(shown, value)
        return "12" if re.fullmatch(r"\d+", value) else value
    if isinstance(value, int) and not isinstance(value, bool):
        return 12 if value > 0 else value
    return value


class Recorder:
    def __init__(self, grpcurl, server):
        self.grpcurl, self.server, self.text = grpcurl, server, []

    def head(self, text):
        self.text.append(text)

    def call(self, rpc, request=None, said="", more=(), last=False, shown=None):
        """Calls, writes the session down, and answers the last message."""
        body = request if isinstance(request, list) else [request or {}]
        data = " ".join(json.dumps(each) for each in body)
        ran = subprocess.run(
            [self.grpcurl, "-plaintext", *more, "-d", data, self.server, f"rightful.v1.{rpc}"],
            capture_output=True, text=True, timeout=60,
        )
        method = rpc.split("/")[1]
        self.text.append(f"### {method}\n" + (f"\n{said}\n" if said else ""))
        masked = " ".join(json.dumps(each, ensure_ascii=False) for each in (shown or body))
        for pattern, shown_as in MASKS[:3]:
            masked = pattern.sub(shown_as, masked)
        argument = "" if masked == "{}" else f" -d '{masked}'"
        flags = " ".join(more)
        command = f"$ grpcurl -plaintext{' ' + flags if flags else ''}{argument} localhost:7443 rightful.v1.{rpc}"
        messages, decoder, rest = [], json.JSONDecoder(), ran.stdout.strip()
        while rest:
            message, end = decoder.raw_decode(rest)
            messages.append(message)
            rest = rest[end:].strip()
        picked = messages[-1:] if last else messages[:1]
        for message in picked:
            # How many answers share a message is a matter of when they are ready.
            if "results" in message:
                message["results"] = message["results"][:1]
        lines = [json.dumps(mask(each), indent=2, ensure_ascii=False) for each in picked]
        if ran.returncode != 0:
            error = ran.stderr.strip()
            for pattern, shown_as in MASKS[:4]:
                error = pattern.sub(shown_as, error)
            lines.append(re.sub(r"(retryDelay\": \")[0-9.]+s", r"\g<1>1s", error))
        self.text.append("```console\n" + command + "\n" + "\n".join(lines) + "\n```\n")
        return messages[-1] if messages else {}


def record(recorder, email):
    call, head = recorder.call, recorder.head
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    subject = {"identifiers": [{"kind": "email", "value": email}]}
    shown = {"identifiers": [{"kind": "email", "value": "ada@example.org"}]}

    def opening(request_id, right, evidence=True):
        request = {"request_id": request_id, "right": right, "subject": subject}
        masked = {**request, "subject": shown}
        more = {"evidence": EVIDENCE} if evidence else {}
        return {**request, **more}, [{**masked, **more}]

    head("## Who calls\n")
    call("AccessService/GetCaller")
    call("AccessService/ListDenials", {"page_size": 2}, "Calls that were turned away. Without `[auth]` there are none.")
    head("## Downstreams\n")
    call("DownstreamService/ListDownstreams", {"page_size": 1})
    call("DownstreamService/DescribeDownstream", {"name": "analytics"}, "What it holds, and under which terms.")
    call("DownstreamService/CheckDownstream", {"name": "billing"})
    call("DownstreamService/PauseDownstream", {"name": "analytics", "note": "maintenance until noon"})
    call("DownstreamService/ResumeDownstream", {"name": "analytics"})
    head("## Cases\n")
    call("CaseService/PreviewCase", {"right": "RIGHT_ERASURE", "subject": subject},
         "What opening a case would do. Nothing is changed.", shown=[{"right": "RIGHT_ERASURE", "subject": shown}])
    request, masked = opening("grpcurl-1", "RIGHT_ACCESS")
    access = call("CaseService/OpenCase", request, "The same `request_id` opens the same case, however often it is sent.", shown=masked)
    case = access["case"]["caseId"]
    call("CaseService/WatchCase", {"case_id": case}, "A message for each change, the first at once; it ends when the case is settled. The last one:", last=True)
    call("CaseService/GetCase", {"case_id": case})
    call("CaseService/ListCases", {"page_size": 1, "right": "RIGHT_ACCESS"})
    call("CaseService/DownloadExport", {"case_id": case}, "First the sum and the size, then the file in chunks. `rightful export download` writes it to disk. The first message:")
    bulk = [opening("grpcurl-2", "RIGHT_ACCESS"), opening("grpcurl-3", "RIGHT_ACCESS")]
    call("CaseService/OpenCases", [{"cases": [bulk[0][0]]}, {"cases": [bulk[1][0]]}],
         "Many openings over one stream; every answer is durable when it comes. The first one:",
         shown=[{"cases": [{"request_id": f"grpcurl-{number}", "…": "…"}]} for number in (2, 3)])
    request, masked = opening("grpcurl-4", "RIGHT_RECTIFICATION", evidence=False)
    call("CaseService/OpenCase", {**request, "corrections": []}, "What is wrong is said field by field.", shown=masked)
    request, masked = opening("grpcurl-5", "RIGHT_ERASURE", evidence=False)
    waiting = call("CaseService/OpenCase", request, "Without evidence an erasure waits until somebody has verified who asks.", shown=masked)
    waiting = waiting["case"]["caseId"]
    call("CaseService/AcknowledgeCase", {"case_id": waiting})
    call("CaseService/PauseClock", {"case_id": waiting, "ground": "PAUSE_GROUND_IDENTITY_IN_DOUBT"})
    call("CaseService/ResumeClock", {"case_id": waiting})
    call("CaseService/ExtendDeadline", {"case_id": waiting, "ground": "EXTENSION_GROUND_COMPLEXITY", "told_time": now, "note": "many systems"})
    call("CaseService/ApproveCase", {"case_id": waiting}, "Where `policy.approval` asks for a second person. Here it does not:")
    call("CaseService/ConfirmSubject", {"case_id": waiting, "evidence": EVIDENCE}, "From now on it goes on.")
    call("CaseService/WatchCase", {"case_id": waiting}, "The last message:", last=True)
    call("CaseService/GetReceipt", {"case_id": waiting}, "What was erased, what was kept and why; the JSON is base64 here.")
    request, masked = opening("grpcurl-6", "RIGHT_ACCESS", evidence=False)
    other = call("CaseService/OpenCase", request, shown=masked)["case"]["caseId"]
    call("CaseService/CancelCase", {"case_id": other})
    call("CaseService/RefuseCase", {"case_id": other, "ground": {"code": "GROUND_CODE_OTHER", "legal_basis": "GDPR 12(5)(b)", "explanation": "manifestly excessive"}},
         "On a ground of the law. A case that has ended cannot be refused any more:")
    call("CaseService/GetGuardian", {"case_id": case}, "Who is told of a minor's case. Of an adult's there is nobody:")
    unknown = "01a20000-0000-7000-8000-000000000000"
    call("CaseService/RetryTask", {"task_id": unknown}, "Of a task that needs attention. What is not there:")
    call("CaseService/ResolveTask", {"resolution": {"task_id": unknown, "nothing_held": {}}},
         "What people have found out by hand, with records and files behind the first message. What is not there:")
    head("## Holds\n")
    hold = call("HoldService/PlaceHold", {"request_id": "grpcurl-h", "subject": subject, "matter": "M-2026-7"},
                shown=[{"request_id": "grpcurl-h", "subject": shown, "matter": "M-2026-7"}])["hold"]["holdId"]
    call("HoldService/GetHold", {"hold_id": hold})
    call("HoldService/ListHolds", {"page_size": 1, "active": True})
    call("HoldService/ReleaseHold", {"hold_id": hold, "note": "settled"})
    head("## Notices\n")
    call("NoticeService/ListNotices", {"page_size": 2})
    call("NoticeService/WatchNotices", {"after_sequence": "0"}, "It goes on until it is ended; here after two seconds. The first message:", more=["-max-time", "2"])
    call("NoticeService/ListWebhooks")
    call("NoticeService/EnableWebhook", {"name": "crm"})
    head("## Retention\n")
    sweep = call("RetentionService/PlanSweep", {"downstream": "billing"}, "What has outlived its period. Nothing is taken away yet.")
    sweep = sweep.get("sweep", {}).get("sweepId", unknown)
    call("RetentionService/GetSweep", {"sweep_id": sweep})
    call("RetentionService/ListSweeps", {"page_size": 1})
    call("RetentionService/RunSweep", {"sweep_id": unknown})
    call("RetentionService/DiscardSweep", {"sweep_id": unknown})


def main():
    grpcurl, server, email, *check = sys.argv[1:]
    recorder = Recorder(grpcurl, server)
    recorder.head(
        "# With grpcurl\n\nRecorded by `scripts/grpcurl.py` from a real run against `rightful demo --keep-running`, and compared with one by "
        "`scripts/check_grpcurl`; do not edit. What differs from run to run is masked (`…`), lists are cut after two entries.\n\n"
        "Reflection is always on: it needs no role, and shows what `proto/` says. Under TLS leave out `-plaintext` and add `-cacert ca.crt -H "
        '"authorization: Bearer $TOKEN"`.\n\n```console\n$ grpcurl -plaintext localhost:7443 list\n$ grpcurl -plaintext localhost:7443 describe '
        "rightful.v1.CaseService.OpenCase\n```\n"
    )
    record(recorder, email)
    text = "\n".join(recorder.text)
    assert email not in text, "the document names the demo's person"
    if check == ["check"]:
        if DOCUMENT.read_text() != text:
            pathlib.Path("target/grpcurl.md").write_text(text)
            sys.exit(f"{DOCUMENT.name} is not what comes back: diff docs/grpcurl.md target/grpcurl.md")
    else:
        DOCUMENT.write_text(text)
    listed = subprocess.run([grpcurl, "-plaintext", server, "list"], capture_output=True, text=True, check=True).stdout.split()
    for service in (each for each in listed if each.startswith("rightful.v1.")):
        methods = subprocess.run([grpcurl, "-plaintext", server, "list", service], capture_output=True, text=True, check=True)
        for method in methods.stdout.split():
            assert f"### {method.rsplit('.', 1)[1]}\n" in text, f"{method} has no session"


if __name__ == "__main__":
    main()
