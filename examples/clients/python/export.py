#!/usr/bin/env python3
"""Asks for everything that is known of a person, waits for it, and writes the export to a file.

    python export.py HOST:PORT EMAIL FILE [--ca ca.crt --token-file token]

The stubs are made from proto/ at the first run; a service of yours would make them when it is built.
"""

import argparse
import hashlib
import pathlib
import sys
import tempfile
import time
import uuid

import grpc
import grpc_tools
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from grpc_tools import protoc

PROTO = pathlib.Path(__file__).resolve().parents[3] / "proto"
# Answers that mean "again": another replica takes over, or there is too much at once.
AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


def stubs():
    """Makes the stubs and imports them."""
    out = tempfile.mkdtemp()
    files = [str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto")]
    known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    made = protoc.main(["protoc", f"-I{PROTO}", f"-I{known}", f"--python_out={out}", f"--grpc_python_out={out}", *files])
    assert made == 0, "protoc failed"
    sys.path.insert(0, out)
    from rightful.downstream.v1 import subject_data_pb2
    from rightful.v1 import case_pb2, case_service_pb2, case_service_pb2_grpc, handling_pb2

    return subject_data_pb2, case_pb2, case_service_pb2, case_service_pb2_grpc, handling_pb2


def reason(error):
    """The ErrorInfo of an answer, and what is wrong with which field."""
    said = []
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            said.append(f"{info.reason} {dict(info.metadata)}")
        elif detail.Unpack(bad):
            said += [f"{each.field}: {each.description}" for each in bad.field_violations]
    return "; ".join(said)


def again(call):
    """Calls, and calls again while that is what the answer means. Safe, because requests have ids."""
    for attempt in range(5):
        try:
            return call()
        except grpc.RpcError as error:
            if error.code() not in AGAIN or attempt == 4:
                raise
            time.sleep(2**attempt / 4)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("server")
    parser.add_argument("email")
    parser.add_argument("file", type=pathlib.Path)
    parser.add_argument("--ca", type=pathlib.Path)
    parser.add_argument("--token-file", type=pathlib.Path)
    arguments = parser.parse_args()
    data, case_pb2, service, service_grpc, handling = stubs()

    options = [("grpc.lb_policy_name", "round_robin")]
    if arguments.ca:
        credentials = grpc.ssl_channel_credentials(arguments.ca.read_bytes())
        if arguments.token_file:
            token = grpc.access_token_call_credentials(arguments.token_file.read_text().strip())
            credentials = grpc.composite_channel_credentials(credentials, token)
        channel = grpc.secure_channel(arguments.server, credentials, options)
    else:
        # In clear: a server on this machine, started with --insecure.
        channel = grpc.insecure_channel(arguments.server, options)
    cases = service_grpc.CaseServiceStub(channel)

    # The id makes the request safe to repeat: the same one opens the same case.
    request = service.OpenCaseRequest(
        request_id=str(uuid.uuid4()),
        right=data.RIGHT_ACCESS,
        subject=data.Subject(identifiers=[data.Identifier(kind="email", value=arguments.email)]),
        evidence=[handling.Evidence(kind=handling.EVIDENCE_KIND_ACCOUNT_SESSION, reference="example-1")],
    )
    opened = again(lambda: cases.OpenCase(request, timeout=10)).case
    print("case", opened.case_id)

    # A watch ends when the case is settled; after an outage it is begun again and starts with the case as it is.
    settled = None
    while settled is None:
        try:
            for answer in cases.WatchCase(service.WatchCaseRequest(case_id=opened.case_id)):
                print("state", case_pb2.CaseState.Name(answer.case.state))
                settled = answer.case
        except grpc.RpcError as error:
            if error.code() not in AGAIN:
                raise
            settled = None
            time.sleep(1)

    # A download goes on from the bytes that have come.
    digest, written, info = hashlib.sha256(), 0, None
    with arguments.file.open("wb") as file:
        while info is None or written < info.size_bytes:
            download = service.DownloadExportRequest(case_id=opened.case_id, offset=written)
            try:
                for answer in cases.DownloadExport(download):
                    if answer.HasField("info"):
                        info = answer.info
                    else:
                        file.write(answer.chunk)
                        digest.update(answer.chunk)
                        written += len(answer.chunk)
            except grpc.RpcError as error:
                if error.code() not in AGAIN:
                    raise
                time.sleep(1)
    assert digest.hexdigest() == info.sha256, "the export is not what the server made"
    print("export", written, "bytes", info.sha256)

    # What a mistake looks like: which field, and what would be right.
    try:
        bad = service.OpenCaseRequest(request_id="bad", right=data.RIGHT_ACCESS)
        cases.OpenCase(bad, timeout=10)
    except grpc.RpcError as error:
        print("mistake", error.code().name, reason(error))


if __name__ == "__main__":
    main()
