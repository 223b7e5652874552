//! What a scraper gets from the metrics' endpoint.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Head and body of the answer to a GET.
pub async fn get(address: &str, path: &str) -> (String, String) {
    get_as(address, path, "*/*").await
}

/// Asks over HTTP/1.1 for this media type: head and body of the answer.
pub async fn get_as(address: &str, path: &str, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: {accept}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers in UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    (head.to_owned(), body.to_owned())
}
