//! What is no HTTP/2, and HTTP/2 that breaks its rules.

use std::time::Duration;

use super::{
    Arena,
    wire::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PREFACE, PRIORITY,
        PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, Wire, call, frame, head, header,
    },
};

const GET: &str = "CaseService/GetCase";

/// Connections that begin with something else.
pub async fn beginnings(arena: &Arena<'_>) {
    let tls = [0x16, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3];
    let zeros = [0; 64];
    let noise: Vec<u8> = (0..200_u8).map(|byte| byte.wrapping_mul(97) ^ 0x5a).collect();
    let begun = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let lower = String::from_utf8_lossy(PREFACE).to_lowercase().into_bytes();
    let ping_first = [PREFACE, &frame(PING, 0, 0, &[0; 8])].concat();
    let twice = [begun.clone(), begun.clone()].concat();
    for (name, bytes) in [
        ("HTTP/1.1", &b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n"[..]),
        ("HTTP/1.0", b"GET / HTTP/1.0\r\n\r\n"),
        ("an upgrade to h2c", b"GET / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"),
        ("a proxy's CONNECT", b"CONNECT example.org:443 HTTP/1.1\r\n\r\n"),
        ("TLS where none is spoken", &tls),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n"),
        ("SMTP", b"EHLO example.org\r\nMAIL FROM:<a@example.org>\r\n"),
        ("Redis", b"*1\r\n$4\r\nINFO\r\n*1\r\n$4\r\nPING\r\n"),
        ("PostgreSQL", b"\0\0\0\x08\x04\xd2\x16\x2f\0\0\0\x08\x04\xd2\x16\x2f"),
        ("PROXY protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n"),
        ("zeros", &zeros),
        ("noise", &noise),
        ("the preface in lower case", &lower),
        ("PING before SETTINGS", &ping_first),
        ("the preface twice", &twice),
    ] {
        let mut wire = Wire::open(arena.address()).await;
        wire.send(bytes).await;
        arena.note("beginnings", name, wire.end().await);
    }
    for (name, bytes) in [
        ("nothing at all", &b""[..]),
        ("half a preface, then silence", &PREFACE[..12]),
        ("a preface, then silence", PREFACE),
        ("half a first head, then silence", &begun[..28]),
    ] {
        let mut wire = Wire::open(arena.address()).await;
        wire.send(bytes).await;
        arena.note("beginnings", name, wire.outcome().await);
    }
    let mut wire = Wire::open(arena.address()).await;
    let mut moments = tokio::time::interval(Duration::from_millis(60));
    for byte in PREFACE {
        moments.tick().await;
        if !wire.send(&[*byte]).await {
            break;
        }
    }
    arena.note("beginnings", "a byte from time to time", wire.outcome().await);
}

/// Single frames that are not as they should be.
pub async fn frames(arena: &Arena<'_>) {
    let setting =
        |id: u16, value: u32| frame(SETTINGS, 0, 0, &[&id.to_be_bytes()[..], &value.to_be_bytes()].concat());
    let open = || frame(HEADERS, END_HEADERS, 1, &call(GET));
    let after_open = |more: Vec<u8>| [open(), more].concat();
    for (name, bytes) in [
        ("SETTINGS of five bytes", frame(SETTINGS, 0, 0, &[0; 5])),
        ("SETTINGS of a stream", frame(SETTINGS, 0, 1, &[])),
        ("SETTINGS acknowledged with something", frame(SETTINGS, 1, 0, &[0; 6])),
        ("SETTINGS acknowledged that were not sent", frame(SETTINGS, 1, 0, &[]).repeat(3)),
        ("push enabled twofold", setting(2, 2)),
        ("a window larger than there are", setting(4, 0x8000_0000)),
        ("a window of nothing", setting(4, 0)),
        ("frames of one byte", setting(5, 1)),
        ("frames of 16 MiB", setting(5, 0x0100_0000)),
        ("a table of 4 GiB", setting(1, u32::MAX)),
        ("an unknown setting", setting(0xabcd, 7)),
        ("a frame larger than allowed", frame(PING, 0, 0, &vec![0; 20_000])),
        ("a frame of 16 MiB announced", head(DATA, 0, 1, 0x00ff_ffff)),
        ("PING of seven bytes", frame(PING, 0, 0, &[0; 7])),
        ("PING of a stream", frame(PING, 0, 1, &[0; 8])),
        ("an unknown type", frame(0xee, 0xff, 0, b"what")),
        ("PRIORITY on itself", frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])),
        ("PRIORITY of four bytes", frame(PRIORITY, 0, 1, &[0; 4])),
        ("PRIORITY of no stream", frame(PRIORITY, 0, 0, &[0; 5])),
        ("a window grown by nothing", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a window grown beyond all", frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes())),
        ("a window of a stream that is not", frame(WINDOW_UPDATE, 0, 9, &[0, 0, 0, 1])),
        ("a window of three bytes", frame(WINDOW_UPDATE, 0, 0, &[0; 3])),
        ("the end of a stream that is not", frame(RST_STREAM, 0, 9, &[0; 4])),
        ("the end of no stream", frame(RST_STREAM, 0, 0, &[0; 4])),
        ("an end of three bytes", frame(RST_STREAM, 0, 1, &[0; 3])),
        ("GOAWAY of nothing", frame(GOAWAY, 0, 0, &[])),
        ("GOAWAY of a stream", frame(GOAWAY, 0, 1, &[0; 8])),
        ("a push by the client", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])),
        ("DATA of no stream", frame(DATA, 0, 0, b"x")),
        ("DATA of a stream that is not", frame(DATA, 0, 1, b"x")),
        ("DATA of more padding than there is", after_open(frame(DATA, PADDED, 1, &[200, 1, 2]))),
        ("CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, &call(GET))),
        ("HEADERS of no stream", frame(HEADERS, END_HEADERS, 0, &call(GET))),
        ("HEADERS of a server's stream", frame(HEADERS, END_HEADERS, 2, &call(GET))),
        ("HEADERS of more padding than there is", frame(HEADERS, END_HEADERS | PADDED, 1, &[255, 1])),
        ("HEADERS that depend on themselves", {
            let payload = [&[0, 0, 0, 1, 16][..], &call(GET)].concat();
            frame(HEADERS, END_HEADERS | END_STREAM | 0x20, 1, &payload)
        }),
        ("HEADERS with something in between", {
            [frame(HEADERS, 0, 1, &call(GET)), frame(PING, 0, 0, &[0; 8])].concat()
        }),
        ("streams that go backwards", {
            let ended = |stream| frame(HEADERS, END_HEADERS | END_STREAM, stream, &call(GET));
            [ended(7), ended(5)].concat()
        }),
        ("DATA after the end", {
            let ended = frame(HEADERS, END_HEADERS | END_STREAM, 1, &call(GET));
            [ended, frame(DATA, 0, 1, b"x")].concat()
        }),
        ("more than the window", {
            let all = frame(DATA, 0, 1, &[0; 16_000]).repeat(80);
            after_open(all)
        }),
        ("a request again in its trailers", after_open(frame(HEADERS, END_HEADERS, 1, &call(GET)))),
    ] {
        let mut wire = Wire::begun(arena.address()).await;
        wire.send(&bytes).await;
        arena.note("frames", name, wire.verdict().await);
    }
}

/// Headers that cannot be, or are too much.
pub async fn headers(arena: &Arena<'_>) {
    let with = |more: Vec<u8>| [call(GET), more].concat();
    let without = |pseudo: &str| {
        let all = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", "/rightful.v1.CaseService/GetCase"),
            ("content-type", "application/grpc"),
        ];
        let kept = all.iter().filter(|(name, _)| *name != pseudo);
        kept.flat_map(|(name, value)| header(name, value)).collect::<Vec<u8>>()
    };
    // An entry of 3,000 bytes put into the table once, and named 5,000 times: 15 MB of headers in 8 KB.
    let bomb = {
        let entry = [&[0x40][..], &header("x-bomb", &"b".repeat(3_000))[1..]].concat();
        [call(GET), entry, vec![0xbe; 5_000]].concat()
    };
    for (name, block) in [
        ("an index of nothing", vec![0x80]),
        ("an index beyond the table", vec![0xff, 0x80, 0x7f]),
        ("an integer without end", vec![0xff; 40]),
        ("Huffman that ends nowhere", vec![0x00, 0x81, 0x00, 0x01, b'x']),
        ("a string longer than what there is", vec![0x00, 0x7f, 0x20, b'x']),
        ("a table larger than agreed", [vec![0x3f, 0xe1, 0xff, 0x03], call(GET)].concat()),
        ("a bomb", bomb),
        ("one name, 20,000 bytes of value", with(header("x-large", &"x".repeat(16_200)))),
        ("a name of nothing", with(header("", "x"))),
        ("a name in upper case", with(header("X-Upper", "x"))),
        ("a name with a space", with(header("x y", "x"))),
        ("a line break in a value", with(header("x-split", "a\r\nauthorization: Bearer b"))),
        ("a zero in a value", with(header("x-zero", "a\0b"))),
        ("a pseudo-header at the end", with(header(":path", "/other"))),
        ("an unknown pseudo-header", [header(":admin", "1"), call(GET)].concat()),
        ("a status in a request", [header(":status", "200"), call(GET)].concat()),
        ("no method", without(":method")),
        ("no path", without(":path")),
        ("no scheme", without(":scheme")),
        ("connection", with(header("connection", "keep-alive"))),
        ("transfer-encoding", with(header("transfer-encoding", "chunked"))),
        ("te: gzip", with(header("te", "gzip"))),
        ("two lengths", with([header("content-length", "1"), header("content-length", "2")].concat())),
        ("a length that is no number", with(header("content-length", "-5"))),
    ] {
        let mut wire = Wire::begun(arena.address()).await;
        for (at, piece) in block.chunks(16_000).enumerate() {
            let is_last = (at + 1) * 16_000 >= block.len();
            let kind = if at == 0 { HEADERS } else { CONTINUATION };
            let flags = if is_last { END_HEADERS } else { 0 } | if at == 0 { END_STREAM } else { 0 };
            wire.send(&frame(kind, flags, 1, piece)).await;
        }
        arena.note("headers", name, wire.verdict().await);
    }
}

/// Too much of what is allowed once.
pub async fn floods(arena: &Arena<'_>) {
    let open = |stream: u32| frame(HEADERS, END_HEADERS, stream, &call(GET));
    let reset = |stream: u32| frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    for (name, bytes) in [
        ("PING", frame(PING, 0, 0, &[1; 8])),
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PRIORITY", frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 7])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("unknown types", frame(0xee, 0, 0, b"")),
    ] {
        let mut wire = Wire::begun(arena.address()).await;
        wire.flood(&bytes, 20_000).await;
        arena.note("floods", name, wire.end().await);
    }
    let mut wire = Wire::begun(arena.address()).await;
    wire.send(&open(1)).await;
    wire.flood(&frame(DATA, 0, 1, b""), 20_000).await;
    arena.note("floods", "DATA of nothing", wire.end().await);

    let mut wire = Wire::begun(arena.address()).await;
    wire.send(&frame(HEADERS, 0, 1, &call(GET))).await;
    wire.flood(&frame(CONTINUATION, 0, 1, &header("x", &"y".repeat(8_000))), 2_000).await;
    arena.note("floods", "CONTINUATION", wire.end().await);

    let mut wire = Wire::begun(arena.address()).await;
    wire.send(&frame(HEADERS, 0, 1, &call(GET))).await;
    wire.flood(&frame(CONTINUATION, 0, 1, b""), 20_000).await;
    arena.note("floods", "CONTINUATION of nothing", wire.end().await);

    let mut wire = Wire::begun(arena.address()).await;
    let rapid: Vec<u8> =
        (0..5_000_u32).flat_map(|at| [open(2 * at + 1), reset(2 * at + 1)].concat()).collect();
    wire.flood(&rapid, 1).await;
    arena.note("floods", "calls opened and cancelled", wire.end().await);

    let mut wire = Wire::begun(arena.address()).await;
    let bad = |at: u32| {
        let stream = 2 * at + 1;
        [open(stream), frame(WINDOW_UPDATE, 0, stream, &[0; 4])].concat()
    };
    let made: Vec<u8> = (0..5_000).flat_map(bad).collect();
    wire.flood(&made, 1).await;
    arena.note("floods", "calls that we are made to cancel", wire.end().await);

    let mut wire = Wire::begun(arena.address()).await;
    let many: Vec<u8> = (0..300_u32).flat_map(|at| open(2 * at + 1)).collect();
    wire.send(&many).await;
    arena.note("floods", "300 calls at once on one connection", wire.verdict().await);
}
