//! HTTP/2 by hand: frames as somebody sends them who means no good (RFC 9113, RFC 7541).

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::harness::soon;

/// Where abusers call from: what is limited by address is not the well-behaved caller's.
pub const ABUSER: &str = "127.0.0.2:0";
/// How a connection begins.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What our own PING says.
const PROBE: &[u8; 8] = b"rightful";

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;

const CODES: [&str; 14] = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
];

/// A frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("payloads are short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of a frame whose payload does not come, or not whole.
pub fn head(kind: u8, flags: u8, stream: u32, length: u32) -> Vec<u8> {
    [&length.to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes()].concat()
}

/// A header, literal and not to be indexed.
pub fn header(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        integer(&mut bytes, text.len());
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}

/// A length with a prefix of seven bits.
pub fn integer(bytes: &mut Vec<u8>, mut value: usize) {
    let low = |value: usize| u8::try_from(value & 0x7f).expect("it has seven bits");
    if value < 127 {
        bytes.push(low(value));
        return;
    }
    bytes.push(127);
    value -= 127;
    while value >= 128 {
        bytes.push(low(value) | 0x80);
        value >>= 7;
    }
    bytes.push(low(value));
}

/// The headers of a good call of this method.
pub fn call(method: &str) -> Vec<u8> {
    [
        header(":method", "POST"),
        header(":scheme", "http"),
        header(":path", &format!("/rightful.v1.{method}")),
        header(":authority", "localhost"),
        header("content-type", "application/grpc"),
        header("te", "trailers"),
    ]
    .concat()
}

/// A connection by hand.
pub struct Wire {
    stream: TcpStream,
}

impl Wire {
    /// Connects; nothing is sent.
    pub async fn open(server: SocketAddr) -> Self {
        Self::open_from(ABUSER, server).await
    }

    /// The same, from another address.
    pub async fn open_from(peer: &str, server: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket.bind(peer.parse().expect("it is an address")).expect("loopback has many addresses");
        let stream = soon("a connection", socket.connect(server)).await.expect("it listens");
        stream.set_nodelay(true).expect("it can be set");
        Self { stream }
    }

    /// Connects and begins as it should be.
    pub async fn begun(server: SocketAddr) -> Self {
        let mut wire = Self::open(server).await;
        wire.begin().await;
        wire
    }

    /// Begins as it should be.
    pub async fn begin(&mut self) {
        self.send(&[PREFACE, &frame(SETTINGS, 0, 0, &[])].concat()).await;
    }

    /// Sends, as far as the other side takes it. Answers whether it took all.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        matches!(timeout(Duration::from_secs(5), self.stream.write_all(bytes)).await, Ok(Ok(())))
    }

    /// Sends these again and again while they are taken; what comes back is thrown away.
    pub async fn flood(&mut self, bytes: &[u8], times: usize) {
        let (mut read, mut write) = self.stream.split();
        let sending = async {
            for _ in 0..times {
                if write.write_all(bytes).await.is_err() {
                    return;
                }
            }
        };
        let mut sink = vec![0; 64 * 1024];
        let reading = async { while read.read(&mut sink).await.is_ok_and(|count| count > 0) {} };
        tokio::select! {
            () = sending => {}
            () = reading => {}
        }
    }

    /// Sends a PING, and answers what comes of it all.
    pub async fn verdict(&mut self) -> String {
        self.send(&frame(PING, 0, 0, PROBE)).await;
        self.outcome().await
    }

    /// What comes: the end of the connection, of a stream, or the answer to our PING.
    pub async fn outcome(&mut self) -> String {
        soon("an answer to abuse", self.read()).await
    }

    /// As [`Self::outcome`], where it does not matter how it ends.
    pub async fn end(&mut self) -> String {
        let outcome = self.verdict().await;
        if outcome.starts_with("GOAWAY") || outcome == "closed" {
            "the connection ends".to_owned()
        } else {
            outcome
        }
    }

    /// Waits until the connection ends, whatever comes before.
    pub async fn closed(&mut self) -> String {
        let mut bytes = Vec::new();
        // An end or a reset.
        let _ = soon("the connection to end", self.stream.read_to_end(&mut bytes)).await;
        assert!(bytes.len() < 16, "more than an alert came: {bytes:?}");
        "the connection ends".to_owned()
    }

    async fn read(&mut self) -> String {
        let mut bytes = Vec::new();
        let mut piece = vec![0; 4 * 1024];
        loop {
            while let Some(head) = bytes.first_chunk::<9>() {
                let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]]))
                    .expect("it has 24 bits");
                let (kind, flags) = (head[3], head[4]);
                if bytes.len() < 9 + length {
                    break;
                }
                let payload: Vec<u8> = bytes.drain(..9 + length).skip(9).collect();
                let code = |at: usize| {
                    let code = payload.get(at + 3).copied().unwrap_or_default();
                    CODES.get(usize::from(code)).copied().unwrap_or("?")
                };
                match kind {
                    GOAWAY => return format!("GOAWAY {}", code(4)),
                    RST_STREAM => return format!("RST_STREAM {}", code(0)),
                    PING if flags == 1 && payload == PROBE => return "goes on".to_owned(),
                    _ => {}
                }
            }
            match self.stream.read(&mut piece).await {
                Ok(0) | Err(_) => return "closed".to_owned(),
                Ok(count) => bytes.extend_from_slice(&piece[..count]),
            }
        }
    }
}
