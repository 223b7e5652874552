//! A call made by hand over HTTP/2: any method, any headers, any bytes.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use h2::{RecvStream, client::SendRequest};
use http::{HeaderMap, Request, Response, Uri};
use tokio::{net::TcpSocket, sync::oneshot, task::AbortHandle};
use tonic::Status;

use super::{described, wire::ABUSER};
use crate::harness::soon;

/// A window for any answer.
const WIDE: u32 = 1 << 20;

/// A connection, through which calls go that no client of gRPC would make.
pub struct Http {
    sender: SendRequest<Bytes>,
    driving: AbortHandle,
    widen: Option<oneshot::Sender<()>>,
    authority: String,
}

impl Drop for Http {
    fn drop(&mut self) {
        self.driving.abort();
    }
}

impl Http {
    /// Connects, as an abuser.
    pub async fn open(server: SocketAddr) -> Self {
        Self::with(server, 65_535).await
    }

    /// Connects, and takes so many bytes of each answer until [`Self::widen`].
    pub async fn with(server: SocketAddr, window: u32) -> Self {
        let socket = TcpSocket::new_v4().expect("there are sockets");
        socket.bind(ABUSER.parse().expect("it is an address")).expect("loopback has many addresses");
        let stream = soon("a connection", socket.connect(server)).await.expect("it listens");
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(window).max_concurrent_streams(1_000);
        let (sender, mut connection) = builder.handshake(stream).await.expect("it speaks HTTP/2");
        let (widen, wide) = oneshot::channel();
        // How it ends is seen by the calls.
        let driving = tokio::spawn(async move {
            tokio::select! {
                _ = &mut connection => return,
                Ok(()) = wide => connection.set_initial_window_size(WIDE).expect("it goes on"),
            }
            let _ = connection.await;
        });
        Self { sender, driving: driving.abort_handle(), widen: Some(widen), authority: server.to_string() }
    }

    /// From now on it takes what comes.
    pub fn widen(&mut self) {
        self.widen.take().expect("it was narrow").send(()).expect("it goes on");
    }

    /// The beginning of a good call.
    pub fn post(&self, path: &str) -> http::request::Builder {
        let uri = Uri::builder().scheme("http").authority(self.authority.as_str()).path_and_query(path);
        Request::builder()
            .method("POST")
            .uri(uri.build().expect("it is a path"))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
    }

    /// Sends what stands there and ends; answers what came.
    pub async fn send(&self, request: http::request::Builder, body: &[u8]) -> String {
        let response = match self.begin(request, body, true).await {
            Ok(response) => response,
            Err(ended) => return ended,
        };
        soon("the answer's end", whole(response)).await
    }

    /// Sends this, then a zero from time to time or nothing more, and does not end; answers what came.
    pub async fn unfinished(&self, request: http::request::Builder, body: &[u8], every: Duration) -> String {
        let mut sender = self.sender.clone().ready().await.expect("it takes calls");
        let request = request.body(()).expect("the parts are good");
        let (response, mut stream) = sender.send_request(request, false).expect("it takes calls");
        let _ = stream.send_data(Bytes::copy_from_slice(body), false);
        let answered = async {
            match response.await {
                Ok(response) => whole(response).await,
                Err(error) => ended(&error),
            }
        };
        let trickling = async {
            if every.is_zero() {
                std::future::pending::<()>().await;
            }
            let mut moments = tokio::time::interval(every);
            loop {
                moments.tick().await;
                let _ = stream.send_data(Bytes::from_static(&[0]), false);
            }
        };
        tokio::select! {
            answered = soon("an answer to what does not end", answered) => answered,
            () = trickling => unreachable!("it does not end"),
        }
    }

    /// Sends, and ends or not; answers what came back first, or how it ended.
    pub async fn begin(
        &self,
        request: http::request::Builder,
        body: &[u8],
        ends: bool,
    ) -> Result<Response<RecvStream>, String> {
        let mut sender = self.sender.clone().ready().await.map_err(|error| ended(&error))?;
        let request = request.body(()).expect("the parts are good");
        let (response, mut stream) =
            sender.send_request(request, ends && body.is_empty()).map_err(|error| ended(&error))?;
        if !body.is_empty() {
            // The server may have had enough already.
            let _ = stream.send_data(Bytes::copy_from_slice(body), ends);
        }
        let response = soon("an answer", response).await.map_err(|error| ended(&error));
        drop(stream);
        response
    }
}

/// What an answer says, read to its end.
pub async fn whole(response: Response<RecvStream>) -> String {
    let status = response.status();
    let (head, mut body) = response.into_parts();
    let mut bytes = 0;
    while let Some(data) = body.data().await {
        match data {
            Ok(data) => {
                bytes += data.len();
                let _ = body.flow_control().release_capacity(data.len());
            }
            Err(error) => return ended(&error),
        }
    }
    let trailers = match body.trailers().await {
        Ok(trailers) => trailers,
        Err(error) => return ended(&error),
    };
    let status_of = |headers: &HeaderMap| Status::from_header_map(headers);
    let found = trailers.as_ref().and_then(status_of).or_else(|| status_of(&head.headers));
    match found {
        Some(found) if found.code() == tonic::Code::Ok => "OK".to_owned(),
        Some(found) => described(&found),
        None => format!("HTTP {}{}", status.as_u16(), if bytes > 0 { " with a body" } else { "" }),
    }
}

fn ended(error: &h2::Error) -> String {
    let reason = error.reason().map_or("closed".to_owned(), |reason| format!("{reason:?}"));
    if error.is_go_away() {
        format!("GOAWAY {reason}")
    } else if error.is_reset() {
        format!("RST_STREAM {reason}")
    } else if error.is_io() {
        "closed".to_owned()
    } else {
        format!("not sent: {error}")
    }
}

/// A message as gRPC frames it.
pub fn framed(message: &impl prost::Message) -> Vec<u8> {
    prefixed(0, &message.encode_to_vec())
}

/// Any bytes with gRPC's prefix.
pub fn prefixed(flag: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u32::try_from(bytes.len()).expect("messages are short").to_be_bytes();
    [&[flag][..], &length, bytes].concat()
}
